//! Checkpoints: at the end of each turn the tree and the agent's session are
//! kept at the hub, so that a later run, on any runner, can begin there.
//!
//! A checkpoint's bundle stands by itself: it holds what the base branch does
//! not have. A tree that has not changed costs one look at it; its bundle is
//! the one before. **Invariant:** no bundle leaves that was not looked through
//! for the run's secrets, as with the rescue.

use super::rescue::{Rescue, keep_blob, leaves};
use super::sessions::keep_session;
use super::steps::{Report, read_fork, word};
use super::workspace::SharedWorkspace;
use pilot_git::{Looked, TreeState};
use pilot_proto::run::Checkpoint;
use pilot_proto::{BlobId, Event, Problem};
use std::path::Path;

/// So many turns each leave a checkpoint; a longer conversation is thinned out.
const EACH: u32 = 32;
/// Behind them every fourth does.
const THEN_EVERY: u32 = 4;
/// Of one bundle: a change that is larger has files in it that nobody wrote.
const LARGEST: u64 = 64 * 1024 * 1024;
/// Of all bundles of a run.
const TOGETHER: u64 = 512 * 1024 * 1024;

/// What was kept so far.
#[derive(Debug, Default)]
pub(super) struct Kept {
    last: Option<Tree>,
    turns: u32,
    bytes: u64,
}

/// A tree that was kept.
#[derive(Debug, Clone)]
struct Tree {
    state: TreeState,
    bundle: Option<BlobId>,
    size: u64,
}

/// What came of keeping a turn's end.
pub(super) struct Checkpointed {
    pub(super) turn: u32,
    pub(super) kept: Kept,
    pub(super) checkpoint: Option<Checkpoint>,
    /// What is to be said in the log.
    pub(super) words: Vec<Event>,
}

/// Keeps the end of a turn. The agent is between two turns.
pub(super) async fn keep(
    workspace: SharedWorkspace,
    mut kept: Kept,
    turn: u32,
    session: Option<String>,
) -> Checkpointed {
    let session = match keep_session(&workspace, session).await {
        Some(Event::SessionSaved { session }) => Some(session),
        _ => None,
    };
    let mut words = Vec::new();
    let checkpoint = match kept.tree(&workspace, turn, &mut words).await {
        Ok(mut checkpoint) => {
            checkpoint.session = session;
            Some(checkpoint)
        }
        Err(problem) => {
            words.push(word(format!("The end of turn {turn} was not kept. {}", problem.message)));
            None
        }
    };
    Checkpointed { turn, kept, checkpoint, words }
}

/// The run's beginning: what a run that continues another one was given, or
/// the base.
pub(super) async fn beginning(workspace: &SharedWorkspace, report: Report) -> Report {
    let resume = workspace.spec.resume.as_ref();
    let session = resume.and_then(|resume| resume.session.clone());
    let mut words = Vec::new();
    let checkpoint = match resume {
        None => read_fork(workspace).map(|base| plain(0, base)),
        Some(_) => Kept::default().tree(workspace, 0, &mut words).await,
    };
    let report = report.after(words);
    match checkpoint {
        Ok(checkpoint) => report.after([Event::Checkpoint(Checkpoint { session, ..checkpoint })]),
        Err(problem) => {
            report.after([word(format!("The run's beginning was not kept. {}", problem.message))])
        }
    }
}

fn plain(turn: u32, base: String) -> Checkpoint {
    Checkpoint { turn, base, bundle: None, size: 0, session: None, left_out: String::new() }
}

impl Kept {
    async fn tree(
        &mut self,
        workspace: &SharedWorkspace,
        turn: u32,
        words: &mut Vec<Event>,
    ) -> Result<Checkpoint, Problem> {
        let base = read_fork(workspace)?;
        let left_out =
            |why: &str| Checkpoint { left_out: why.to_owned(), ..plain(turn, base.clone()) };
        self.turns += 1;
        if self.turns > EACH && !self.turns.is_multiple_of(THEN_EVERY) {
            return Ok(left_out("of a long conversation every fourth turn is kept"));
        }
        let out = workspace.dir.work().join("checkpoint.bundle");
        let (tree, reference) = (workspace.dir.tree(), workspace.rescue_reference());
        let known = self.last.as_ref().map(|last| &last.state);
        let looked = workspace.git.bundle_unless(&tree, &base, &reference, &out, known).await;
        let (state, looked) = looked.map_err(|error| error.problem())?;
        let kept = match looked {
            Looked::Same => self.last.clone(),
            Looked::Nothing => Some(Tree { state, bundle: None, size: 0 }),
            Looked::Bundled(bundle) => match leaves(workspace, &base, bundle, &out, words).await? {
                Rescue::Withheld(why) => return Ok(left_out(why)),
                Rescue::Nothing => Some(Tree { state, bundle: None, size: 0 }),
                Rescue::Bundled(bundle) => {
                    if bundle.size > LARGEST || self.bytes + bundle.size > TOGETHER {
                        remove(&out);
                        return Ok(left_out("the change is too large to be kept at each turn"));
                    }
                    self.bytes += bundle.size;
                    let bundle = keep_blob(workspace, bundle, &out).await?;
                    Some(Tree { state, bundle: Some(bundle.id), size: bundle.size })
                }
            },
        };
        let Some(kept) = kept else { return Ok(left_out("it was not kept before")) };
        let checkpoint =
            Checkpoint { bundle: kept.bundle.clone(), size: kept.size, ..plain(turn, base) };
        self.last = Some(kept);
        Ok(checkpoint)
    }
}

fn remove(out: &Path) {
    if let Err(error) = std::fs::remove_file(out) {
        tracing::warn!(%error, "a checkpoint that is not kept cannot be removed");
    }
}
