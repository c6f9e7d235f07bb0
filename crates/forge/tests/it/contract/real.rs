//! The same scenarios on a server of which only the address is known: a real
//! one that `scripts/forge-contract` names, and otherwise doubles that are
//! treated as if they were, so that this way of playing works when somebody
//! needs it.

use super::stage::{Place, Stage, place_on};
use super::{Needs, SCENARIOS, Scenario};
use pilot_forge::Pace;
use pilot_proto::ForgeKind;
use pilot_testkit::forge::ForgeDouble;
use std::sync::Arc;
use tokio::task::JoinSet;

#[expect(clippy::disallowed_methods, reason = "the script names the server in the environment")]
fn named(name: &str) -> Option<String> {
    std::env::var(format!("PILOTHOUSE_TEST_FORGE_{name}")).ok().filter(|value| !value.is_empty())
}

fn place() -> Option<Place> {
    let url = named("URL")?;
    let needed = |name: &str| {
        named(name).unwrap_or_else(|| panic!("PILOTHOUSE_TEST_FORGE_{name} is not set"))
    };
    let kind = match needed("KIND").as_str() {
        "gitea" => ForgeKind::Gitea,
        "forgejo" => ForgeKind::Forgejo,
        "github" => ForgeKind::GitHub,
        "gitlab" => ForgeKind::GitLab,
        other => panic!("`{other}` is none of `gitea`, `forgejo`, `github`, `gitlab`"),
    };
    Some(Place {
        kind,
        url,
        token: needed("TOKEN"),
        bot_token: needed("BOT_TOKEN"),
        repository: needed("REPO"),
    })
}

/// Plays everything that a server can be asked for, one after the other, and
/// cleans up; the names of what failed.
#[expect(clippy::print_stderr, reason = "whoever runs the script reads along")]
async fn play_all(stage: Arc<Stage>) -> Vec<&'static str> {
    let mut failed = Vec::new();
    let (possible, not): (Vec<&Scenario>, Vec<_>) =
        SCENARIOS.iter().partition(|one| one.needs == Needs::AnyForge);
    for scenario in possible {
        let (name, play, on) = (scenario.name, scenario.play, Arc::clone(&stage));
        let mut playing = JoinSet::new();
        playing.spawn(async move { play(&on).await });
        let outcome = playing.join_next().await.expect("it was spawned");
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        eprintln!("{word:6} {name}");
        if outcome.is_err() {
            failed.push(name);
        }
    }
    for scenario in not {
        eprintln!("double {} (only a double can be made to do this)", scenario.name);
    }
    stage.clean_up().await;
    failed
}

/// On the server that the script names, if it is of this kind.
async fn a_server_keeps_it(kind: ForgeKind) {
    if let Some(place) = place().filter(|place| place.kind == kind) {
        // So that two runs on one server do not meet.
        let tag = format!("pilothouse-{:08x}", std::process::id());
        let stage = Stage::on_server(place, &tag, &Pace::default());
        assert_eq!(play_all(Arc::new(stage)).await, Vec::<&str>::new(), "these failed");
        return;
    }
    let double = ForgeDouble::start_as(kind, "").await;
    let place = place_on(&double);
    let repository = place.repository.clone();
    let stage = Stage::on_server(place, "pilothouse-x", &super::stage::pace());
    assert_eq!(play_all(Arc::new(stage)).await, Vec::<&str>::new(), "these failed");
    assert_eq!(double.bare(&repository).branches(), ["main"], "it cleaned up");
}

#[tokio::test]
async fn a_gitea_keeps_the_contract() {
    a_server_keeps_it(ForgeKind::Gitea).await;
}

#[tokio::test]
async fn a_forgejo_keeps_the_contract() {
    a_server_keeps_it(ForgeKind::Forgejo).await;
}

#[tokio::test]
async fn a_github_keeps_the_contract() {
    a_server_keeps_it(ForgeKind::GitHub).await;
}

#[tokio::test]
async fn a_gitlab_keeps_the_contract() {
    a_server_keeps_it(ForgeKind::GitLab).await;
}
