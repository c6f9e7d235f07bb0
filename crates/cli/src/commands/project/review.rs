//! `pilot project review`.

use super::{by_name, keep};
use crate::args::{Globals, ProjectReview};
use crate::commands::Done;
use crate::output;
use pilot_client::Client;
use pilot_proto::task::ReviewPass;
use pilot_proto::{Code, Problem};

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    words: ProjectReview,
) -> anyhow::Result<Done> {
    let mut project = by_name(hub, &words.name).await?;
    let before = project.review.clone();
    let wanted = match (words.off, words.by, words.rounds) {
        (true, ..) => None,
        (false, Some(by), rounds) => {
            let rounds = rounds.or(before.as_ref().map(|pass| pass.rounds)).unwrap_or(1);
            Some(ReviewPass { agent: by.agent, model: by.model, rounds })
        }
        (false, None, Some(rounds)) => {
            let Some(pass) = before.clone() else {
                let problem = Problem::new(Code::Invalid, "the project has no reviewer");
                return Err(problem.hint("name one: `--by AGENT[:MODEL]`").into());
            };
            Some(ReviewPass { rounds, ..pass })
        }
        (false, None, None) => before.clone(),
    };
    let review = if wanted == before {
        before
    } else {
        project.review = wanted;
        keep(hub, project).await?.review
    };
    output::show(globals, &review, || match &review {
        None => "nobody looks at the work but people".to_owned(),
        Some(ReviewPass { agent, model, rounds }) => {
            let model = model.as_ref().map(|model| format!(" with {model}")).unwrap_or_default();
            let times = if *rounds == 1 { "once".to_owned() } else { format!("{rounds} times") };
            format!("{agent}{model} looks at the work; its findings go back at most {times}")
        }
    })?;
    Ok(Done::Well)
}
