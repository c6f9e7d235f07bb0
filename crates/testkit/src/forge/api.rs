//! The API's front: one request in, one answer out.
//!
//! In the real one's order: is the token known (401), does it reach that far
//! (403), is there such a thing for its owner (404), and only then what is
//! asked.

use super::faults::{self, Fault, Verdict};
use super::login::Logins;
use super::message::{Answer, Ask, No, Seen, decoded};
use super::rows::{Access, TokenRow};
use super::shapes;
use super::stops::Stops;
use super::visit::Visit;
use super::world::World;
use pilot_proto::ForgeKind;
use serde_json::json;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The double's insides.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) kind: ForgeKind,
    pub(super) url: String,
    pub(super) root: PathBuf,
    world: Mutex<World>,
    faults: Mutex<Vec<Fault>>,
    pub(super) logins: Mutex<Logins>,
    seen: Mutex<Vec<Seen>>,
    pub(super) stops: Stops,
}

impl Core {
    pub(super) fn new(kind: ForgeKind, url: String, root: &Path) -> Self {
        Self {
            kind,
            root: root.to_owned(),
            world: Mutex::new(World::new(root, kind, &url)),
            url,
            stops: Stops::new(),
            faults: Mutex::default(),
            logins: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn answer(&self, ask: &Ask) -> Answer {
        let verdict = faults::judge(&mut self.faults(), ask);
        let answer = match verdict {
            Verdict::Instead(answer) => answer,
            Verdict::CarryOutThen(answer) => {
                self.carry_out(ask);
                answer
            }
            Verdict::AfterSomebodyElse => {
                self.carry_out(ask);
                self.carry_out(ask)
            }
            Verdict::Fine => self.carry_out(ask),
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(Seen {
            method: ask.method.clone(),
            path: ask.path.clone(),
            query: ask.raw_query.clone(),
            body: ask.raw_body.clone(),
            status: answer.status,
        });
        answer
    }

    fn carry_out(&self, ask: &Ask) -> Answer {
        let mut world = self.world();
        if let Some(answer) = self.log_in(&mut world, ask) {
            return answer;
        }
        let answer = match self.kind {
            ForgeKind::Gitea | ForgeKind::Forgejo => self.route(&mut world, ask),
            ForgeKind::GitHub => self.route_github(&mut world, ask),
            ForgeKind::GitLab => self.route_gitlab(&mut world, ask),
        };
        let answer = answer.unwrap_or_else(|no| no.answer(&self.url));
        match self.kind {
            ForgeKind::Gitea | ForgeKind::Forgejo => answer,
            ForgeKind::GitHub => counted(&mut world, ask, answer, "x-ratelimit"),
            ForgeKind::GitLab => counted(&mut world, ask, answer, "ratelimit"),
        }
    }

    /// A Gitea's and a Forgejo's.
    fn route(&self, world: &mut World, ask: &Ask) -> Result<Answer, No> {
        let path = ask.path.strip_prefix("/api/v1/").ok_or_else(No::found)?;
        let path: Vec<String> = path.split('/').map(decoded).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let bearer = match &ask.token {
            None => None,
            Some(token) => {
                let row = world.tokens.get(token).cloned();
                Some(row.ok_or_else(|| No::new(401, "user does not exist [uid: 0, name: ]"))?)
            }
        };
        check_scope(bearer.as_ref(), ask, &path)?;
        match (ask.method.as_str(), &path[..]) {
            ("GET", ["version"]) => Ok(Answer::json(200, &json!({ "version": world.version }))),
            ("GET", ["settings", "api"]) => Ok(Answer::json(
                200,
                &json!({
                    "max_response_items": world.max_page,
                    "default_paging_num": 30,
                    "default_git_trees_per_page": 1000,
                    "default_max_blob_size": 10_485_760,
                }),
            )),
            ("GET", ["user"]) => {
                let row = bearer.ok_or_else(No::token)?;
                let id = world.user(&row.login);
                Ok(Answer::json(200, &shapes::user(&self.url, &row.login, id)))
            }
            (_, ["repos", owner, name, rest @ ..]) => {
                let full_name = format!("{owner}/{name}");
                if let Some(now) = world.moved(&full_name) {
                    // 301 for a GET; the others keep their method (307).
                    let rest = rest.join("/");
                    return Err(No::new(
                        301,
                        format!("{}/api/v1/repos/{now}/{rest}", self.url).trim_end_matches('/'),
                    ));
                }
                let login = bearer.as_ref().map(|row| row.login.clone());
                let access = world.access(&full_name, login.as_deref());
                if access == Access::None {
                    return Err(No::found());
                }
                if ask.method != "GET" && login.is_none() {
                    return Err(No::token());
                }
                world.follow_pushes(&full_name);
                let login = login.unwrap_or_default();
                let visit = Visit { core: self, ask, full_name, login, access };
                visit.answer(world, rest)
            }
            _ => Err(No::found()),
        }
    }
}

/// What GitHub and GitLab put on every answer: a tag, by which an answer that
/// did not change is 304, and what is left of the limit, which that spares.
fn counted(world: &mut World, ask: &Ask, mut answer: Answer, name: &str) -> Answer {
    let mut hasher = std::hash::DefaultHasher::new();
    answer.body.hash(&mut hasher);
    let tag = format!("W/\"{:016x}\"", hasher.finish());
    if ask.method == "GET" && answer.status == 200 {
        if ask.tag.as_ref() == Some(&tag) {
            answer = Answer { status: 304, headers: Vec::new(), body: String::new() };
        }
        answer.headers.push(("etag".to_owned(), tag));
    }
    if answer.status != 304 {
        world.remaining = world.remaining.saturating_sub(1);
    }
    // In the year 2100: nobody waits for that by mistake.
    for (part, value) in [("limit", 5000), ("remaining", world.remaining), ("reset", 4_102_444_800)]
    {
        answer.headers.push((format!("{name}-{part}"), value.to_string()));
    }
    answer
}

/// By path and method only, before anything is looked up.
fn check_scope(bearer: Option<&TokenRow>, ask: &Ask, path: &[&str]) -> Result<(), No> {
    const OF_ISSUES: [&str; 4] = ["issues", "labels", "milestones", "comments"];
    let category = match path {
        ["user", ..] => "user",
        ["repos", _, _, part, ..] if OF_ISSUES.contains(part) => "issue",
        ["repos", ..] => "repository",
        _ => return Ok(()),
    };
    let write = ask.method != "GET";
    match bearer {
        Some(row) if !row.may(category, write) => {
            let level = if write { "write" } else { "read" };
            Err(No::new(
                403,
                format!(
                    "token does not have at least one of required scope(s): [{level}:{category}]"
                ),
            ))
        }
        Some(_) | None => Ok(()),
    }
}
