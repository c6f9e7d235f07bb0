//! Commands that carry: to a hub and back. What they carry is the hub's
//! affair; here is only that it goes to a hub, and to that one.

use crate::desktop::Desktop;
use crate::live::{self, SocketEvent};
use pilot_client::{Client, ClientError};
use pilot_proto::console::Method;
use pilot_proto::{Code, Problem};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tauri::ipc::{Channel, Response};
use tauri::{AppHandle, Manager, State};

type Parts<'a> = State<'a, Arc<Desktop>>;

/// More of one name than this is not the beginning of a sensible file name.
const MAX_NAME: usize = 120;

/// A page tries again by itself what may pass by itself.
pub(crate) fn told(error: ClientError) -> Problem {
    let passing = error.is_passing();
    let problem = Problem::from(error);
    if !passing {
        return problem;
    }
    let hint = "It is tried again by itself. Is the hub running, and is there a network?";
    Problem { code: Code::RepositoryUnreachable, ..problem }.hint(hint)
}

/// Carries a command; its answer is the hub's JSON text.
#[tauri::command]
pub(crate) async fn hub_call(
    desktop: Parts<'_>,
    hub: String,
    method: Method,
    path: String,
    body: Option<String>,
) -> Result<Response, Problem> {
    let client = desktop.client(&hub).await?;
    let text = client.call_raw(method, &path, body).await.map_err(told)?;
    // As bytes: as text it would be read as a value and written again.
    Ok(Response::new(text.into_bytes()))
}

/// The bytes at a path.
#[tauri::command]
pub(crate) async fn hub_bytes(
    desktop: Parts<'_>,
    hub: String,
    path: String,
) -> Result<Response, Problem> {
    let client = desktop.client(&hub).await?;
    let mut bytes = Vec::new();
    client.fetch(&path, &mut bytes).await.map_err(told)?;
    Ok(Response::new(bytes))
}

/// Saves the bytes at a path among the person's downloads; where.
#[tauri::command]
pub(crate) async fn hub_download(
    app: AppHandle,
    desktop: Parts<'_>,
    hub: String,
    path: String,
    name: String,
) -> Result<String, Problem> {
    let client = desktop.client(&hub).await?;
    let folder = app.path().download_dir().or_else(|_| app.path().home_dir());
    let folder = folder.map_err(|error| {
        Problem::new(Code::Precondition, format!("There is no folder for downloads: {error}."))
    })?;
    let saved = save(&client, &path, &folder, &plain_name(&name)).await?;
    Ok(saved.display().to_string())
}

async fn save(client: &Client, path: &str, folder: &Path, name: &str) -> Result<PathBuf, Problem> {
    let failed = |error: std::io::Error| {
        let message = format!("Nothing could be saved in `{}`: {error}.", folder.display());
        Problem::new(Code::DiskFull, message).hint("Check the free space and the folder's rights.")
    };
    tokio::fs::create_dir_all(folder).await.map_err(failed)?;
    let (target, mut file) = fresh(folder, name).await.map_err(failed)?;
    match client.fetch(path, &mut file).await {
        Ok(_) => Ok(target),
        Err(error) => {
            // Half a file would look like a whole one.
            if let Err(error) = tokio::fs::remove_file(&target).await {
                tracing::warn!(%error, "half a download stays");
            }
            Err(told(error))
        }
    }
}

/// A new file: nothing of the person's is written over.
async fn fresh(folder: &Path, name: &str) -> std::io::Result<(PathBuf, tokio::fs::File)> {
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    for number in 0..1000_u32 {
        let name = match (number, end) {
            (0, _) => name.to_owned(),
            (number, "") => format!("{stem} ({number})"),
            (number, end) => format!("{stem} ({number}).{end}"),
        };
        let path = folder.join(name);
        match tokio::fs::File::create_new(&path).await {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::Error::from(std::io::ErrorKind::AlreadyExists))
}

/// A name that stays in its folder and does not hide itself.
fn plain_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .filter(|one| !one.is_control() && !matches!(one, '/' | '\\' | ':' | '<' | '>' | '|'))
        .take(MAX_NAME)
        .collect();
    let plain = plain.trim().trim_start_matches('.');
    if plain.is_empty() { "download".to_owned() } else { plain.to_owned() }
}

/// Opens a live socket to a hub, under a number of the page's choice.
#[tauri::command]
pub(crate) async fn live_open(
    desktop: Parts<'_>,
    hub: String,
    socket: u32,
    page: Channel<SocketEvent>,
) -> Result<(), Problem> {
    // At once: what the page says next must find it.
    let heard = desktop.sockets.open(socket);
    let frames = match desktop.client(&hub).await {
        Ok(client) => client.frames().await.map_err(told),
        Err(problem) => Err(problem),
    };
    match frames {
        Ok(frames) => {
            desktop.tasks.spawn(live::carry(frames, heard, page));
            Ok(())
        }
        Err(problem) => {
            desktop.sockets.close(socket);
            Err(problem)
        }
    }
}

/// Says something on it.
#[tauri::command]
pub(crate) fn live_say(desktop: Parts<'_>, socket: u32, text: String) {
    desktop.sockets.say(socket, text);
}

/// The page took a batch.
#[tauri::command]
pub(crate) fn live_taken(desktop: Parts<'_>, socket: u32) {
    desktop.sockets.taken(socket);
}

/// Ends it.
#[tauri::command]
pub(crate) fn live_close(desktop: Parts<'_>, socket: u32) {
    desktop.sockets.close(socket);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_stays_in_its_folder() {
        assert_eq!(plain_name("../../.bashrc"), "bashrc");
        assert_eq!(plain_name("/etc/passwd"), "etcpasswd");
        assert_eq!(plain_name("rescue 42.bundle"), "rescue 42.bundle");
        assert_eq!(plain_name("\u{0}\n"), "download");
        assert_eq!(plain_name(&"n".repeat(500)).len(), MAX_NAME);
    }

    #[tokio::test]
    async fn a_download_replaces_nothing() {
        let home = tempfile::tempdir().expect("a directory");
        std::fs::write(home.path().join("a.txt"), "mine").expect("writable");
        let (path, _) = fresh(home.path(), "a.txt").await.expect("a fresh one");
        assert_eq!(path, home.path().join("a (1).txt"));
        let mine = std::fs::read_to_string(home.path().join("a.txt")).expect("it is there");
        assert_eq!(mine, "mine");
    }
}
