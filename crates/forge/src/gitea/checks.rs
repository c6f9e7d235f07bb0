//! The checks (CI) of a commit, as the forge's combined status tells them.

use super::{Gitea, or_default};
use crate::error::ForgeError;
use crate::http::Call;
use crate::repository::Repository;
use pilot_proto::task::{Checks, ChecksState};
use serde::Deserialize;
use url::Url;

/// A commit with more checks than this is counted as far as they were read:
/// its state is the forge's own word in any case.
const MAX_PAGES: u32 = 10;
const PAGE: &str = "50";
/// How these versions say that a run waits for somebody's consent.
const BLOCKED: &str = "Blocked by required conditions";

impl Gitea {
    /// What the checks of a commit say; none where there are none.
    pub async fn checks(
        &self,
        repository: &Repository,
        commit: &str,
    ) -> Result<Option<Checks>, ForgeError> {
        let path = ["repos", &repository.owner, &repository.name, "commits", commit, "status"];
        let mut all: Vec<Status> = Vec::new();
        for page in 1..=MAX_PAGES {
            let page = page.to_string();
            let query = [("limit", PAGE), ("page", page.as_str())];
            let call = Call { query: &query, ..Call::get("reading the checks", &path) };
            let combined: Combined = self.http.json(&call).await?;
            let before = all.len();
            for status in combined.statuses {
                // One that knows no pages gives everything each time.
                if all.iter().all(|known| known.id != status.id) {
                    all.push(status);
                }
            }
            if all.len() == before || all.len() as u64 >= combined.total_count {
                break;
            }
        }
        Ok(self.fold(&all))
    }

    fn fold(&self, all: &[Status]) -> Option<Checks> {
        let first = |wanted: ChecksState| all.iter().find(|one| one.says() == wanted);
        let worst = [
            ChecksState::Failed,
            ChecksState::Held,
            ChecksState::Pending,
            ChecksState::Unknown,
            ChecksState::Passed,
        ];
        let (state, shown) = worst.into_iter().find_map(|state| Some((state, first(state)?)))?;
        let failed = all.iter().filter(|one| one.says() == ChecksState::Failed).count();
        let page = self.page(&shown.target_url);
        Some(Checks {
            state,
            total: u32::try_from(all.len()).unwrap_or(u32::MAX),
            failed: u32::try_from(failed).unwrap_or(u32::MAX),
            url: page.or_else(|| all.iter().find_map(|one| self.page(&one.target_url))),
        })
    }

    /// A page that a person may be sent to. The forge's own CI names it without
    /// a host; what is no web page is nobody's to open.
    fn page(&self, target: &str) -> Option<String> {
        if target.is_empty() {
            return None;
        }
        let page: Url = self.http.forge().join(target).ok()?;
        matches!(page.scheme(), "http" | "https").then(|| page.to_string())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Combined {
    #[serde(deserialize_with = "or_default")]
    statuses: Vec<Status>,
    #[serde(deserialize_with = "or_default")]
    total_count: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(deserialize_with = "or_default")]
    id: u64,
    /// Called `state` on its way in.
    #[serde(deserialize_with = "or_default")]
    status: String,
    #[serde(deserialize_with = "or_default")]
    description: String,
    #[serde(deserialize_with = "or_default")]
    target_url: String,
}

impl Status {
    fn says(&self) -> ChecksState {
        match self.status.as_str() {
            "pending" if self.description.trim() == BLOCKED => ChecksState::Held,
            "pending" => ChecksState::Pending,
            "success" | "warning" | "skipped" => ChecksState::Passed,
            "failure" | "error" => ChecksState::Failed,
            _ => ChecksState::Unknown,
        }
    }
}
