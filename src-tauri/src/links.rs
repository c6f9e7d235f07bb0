//! `pilothouse://` links, read.
//!
//! A link comes from anybody: a web page, a mail, an agent's output. So this
//! is a parser of untrusted input and nothing else: it never acts. What it
//! gives is shown to a person, filled in, and the person acts.
//!
//! **Invariants:** nothing unknown is let through (a parameter twice, or one
//! that we do not know, refuses the link); every text is bounded and free of
//! characters that would make it look like another one.

use pilot_proto::TaskId;
use serde::Serialize;
use url::{Host, Url};

/// A prompt of an issue and its discussion fits; a link of megabytes is an
/// attack on the window.
const MAX_LINK: usize = 64 * 1024;
/// What a prompt may be long.
const MAX_PROMPT: usize = 32 * 1024;
/// Names of projects, agents, models.
const MAX_NAME: usize = 200;
/// Codes and addresses.
const MAX_ADDRESS: usize = 2048;

/// What somebody outside wants shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Link {
    /// The sheet of a new task, filled in.
    NewTask(NewTask),
    /// A place in the window.
    Route {
        /// Its path.
        path: String,
        /// Which hub's; none for the one that is shown.
        #[serde(skip_serializing_if = "Option::is_none")]
        hub: Option<String>,
    },
    /// The sheet that lets this machine's runner join a hub.
    Join {
        /// The code as it was given.
        code: String,
    },
    /// The sheet that adds a hub.
    Hub {
        /// Its address.
        url: String,
    },
}

/// What a link may fill in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct NewTask {
    /// Project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
    /// An issue's number or the address of its page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issue: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prompt: Option<String>,
    /// Agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    /// Model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// `auto`, `ask` or `plan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<String>,
}

/// Why a link is not followed. Shown to the person, so no variant repeats
/// more than a name of what the link said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadLink {
    /// Over the bound.
    #[error("the link is longer than {MAX_LINK} bytes")]
    TooLong,
    /// No URL of ours.
    #[error("it is not a `pilothouse://` link")]
    NotOurs,
    /// A user, password, port or fragment.
    #[error("it has a part that no link of Pilothouse has: {0}")]
    Strange(&'static str),
    /// Nothing that we could show.
    #[error("it names nothing that Pilothouse can show")]
    Nowhere,
    /// A parameter that is not one of this link's.
    #[error("it has the unknown parameter `{0}`")]
    Unknown(String),
    /// A parameter that comes twice.
    #[error("it has the parameter `{0}` twice")]
    Twice(String),
    /// A parameter without which the link says nothing.
    #[error("it lacks the parameter `{0}`")]
    Missing(&'static str),
    /// Too much of something.
    #[error("its `{name}` is longer than {most} bytes")]
    Long {
        /// Which.
        name: &'static str,
        /// How long it may be.
        most: usize,
    },
    /// Control characters, or some that turn the direction of text around.
    #[error("its `{0}` has characters that cannot be shown as they are")]
    Hidden(&'static str),
    /// A value that makes no sense.
    #[error("its `{name}` is not {expected}")]
    Senseless {
        /// Which.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// Reads a link.
pub(crate) fn parse(text: &str) -> Result<Link, BadLink> {
    if text.len() > MAX_LINK {
        return Err(BadLink::TooLong);
    }
    let url = Url::parse(text).map_err(|_| BadLink::NotOurs)?;
    if url.scheme() != "pilothouse" {
        return Err(BadLink::NotOurs);
    }
    no_strange_parts(&url)?;
    let segments = segments(&url)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (url.host_str().unwrap_or_default(), segments.as_slice()) {
        ("new", []) => new_task(&url),
        ("task", [task]) => route(&url, task, None),
        ("task", [task, place]) => route(&url, task, Some(place)),
        ("join", []) => join(&url),
        ("hub", []) => hub(&url),
        _ => Err(BadLink::Nowhere),
    }
}

fn no_strange_parts(url: &Url) -> Result<(), BadLink> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadLink::Strange("a login"));
    }
    if url.port().is_some() {
        return Err(BadLink::Strange("a port"));
    }
    if url.fragment().is_some() {
        return Err(BadLink::Strange("a fragment"));
    }
    Ok(())
}

/// The parts of the path. Some desktops add a slash at the end.
fn segments(url: &Url) -> Result<Vec<String>, BadLink> {
    let path = url.path();
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    // No part of ours needs an escape; one with it wants to be another.
    if path.contains(['%', '\\']) || path.split('/').any(str::is_empty) {
        return Err(BadLink::Nowhere);
    }
    Ok(path.split('/').map(str::to_owned).collect())
}

fn route(url: &Url, task: &str, place: Option<&str>) -> Result<Link, BadLink> {
    parameters::<0>(url, [])?;
    let task: TaskId =
        task.parse().map_err(|_| BadLink::Senseless { name: "task", expected: "a task's id" })?;
    let path = match place {
        None | Some("conversation") => format!("/tasks/{task}"),
        Some("diff" | "changes") => format!("/tasks/{task}/diff"),
        Some(place @ ("log" | "timeline" | "files" | "screen")) => format!("/tasks/{task}/{place}"),
        Some(_) => return Err(BadLink::Nowhere),
    };
    Ok(Link::Route { path, hub: None })
}

fn new_task(url: &Url) -> Result<Link, BadLink> {
    let names = ["project", "issue", "prompt", "agent", "model", "mode"];
    let [project, issue, prompt, agent, model, mode] = parameters(url, names)?;
    Ok(Link::NewTask(NewTask {
        project: line("project", project, MAX_NAME)?,
        issue: line("issue", issue, MAX_ADDRESS)?.map(self::issue).transpose()?,
        prompt: prompt.as_deref().map(self::prompt).transpose()?,
        agent: line("agent", agent, MAX_NAME)?,
        model: line("model", model, MAX_NAME)?,
        mode: line("mode", mode, MAX_NAME)?.map(self::mode).transpose()?,
    }))
}

fn join(url: &Url) -> Result<Link, BadLink> {
    let [code] = parameters(url, ["code"])?;
    let code = line("code", code, MAX_ADDRESS)?.ok_or(BadLink::Missing("code"))?;
    match pilot_runner::daemon::join_code(&code) {
        Ok(_) => Ok(Link::Join { code }),
        Err(_) => Err(BadLink::Senseless { name: "code", expected: "a join code" }),
    }
}

fn hub(url: &Url) -> Result<Link, BadLink> {
    let [address] = parameters(url, ["url"])?;
    let address = line("url", address, MAX_ADDRESS)?.ok_or(BadLink::Missing("url"))?;
    let senseless = BadLink::Senseless { name: "url", expected: "the address of a hub" };
    let Ok(parsed) = Url::parse(&address) else { return Err(senseless) };
    // Plain HTTP only to this machine, as everywhere.
    let fine = match (parsed.scheme(), parsed.host()) {
        ("https", Some(_)) => true,
        ("http", Some(Host::Domain(name))) => name == "localhost",
        ("http", Some(Host::Ipv4(ip))) => ip.is_loopback(),
        ("http", Some(Host::Ipv6(ip))) => ip.is_loopback(),
        _ => false,
    };
    if !fine || !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(senseless);
    }
    Ok(Link::Hub { url: parsed.to_string() })
}

/// The values of the parameters called `names`; no other may be there.
fn parameters<const N: usize>(
    url: &Url,
    names: [&'static str; N],
) -> Result<[Option<String>; N], BadLink> {
    let mut values = [const { None }; N];
    for (name, value) in url.query_pairs() {
        let Some(at) = names.iter().position(|known| *known == name) else {
            return Err(BadLink::Unknown(shown(&name)));
        };
        if values[at].replace(value.into_owned()).is_some() {
            return Err(BadLink::Twice(shown(&name)));
        }
    }
    Ok(values)
}

/// A name of the link's own, for a message.
fn shown(name: &str) -> String {
    name.chars().filter(|one| one.is_ascii_graphic()).take(40).collect()
}

/// One line of text; an empty one says nothing.
fn line(name: &'static str, value: Option<String>, most: usize) -> Result<Option<String>, BadLink> {
    let Some(value) = value else { return Ok(None) };
    let value = value.trim();
    if value.len() > most {
        return Err(BadLink::Long { name, most });
    }
    if value.chars().any(is_hidden) {
        return Err(BadLink::Hidden(name));
    }
    Ok(Some(value.to_owned()).filter(|value| !value.is_empty()))
}

fn prompt(text: &str) -> Result<String, BadLink> {
    if text.len() > MAX_PROMPT {
        return Err(BadLink::Long { name: "prompt", most: MAX_PROMPT });
    }
    let text = text.replace("\r\n", "\n");
    if text.chars().any(|one| !matches!(one, '\n' | '\t') && is_hidden(one)) {
        return Err(BadLink::Hidden("prompt"));
    }
    Ok(text)
}

/// Control characters, and those that make text look like another: overrides
/// of its direction, invisible ones, and replacement for what was no text.
fn is_hidden(one: char) -> bool {
    one.is_control()
        || matches!(one,
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffd}'
            | '\u{e0000}'..='\u{e007f}')
}

fn issue(text: String) -> Result<String, BadLink> {
    let senseless = BadLink::Senseless { name: "issue", expected: "a number or a page's address" };
    if text.bytes().all(|one| one.is_ascii_digit()) {
        return match text.parse::<u64>() {
            Ok(1..) => Ok(text),
            Ok(0) | Err(_) => Err(senseless),
        };
    }
    match Url::parse(&text) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.host().is_some()
                && url.username().is_empty()
                && url.password().is_none() =>
        {
            Ok(url.to_string())
        }
        Ok(_) | Err(_) => Err(senseless),
    }
}

fn mode(text: String) -> Result<String, BadLink> {
    match text.as_str() {
        "auto" | "ask" | "plan" => Ok(text),
        _ => Err(BadLink::Senseless { name: "mode", expected: "`auto`, `ask` or `plan`" }),
    }
}

#[cfg(test)]
mod tests;
