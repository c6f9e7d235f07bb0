//! `pilot task recording list|export`: what was recorded of a task's screen,
//! and films of it, which the hub makes.

use super::{download, find};
use crate::args::{Globals, Recording, RecordingExport};
use crate::commands::Done;
use crate::output;
use indicatif::{ProgressBar, ProgressStyle};
use pilot_client::Client;
use pilot_proto::console::{
    FILM_PATH, FilmDrop, FilmMake, FilmShow, JournalPart, JournalQuery, OneTask, TaskJournal,
    TaskShow,
};
use pilot_proto::film::{Film, FilmOf, FilmState};
use pilot_proto::screen::{RECORDING_EXTENSION, RECORDING_TYPE};
use pilot_proto::{BlobId, Code, Event, Problem, TaskId, Timestamp};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// Between two questions how far a film is.
const PAUSE: Duration = Duration::from_millis(300);

/// A recording, as it is listed.
#[derive(Debug, Serialize)]
struct Recorded {
    /// The number of its run.
    run: u32,
    name: String,
    blob: BlobId,
    size: u64,
    at: Timestamp,
}

pub(super) async fn run(globals: &Globals, hub: &Client, words: Recording) -> anyhow::Result<Done> {
    match words {
        Recording::List(name) => {
            let recorded = recorded(hub, find(hub, &name).await?).await?;
            let head = ["RUN", "RECORDING", "BYTES", "BLOB"];
            output::table(globals, &recorded, &head, "Nothing was recorded.", |one| {
                let Recorded { run, name, blob, size, .. } = one;
                vec![run.to_string(), name.clone(), size.to_string(), blob.to_string()]
            })?;
            Ok(Done::Well)
        }
        Recording::Export(words) => export(globals, hub, words).await,
    }
}

/// All recordings of a task, oldest first.
async fn recorded(hub: &Client, task: TaskId) -> anyhow::Result<Vec<Recorded>> {
    let mut recorded = Vec::new();
    for run in hub.call::<TaskShow>(OneTask { task }).await?.runs {
        let mut after = None;
        loop {
            let part = Some(JournalPart::Conversation);
            let query =
                JournalQuery { task, run: Some(run.id), after, before: None, part, limit: None };
            let page = hub.call::<TaskJournal>(query).await?;
            let Some(last) = page.records.last() else { break };
            after = Some(last.seq);
            recorded.extend(page.records.into_iter().filter_map(|record| match record.event {
                Event::Artifact { name, media_type, blob, size }
                    if media_type == RECORDING_TYPE =>
                {
                    Some(Recorded { run: run.attempt, name, blob, size, at: record.at })
                }
                _ => None,
            }));
        }
    }
    Ok(recorded)
}

async fn export(globals: &Globals, hub: &Client, words: RecordingExport) -> anyhow::Result<Done> {
    let task = find(hub, &words.task).await?;
    let mut all = recorded(hub, task).await?;
    all.retain(|one| words.name.as_ref().is_none_or(|name| *name == one.name));
    all.retain(|one| words.run.is_none_or(|run| run == one.run));
    let Some(recording) = all.pop() else {
        let hint = "`pilot task recording list` shows what there is";
        let message = "there is no such recording of this task";
        return Err(Problem::new(Code::NotFound, message).hint(hint).into());
    };
    let path = words.output.unwrap_or_else(|| {
        let file = recording.name.rsplit('/').next().unwrap_or(&recording.name);
        PathBuf::from(file.trim_end_matches(RECORDING_EXTENSION).to_owned() + "webm")
    });
    let of = FilmOf { task, blob: recording.blob, skip_still: Some(words.skip_still) };
    let film = tokio::select! {
        film = made(globals, hub, &of) => film?,
        stopped = tokio::signal::ctrl_c() => {
            stopped?;
            hub.call::<FilmDrop>(of).await?;
            return Err(Problem::new(Code::Precondition, "the film was stopped").into());
        }
    };
    let place =
        FILM_PATH.replace("{task}", &of.task.to_string()).replace("{blob}", of.blob.as_str());
    let place = format!("{place}?skip_still={}", words.skip_still);
    download(&path, async |file| hub.fetch(&place, file).await.map(drop)).await?;
    let shown = path.display().to_string();
    let document = serde_json::json!({
        "task": task, "recording": recording.name, "film": shown,
        "millis": film.of_millis, "bytes": film.size, "note": film.note,
    });
    output::show(globals, &document, || {
        let note = film.note.as_deref().map(|note| format!(". {note}")).unwrap_or_default();
        format!("{shown}: {} s of `{}`{note}", film.of_millis / 1000, recording.name)
    })?;
    Ok(Done::Well)
}

/// The film, as soon as it is whole.
async fn made(globals: &Globals, hub: &Client, of: &FilmOf) -> anyhow::Result<Film> {
    let bar = if globals.json { ProgressBar::hidden() } else { ProgressBar::new(0) };
    if let Ok(style) = ProgressStyle::with_template("{elapsed} [{wide_bar}] {percent} % {msg}") {
        bar.set_style(style);
    }
    let mut film = hub.call::<FilmMake>(of.clone()).await?;
    loop {
        bar.set_length(film.of_millis.max(1));
        bar.set_position(film.done_millis);
        match film.state {
            FilmState::Waiting => bar.set_message("waits for another film"),
            FilmState::Making | FilmState::Unknown => bar.set_message(""),
            FilmState::Ready => break,
            FilmState::Failed => {
                bar.finish_and_clear();
                let why = film.note.unwrap_or_else(|| "no film came of it".to_owned());
                return Err(Problem::new(Code::Precondition, why).into());
            }
        }
        tokio::time::sleep(PAUSE).await;
        film = hub.call::<FilmShow>(of.clone()).await?;
    }
    bar.finish_and_clear();
    Ok(film)
}
