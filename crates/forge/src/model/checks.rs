//! What a CI says about a commit.

use pilot_proto::task::{CheckSeen, Checks, ChecksState};

/// One check of a commit: the latest word of each name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name (`build`, `CI / test (pull_request)`).
    pub name: String,
    /// What it says.
    pub state: ChecksState,
    /// In its own words.
    pub description: String,
    /// Its page, with a host.
    pub url: Option<String>,
}

impl Check {
    fn seen(&self) -> CheckSeen {
        let Self { name, state, description, url } = self.clone();
        CheckSeen { name, state, description, url }
    }
}

/// A job of the forge's own CI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id at the forge.
    pub id: u64,
    /// The run or pipeline it is of.
    pub run: u64,
    /// Its name.
    pub name: String,
    /// What it says.
    pub state: ChecksState,
    /// Its page.
    pub url: Option<String>,
}

/// A run of the forge's own CI that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The run, pipeline or manual job, if the forge's API names it; else its
    /// number in its page's address.
    pub id: u64,
    /// What waits.
    pub name: String,
    /// The page where a person can let it run.
    pub page: Option<String>,
}

/// What came of letting the CI of a pull request run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// Nothing waits.
    NothingHeld,
    /// So many runs were let go, by the forge's own word afterwards.
    Released(usize),
    /// The forge has no call for it: a person has to open these pages.
    ByHand(Vec<Held>),
}

/// All checks in one: as bad as the worst of them. None where there are none.
pub fn fold(all: &[Check]) -> Option<Checks> {
    let worst = [
        ChecksState::Failed,
        ChecksState::Held,
        ChecksState::Pending,
        ChecksState::Unknown,
        ChecksState::Passed,
    ];
    let first = |wanted| all.iter().find(|one| one.state == wanted);
    let (state, shown) = worst.into_iter().find_map(|state| Some((state, first(state)?)))?;
    let failed = all.iter().filter(|one| one.state == ChecksState::Failed).count();
    Some(Checks {
        state,
        total: u32::try_from(all.len()).unwrap_or(u32::MAX),
        failed: u32::try_from(failed).unwrap_or(u32::MAX),
        url: shown.url.clone().or_else(|| all.iter().find_map(|one| one.url.clone())),
        each: worst
            .into_iter()
            .flat_map(|state| all.iter().filter(move |one| one.state == state))
            .take(Checks::MOST)
            .map(Check::seen)
            .collect(),
    })
}
