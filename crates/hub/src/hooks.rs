//! What forges tell by webhook.
//!
//! **Invariant:** nothing of a delivery is looked at before its signature was
//! checked over the raw body, with the secret of that project's own hook; and
//! nothing it says is believed: it is a hint where to look. So a delivery that
//! somebody caught and sends again finds what is so at the forge by then.
//!
//! It is answered when it is noted, and worked on afterwards.

use crate::core::{IntakeWish, IssueNews};
use crate::http::refusal;
use crate::hub::Parts;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use pilot_forge::Subject;
use pilot_forge::webhook::{self, Delivery, What};
use pilot_lifecycle::intake::{Sighting, may_command};
use pilot_proto::{Code, ForgeKind, Problem, Secret};
use std::sync::Arc;
use std::time::Duration;

/// A comment of a megabyte on an issue of five, and what stands around them.
/// Who sends it is not known before it was read.
const MAX_DELIVERY: usize = 8 * 1024 * 1024;
/// Deliveries read at once: so many times as much memory.
pub(crate) const AT_ONCE: usize = 8;
/// How long a forge may take to send one; it gives up on us after ten.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn take(
    State(parts): State<Arc<Parts>>,
    Path((forge, project)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match parts.take_delivery(&forge, &project, &headers, body).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(problem) => {
            tracing::info!(forge, project, %problem, "a webhook's delivery was not taken");
            match problem.code {
                // The forge tries again.
                Code::LimitReached => {
                    (StatusCode::SERVICE_UNAVAILABLE, axum::Json(problem)).into_response()
                }
                _ => refusal(&problem),
            }
        }
    }
}

/// Where a delivery belongs.
struct Place {
    kind: ForgeKind,
    secret: Secret,
    repository: Option<String>,
}

impl Parts {
    async fn take_delivery(
        &self,
        forge: &str,
        project: &str,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(), Problem> {
        let busy = || Problem::new(Code::LimitReached, "Too many webhooks come in at once.");
        let _place = self.deliveries.try_acquire().map_err(|_| busy())?;
        let place = self.place_of(forge, project).await?;
        let body = tokio::time::timeout(PATIENCE, to_bytes(body, MAX_DELIVERY)).await;
        let slow = |_| Problem::new(Code::Invalid, "The delivery was not sent in time.");
        let large = |_| {
            let bound = MAX_DELIVERY / (1024 * 1024);
            Problem::new(Code::TooLarge, format!("A delivery may have {bound} MiB at most."))
        };
        let body = body.map_err(slow)?.map_err(large)?;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let delivery = webhook::take(place.kind, header, &body, &place.secret)
            .map_err(|error| Problem::new(Code::Unauthorized, format!("{error}.")))?;
        let news = news_of(&delivery);
        let from = delivery.news.repository.map(|repository| repository.to_string());
        if !same_repository(from.as_deref(), place.repository.as_deref()) {
            tracing::warn!(project, ?from, "a webhook tells of another repository; dropped");
            return Ok(());
        }
        let Some(news) = news else { return Ok(()) };
        let delivery = Some(format!("{forge}/{project}/{}", delivery.id));
        self.core.intake(IntakeWish::Hear { project: project.to_owned(), delivery, news }).await
    }

    /// Whoever asks for what is not there hears what one with a wrong signature
    /// does: nobody learns here what projects there are.
    async fn place_of(&self, forge: &str, project: &str) -> Result<Place, Problem> {
        let unknown = || Problem::new(Code::Unauthorized, "There is no such webhook.");
        let failed = |error: pilot_store::StoreError| error.problem();
        let secret = self.credentials.hook_secret(project).ok_or_else(unknown)?;
        let forges = self.store.forges().await.map_err(failed)?;
        let forge = forges.into_iter().find(|one| one.name == forge).ok_or_else(unknown)?;
        let projects = self.store.projects().await.map_err(failed)?;
        let is_it = |one: &pilot_proto::Project| {
            one.name == project && one.forge.as_ref() == Some(&forge.name)
        };
        let project = projects.into_iter().find(is_it).ok_or_else(unknown)?;
        let repository = self.forges.open(&forge).ok();
        let repository = repository.and_then(|api| api.repository(&project.repo).ok());
        let repository = repository.map(|repository| repository.to_string());
        Ok(Place { kind: forge.kind, secret, repository })
    }
}

fn same_repository(told: Option<&str>, ours: Option<&str>) -> bool {
    match (told, ours) {
        (Some(told), Some(ours)) => told.eq_ignore_ascii_case(ours),
        // A ping tells of none, and a forge without a token is not asked.
        (None, _) | (_, None) => true,
    }
}

/// What it tells that somebody here may want to look at.
fn news_of(delivery: &Delivery) -> Option<IssueNews> {
    match &delivery.news.what {
        What::Issue { number, labels, open } => {
            let seen = Sighting { number: *number, labels: labels.clone(), open: *open };
            Some(IssueNews { seen: vec![seen], ..IssueNews::default() })
        }
        What::Comment { on: Subject::Issue(number), body } if may_command(body) => {
            Some(IssueNews { commented: vec![*number], ..IssueNews::default() })
        }
        What::Comment { on: Subject::Pull(number), .. } | What::Pull(number) => {
            Some(IssueNews { pull: Some(*number), ..IssueNews::default() })
        }
        What::Checks { commit } => {
            Some(IssueNews { checked: Some(commit.clone()), ..IssueNews::default() })
        }
        What::Comment { on: Subject::Issue(_), .. } | What::Other => None,
    }
}
