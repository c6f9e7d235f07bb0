//! Where a task can begin again: the ends of its turns, as its runs' journals
//! tell them.

use crate::hub::Parts;
use pilot_lifecycle::RetryAt;
use pilot_proto::console::RetryFrom;
use pilot_proto::run::Checkpoint;
use pilot_proto::{Code, Event, Problem, Record, Run, RunId, Task};
use pilot_store::{Part, Want};
use std::collections::BTreeMap;

const EVENTS: Part = Part::Only(&["checkpoint", "turn_started"]);
/// Records read at once.
const PAGE: Want = Want { part: EVENTS, limit: 1000, max_bytes: 4 * 1024 * 1024 };
/// What an agent is told that stands at the end of its run.
const GO_ON: &str = "Go on where you were.";

/// The turns of a run.
#[derive(Default)]
struct Turns {
    kept: BTreeMap<u32, Checkpoint>,
    told: BTreeMap<u32, String>,
}

impl Turns {
    fn take(&mut self, record: Record) {
        match record.event {
            Event::Checkpoint(kept) => {
                self.kept.insert(kept.turn, kept);
            }
            Event::TurnStarted { turn, prompt } => {
                self.told.insert(turn, prompt);
            }
            _ => {}
        }
    }
}

impl Parts {
    /// Where and with which words a run begins again.
    pub(crate) async fn checkpoint(&self, wanted: &RetryFrom) -> Result<RetryAt, Problem> {
        let task = self.task_or_problem(wanted.task).await?;
        let runs = self.store.runs(task.id).await.map_err(|error| error.problem())?;
        let mut runs: Vec<&Run> =
            runs.iter().filter(|run| wanted.run.is_none_or(|only| only == run.id)).collect();
        // The latest first: its turns are the ones that a person has before them.
        runs.reverse();
        for run in runs {
            let turns = self.turns(run.id).await?;
            if !turns.kept.is_empty() {
                return at(&task, run, turns, wanted);
            }
        }
        let what =
            wanted.run.map_or_else(|| "The task".to_owned(), |run| format!("The run `{run}`"));
        Err(Problem::new(Code::Precondition, format!("{what} has kept no turn to begin at."))
            .hint("`pilot task again` begins from the base."))
    }

    async fn turns(&self, run: RunId) -> Result<Turns, Problem> {
        let mut turns = Turns::default();
        let mut reached = 0;
        loop {
            let page = self.store.records_after(run, reached, &PAGE).await;
            let page = page.map_err(|error| error.problem())?;
            page.records.into_iter().for_each(|record| turns.take(record));
            if page.end || page.reached <= reached {
                return Ok(turns);
            }
            reached = page.reached;
        }
    }
}

fn at(task: &Task, run: &Run, turns: Turns, wanted: &RetryFrom) -> Result<RetryAt, Problem> {
    let Turns { mut kept, told } = turns;
    let RetryFrom { turn, prompt, .. } = wanted;
    let known: Vec<String> = kept.keys().map(u32::to_string).collect();
    let known = format!("Turns that run {} has kept: {}.", run.attempt, known.join(", "));
    let Some(kept) = kept.remove(turn) else {
        let message = format!("There is no checkpoint of turn {turn}.");
        return Err(Problem::new(Code::NotFound, message).hint(known));
    };
    if !kept.left_out.is_empty() {
        let message = format!("The tree of turn {turn} was not kept: {}.", kept.left_out);
        return Err(Problem::new(Code::Precondition, message).hint(known));
    }
    let again = || told.get(&(turn + 1)).cloned();
    let first = || if *turn == 0 { task.prompt.clone() } else { GO_ON.to_owned() };
    let prompt = prompt.clone().or_else(again).unwrap_or_else(first);
    Ok(RetryAt { kept, attempt: run.attempt, prompt })
}
