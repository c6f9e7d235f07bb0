//! The rescue of work that is nowhere else: bundled, and looked through before
//! the bundle leaves this machine.

use super::outgoing;
use super::steps::{Report, disk, off_thread, read_base, word};
use super::workspace::{SharedWorkspace, Workspace};
use pilot_git::blob_id_of;
use pilot_lifecycle::run::Bundle;
use pilot_lifecycle::{RunEvent, Step};
use pilot_proto::{Code, Event, Problem};
use std::fs::File;
use std::path::Path;

/// What came of a rescue.
pub(super) enum Rescue {
    /// There is nothing that is nowhere else.
    Nothing,
    /// This goes to the hub.
    Bundled(pilot_git::Bundle),
    /// The work stays here, because nobody can tell that it holds no secret.
    Withheld(&'static str),
}

/// Bundles what is nowhere else.
pub(super) async fn rescue(workspace: SharedWorkspace, published: Option<String>) -> Report {
    let mut words = Vec::new();
    let rescued = match rescued(&workspace, published, &mut words).await {
        Ok(Rescue::Nothing) => Ok(None),
        Ok(Rescue::Withheld(why)) => {
            workspace.withhold();
            let place = workspace.dir.tree();
            words.push(word(format!(
                "The work stays on the runner, in `{}`: {why}. Nothing of it was sent.",
                place.display()
            )));
            Ok(None)
        }
        Ok(Rescue::Bundled(bundle)) => {
            keep_blob(&workspace, bundle, &file(&workspace)).await.map(Some)
        }
        Err(problem) => Err(problem),
    };
    match rescued {
        Ok(bundle) => {
            let said = |bundle: &Bundle| {
                word(format!("Rescued {} bytes of unpublished work.", bundle.size))
            };
            words.extend(bundle.iter().map(said));
            Report::of(RunEvent::Rescued { bundle }).after(words)
        }
        Err(problem) => {
            words.push(word(format!("The work could not be rescued yet. {}", problem.message)));
            Report::failed(Step::Rescue, problem).after(words)
        }
    }
}

async fn rescued(
    workspace: &Workspace,
    published: Option<String>,
    words: &mut Vec<Event>,
) -> Result<Rescue, Problem> {
    let base = match published {
        Some(published) => published,
        None => read_base(workspace)?,
    };
    let (tree, out) = (workspace.dir.tree(), file(workspace));
    let reference = workspace.rescue_reference();
    let bundle = workspace.git.bundle(&tree, &base, &reference, &out).await;
    match bundle.map_err(|error| error.problem())? {
        Some(bundle) => leaves(workspace, &base, bundle, &out, words).await,
        None => Ok(Rescue::Nothing),
    }
}

/// The bundle in `out`, if it holds nothing that must not leave, or without it.
pub(super) async fn leaves(
    workspace: &Workspace,
    base: &str,
    bundle: pilot_git::Bundle,
    out: &Path,
    words: &mut Vec<Event>,
) -> Result<Rescue, Problem> {
    let (tree, reference) = (workspace.dir.tree(), workspace.rescue_reference());
    if workspace.secrets_are_unknown() {
        remove(out)?;
        return Ok(Rescue::Withheld(
            "the run is recovered without its secrets, and could hold one of them",
        ));
    }
    let found = outgoing::look(workspace, base, &bundle.commit).await;
    let found = found.map_err(|error| error.problem())?;
    if found.is_clean() {
        return Ok(Rescue::Bundled(bundle));
    }
    remove(out)?;
    words.push(word(format!(
        "A secret stands in the work: {}. It is kept as one change, with `[redacted:NAME]` in \
         the place of each.",
        found.list()
    )));
    let mut write = outgoing::writer(&workspace.exact);
    let rewrite = found.rewrite(&mut write);
    let git = &workspace.git;
    let bundle = git.bundle_rewritten(&tree, base, &reference, out, rewrite).await;
    let Some(bundle) = bundle.map_err(|error| error.problem())? else {
        return Ok(Rescue::Nothing);
    };
    let again = outgoing::look(workspace, base, &bundle.commit).await;
    if again.map_err(|error| error.problem())?.is_clean() {
        return Ok(Rescue::Bundled(bundle));
    }
    remove(out)?;
    Ok(Rescue::Withheld("a secret could not be taken out of it"))
}

fn file(workspace: &Workspace) -> std::path::PathBuf {
    workspace.dir.work().join("rescue.bundle")
}

fn remove(out: &Path) -> Result<(), Problem> {
    std::fs::remove_file(out)
        .map_err(|error| disk(Code::WorkspaceFailed, "The bundle cannot be removed", &error))
}

/// Puts the bundle among what is sent.
pub(super) async fn keep_blob(
    workspace: &Workspace,
    bundle: pilot_git::Bundle,
    out: &Path,
) -> Result<Bundle, Problem> {
    let pilot_git::Bundle { reference, size, .. } = bundle;
    let (blobs, out) = (workspace.blobs.clone(), out.to_path_buf());
    let kept = off_thread(move || {
        let id = blob_id_of(File::open(&out)?, size)?;
        blobs.write(&id, File::open(&out)?)?;
        std::fs::remove_file(&out)?;
        Ok(id)
    });
    let id = kept
        .await
        .map_err(|error| disk(Code::WorkspaceFailed, "The rescued work cannot be kept", &error))?;
    Ok(Bundle { id, size, reference })
}
