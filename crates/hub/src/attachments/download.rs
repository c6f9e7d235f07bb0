//! Bytes that a task names: what it was given, what it changed, what it left.

use super::media;
use crate::gate::Principal;
use crate::http::refusal;
use crate::hub::Parts;
use crate::reads::pieces;
use axum::body::Body;
use axum::extract::{Extension, RawPathParams, RawQuery, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::Response;
use pilot_proto::console::Role;
use pilot_proto::{BlobId, Code, Event, Problem, RunId, Task, TaskId};
use pilot_store::{Part, Want};
use serde::Deserialize;
use std::io::Read;
use std::sync::Arc;

/// Records looked at together.
const PAGE: usize = 2000;
/// How long they may be together.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct OneBlob {
    task: TaskId,
    blob: BlobId,
    /// `1`: to be shown, where that is harmless.
    #[serde(default)]
    inline: Option<String>,
}

/// Route of [`pilot_proto::console::BLOB_PATH`].
pub(crate) async fn blob(
    State(parts): State<Arc<Parts>>,
    Extension(who): Extension<Principal>,
    path: RawPathParams,
    RawQuery(query): RawQuery,
) -> Response {
    let path: Vec<_> =
        path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let query = query.unwrap_or_default();
    match answer(&parts, &who, &path, &query).await {
        Ok(response) => response,
        Err(problem) => refusal(&problem),
    }
}

async fn answer(
    parts: &Arc<Parts>,
    who: &Principal,
    path: &[(String, String)],
    query: &str,
) -> Result<Response, Problem> {
    who.require(Role::Viewer)?;
    let OneBlob { task, blob, inline } = crate::request::from_query(path, query)?;
    let task = parts.task_or_problem(task).await?;
    let name = name_of(parts, &task, &blob).await?;
    let begin = begin(parts, &blob).await?;
    let shown = media::picture(&begin).filter(|_| inline.as_deref() == Some("1"));
    let mut response = Response::new(Body::from_stream(pieces(parts, blob)));
    let headers = response.headers_mut();
    let media_type = shown.unwrap_or("application/octet-stream");
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    // Whatever it is, it is no page of ours.
    let policy = "sandbox; default-src 'none'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    let disposition = disposition(if shown.is_some() { "inline" } else { "attachment" }, &name);
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// Under which name the task names the blob; a refusal if it does not.
pub(crate) async fn name_of(parts: &Parts, task: &Task, blob: &BlobId) -> Result<String, Problem> {
    let found = find_name(parts, task, blob).await?;
    found.ok_or_else(|| {
        let message = format!("The task `{}` names no file `{blob}`.", task.id);
        Problem::new(Code::NotFound, message)
    })
}

async fn find_name(parts: &Parts, task: &Task, blob: &BlobId) -> Result<Option<String>, Problem> {
    if let Some(given) = task.attachments.iter().find(|given| given.blob == *blob) {
        return Ok(Some(given.name.clone()));
    }
    let runs = parts.store.runs(task.id).await.map_err(|error| error.problem())?;
    for run in runs.iter().rev() {
        if run.rescue.as_ref() == Some(blob) {
            return Ok(Some(format!("{}.bundle", task.id.short())));
        }
        if let Some(name) = left_by(parts, run.id, blob).await? {
            return Ok(Some(name));
        }
        let path = parts.store.path_of_blob(run.id, blob).await;
        if let Some(path) = path.map_err(|error| error.problem())? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The name of the file that a run left for people.
async fn left_by(parts: &Parts, run: RunId, blob: &BlobId) -> Result<Option<String>, Problem> {
    let want = Want { part: Part::Conversation, limit: PAGE, max_bytes: PAGE_BYTES };
    let mut after = 0;
    loop {
        let page = parts.store.records_after(run, after, &want).await;
        let page = page.map_err(|error| error.problem())?;
        let name = page.records.into_iter().find_map(|record| match record.event {
            Event::Artifact { name, blob: left, .. } if left == *blob => Some(name),
            _ => None,
        });
        if name.is_some() || page.end || page.reached <= after {
            return Ok(name);
        }
        after = page.reached;
    }
}

/// Enough bytes to tell what it is.
async fn begin(parts: &Parts, blob: &BlobId) -> Result<Vec<u8>, Problem> {
    let (blobs, blob) = (parts.blobs.clone(), blob.clone());
    let read = tokio::task::spawn_blocking(move || {
        let reader = blobs.unpacked(&blob).map_err(|error| error.problem())?;
        let mut begin = Vec::new();
        let reader = reader.ok_or_else(|| {
            Problem::new(Code::NotFound, format!("The bytes of `{blob}` are not here."))
                .hint("The runner that has them may send them yet.")
        })?;
        reader.take(16).read_to_end(&mut begin).map_err(|error| {
            Problem::new(Code::Internal, format!("`{blob}` cannot be read: {error}."))
        })?;
        Ok(begin)
    });
    read.await.map_err(|error| Problem::new(Code::Internal, error.to_string()))?
}

/// A name from an agent's machine, as a header can carry it.
pub(crate) fn disposition(how: &str, path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let plain: String = name
        .chars()
        .map(|one| match one {
            ' '..='~' if !matches!(one, '"' | '\\' | '%') => one,
            _ => '_',
        })
        .collect();
    let whole: String = name.bytes().fold(String::new(), |mut whole, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                whole.push(char::from(byte));
            }
            _ => whole.push_str(&format!("%{byte:02X}")),
        }
        whole
    });
    format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{whole}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_name_stays_a_name() {
        assert_eq!(
            disposition("attachment", "a/b/gr\u{fc}n \"x\"\r\n.txt"),
            "attachment; filename=\"gr_n _x___.txt\"; \
             filename*=UTF-8''gr%C3%BCn%20%22x%22%0D%0A.txt"
        );
    }
}
