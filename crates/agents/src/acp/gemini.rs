//! Gemini CLI: how it is started, and where it keeps its sessions. Measured on
//! 0.61.

use super::habits::{Habits, Past, Planning, Tokens, ToolName};
use super::{Profile, variables};
use crate::catalog::SessionPlace;
use crate::driver::{HomeFile, Launch, Start};
use crate::own_tools::OwnTools;
use crate::probe::Probe;
use pilot_proto::runner::Abilities;
use pilot_proto::{Mode, ProviderKind};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Its name in tasks and projects.
pub const NAME: &str = "gemini";

/// Its directory, relative to the private HOME.
const DIRECTORY: &str = ".gemini";

pub(super) fn profile() -> Profile {
    Profile {
        name: NAME.to_owned(),
        probe: Probe::new(NAME, NAME, &["--version"], "npm install -g @google/gemini-cli"),
        abilities: Abilities {
            resume: true,
            approvals: true,
            goes_on_refused: true,
            // Its tool for questions is not offered over this protocol.
            questions: false,
            plan: true,
            steer: false,
            interrupt: true,
            images: true,
            usage: true,
            cost: false,
        },
        habits: Habits {
            login: Some("gemini-api-key"),
            provider: Some("Add one of the kind `gemini` with `pilot provider add`."),
            mode: |mode| {
                Some(match mode {
                    Mode::Auto => "yolo",
                    Mode::Ask => "default",
                    Mode::Plan => "plan",
                })
            },
            plan: Planning::Asked,
            tokens: Tokens::Turn,
            tool_name: ToolName::InId,
            past: Past::BeforeCommands,
            noise: Some("[MODE_UPDATE] "),
            takes_servers: false,
            // It waits for its MCP servers, which wait for it.
            stays: true,
            goes_on_unaware: true,
            broken: Some("terminated"),
        },
        launch: Box::new(launch),
        place: |tree, session| Some(place(tree, session)),
    }
}

fn launch(start: &Start) -> Launch {
    let mut args = vec!["--acp".to_owned()];
    if let Some(model) = &start.model {
        args.push(format!("--model={model}"));
    }
    let home = start.home.to_string_lossy();
    let mut env = vec![
        ("GEMINI_CLI_HOME", home.as_ref()),
        // It would start itself once more as a child, for a larger heap.
        ("GEMINI_CLI_NO_RELAUNCH", "true"),
    ];
    if let Some(provider) = &start.provider {
        match provider.kind {
            ProviderKind::Gemini => {
                env.push(("GEMINI_API_KEY", provider.key.expose()));
                let base_url = provider.base_url.as_deref().unwrap_or_default();
                env.push(("GOOGLE_GEMINI_BASE_URL", base_url));
            }
            // It speaks Gemini's format alone.
            ProviderKind::Anthropic | ProviderKind::OpenAi | ProviderKind::Ollama => {}
        }
    }
    Launch {
        program: start.program.clone(),
        args,
        env: variables(&env),
        files: vec![HomeFile {
            path: Path::new(DIRECTORY).join("settings.json"),
            contents: format!("{}\n", settings(start.tools.as_ref())),
            mode: 0o600,
        }],
    }
}

/// Which login, without a dialog; and nothing that calls its vendor besides
/// the model.
fn settings(tools: Option<&OwnTools>) -> serde_json::Value {
    let mut settings = json!({
        "security": {
            "auth": {"selectedType": "gemini-api-key"},
            "folderTrust": {"enabled": false},
        },
        "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false},
        "privacy": {"usageStatisticsEnabled": false},
        "telemetry": {"enabled": false},
    });
    if let Some(tools) = tools {
        let mut server = tools.server();
        // It asks nobody before it calls them: what they may do, we decide then.
        server["trust"] = true.into();
        server["timeout"] = (OwnTools::PATIENCE_SECS * 1000).into();
        settings["mcpServers"] = json!({OwnTools::NAME: server});
    }
    settings
}

/// A session's file is named by the time and by the first eight digits of its
/// id, and found by them. Its directory has the name of the tree's.
fn place(tree: &Path, session: &str) -> SessionPlace {
    let digits: String = session.chars().take(8).collect();
    let below = PathBuf::from(DIRECTORY).join("tmp");
    let restore = below
        .join(project_name(tree))
        .join("chats")
        .join(format!("session-2000-01-01T00-00-{digits}.jsonl"));
    SessionPlace { below, named: format!("-{digits}.jsonl"), restore, more: Vec::new() }
}

/// The name that the program makes of a working directory, in a HOME that
/// knows no other of the same name.
fn project_name(tree: &Path) -> String {
    let name = tree.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "project".to_owned() } else { words.join("-") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_where_the_program_looks_for_it() {
        let place = place(Path::new("/srv/demo/Tree_1"), "c8fdd260-3de3-416a-b593-0bcb14ef07c6");
        let file = ".gemini/tmp/tree-1/chats/session-2000-01-01T00-00-c8fdd260.jsonl";
        assert_eq!(place.restore, Path::new(file));
        assert!(file.contains(&place.named) && place.restore.starts_with(&place.below));
    }
}
