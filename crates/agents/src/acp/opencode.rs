//! opencode: how it is started and configured. Measured on 1.18.
//!
//! Its sessions live in an SQLite database whose write-ahead log is never
//! folded in, not even at an orderly end: both files together are a session.
//! The database remembers in which directory a session works, and whatever it
//! is told when it loads one, it works there. So before it goes on with one in
//! another workspace, the new directory is written into the database, by the
//! program itself: it is a Bun, which brings SQLite along.

use super::habits::{Habits, Past, Planning, Tokens, ToolName};
use super::{Profile, variables};
use crate::catalog::SessionPlace;
use crate::driver::{HomeFile, Launch, Start};
use crate::own_tools::OwnTools;
use crate::probe::Probe;
use pilot_proto::project::ProviderGrant;
use pilot_proto::runner::Abilities;
use pilot_proto::{Mode, ProviderKind};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Its name in tasks and projects.
pub const NAME: &str = "opencode";

/// The variable that its configuration reads the key from.
const KEY: &str = "PILOTHOUSE_PROVIDER_KEY";

/// Its agent that plans.
const PLAN: &str = "plan";

pub(super) fn profile() -> Profile {
    Profile {
        name: NAME.to_owned(),
        probe: Probe::new(NAME, NAME, &["--version"], "npm install -g opencode-ai"),
        abilities: Abilities {
            resume: true,
            approvals: true,
            goes_on_refused: true,
            // Its tool for questions, switched on, waits for ever over this protocol.
            questions: false,
            plan: true,
            steer: false,
            interrupt: true,
            images: true,
            usage: false,
            cost: true,
        },
        habits: Habits {
            login: None,
            provider: Some(
                "Name one with `--provider`, or add one that is called `opencode` with `pilot provider add`.",
            ),
            mode: |mode| {
                Some(match mode {
                    Mode::Auto | Mode::Ask => "build",
                    Mode::Plan => PLAN,
                })
            },
            plan: Planning::Said,
            tokens: Tokens::LastAnswer,
            tool_name: ToolName::Title,
            past: Past::BeforeAnswer,
            noise: None,
            takes_servers: false,
            stays: false,
            goes_on_unaware: false,
            broken: None,
        },
        launch: Box::new(launch),
        place: |_, _| Some(place()),
    }
}

fn launch(start: &Start) -> Launch {
    let config = config(start).to_string();
    let mut env = vec![
        ("OPENCODE_CONFIG_CONTENT", config.as_str()),
        ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
        ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
        ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
        ("OPENCODE_DISABLE_SHARE", "1"),
    ];
    if let Some(provider) = &start.provider {
        env.push((KEY, provider.key.expose()));
    }
    let (program, args) = match &start.resume {
        None => (start.program.clone(), vec!["acp".to_owned()]),
        Some(_) => moved(start),
    };
    Launch { program, args, env: variables(&env), files: files() }
}

/// Where its sessions are, below the HOME.
const DATA: &str = ".local/share/opencode";
const DATABASE: &str = "opencode.db";

fn place() -> SessionPlace {
    let below = PathBuf::from(DATA);
    let restore = below.join(DATABASE);
    SessionPlace { below, named: DATABASE.to_owned(), restore, more: vec!["-wal".to_owned()] }
}

/// The command that tells its database where its sessions are now, and then
/// becomes the agent.
fn moved(start: &Start) -> (PathBuf, Vec<String>) {
    const THEN: &str = "BUN_BE_BUN=1 \"$0\" -e \"$1\" \"$2\" \"$3\" && exec \"$0\" acp";
    const MOVE: &str = "import {Database} from 'bun:sqlite'; \
        const [file, directory] = process.argv.slice(-2); \
        const database = new Database(file, {readwrite: true}); \
        database.run('UPDATE session SET directory = ?', [directory]); \
        database.close();";
    let database = start.home.join(DATA).join(DATABASE);
    let words = ["-c", THEN, &start.program.to_string_lossy(), MOVE].map(str::to_owned);
    let paths = [database, start.tree.clone()].map(|path| path.to_string_lossy().into_owned());
    (PathBuf::from("/bin/sh"), words.into_iter().chain(paths).collect())
}

/// It would install its library for plugins from the package registry. What is
/// installed it reads from this file, and asks nobody.
fn files() -> Vec<HomeFile> {
    let directory = PathBuf::from(".config/opencode");
    let installed = json!({"packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}}});
    let file = |path: &str, contents: String| HomeFile {
        path: directory.join(Path::new(path)),
        contents,
        mode: 0o600,
    };
    vec![
        file("package-lock.json", format!("{installed}\n")),
        // The directory must be there.
        file("node_modules/.package-lock.json", "{}\n".to_owned()),
    ]
}

/// Overrules what the repository configures.
fn config(start: &Start) -> Value {
    let mut config = json!({
        "autoupdate": false,
        "share": "disabled",
        "permission": permission(start.mode, start.ruled),
        // Without a provider it would take its vendor's own.
        "enabled_providers": [],
    });
    if start.mode == Mode::Plan {
        // Without this, what holds for all agents would overrule the planner's
        // own refusal to edit.
        let planning = json!({"edit": "deny", "bash": "ask", "webfetch": "ask"});
        config["agent"] = json!({PLAN: {"permission": planning}});
    }
    if let Some(grant) = &start.provider {
        provider(grant, start.model.as_deref(), &mut config);
    }
    if let Some(tools) = &start.tools {
        config["mcp"] = json!({OwnTools::NAME: {
            "type": "local",
            "command": [tools.program(), OwnTools::SUBCOMMAND],
            "environment": tools.variables(),
            "enabled": true,
            "timeout": OwnTools::PATIENCE_SECS * 1000,
        }});
        config["permission"][format!("{}_*", OwnTools::NAME)] = "allow".into();
    }
    config
}

fn permission(mode: Mode, ruled: bool) -> Value {
    let word = match mode {
        Mode::Auto if !ruled => "allow",
        // Once a plan is approved, we allow what it asks for: until then its
        // subagents must not do what it must not.
        Mode::Auto | Mode::Ask | Mode::Plan => "ask",
    };
    json!({"edit": word, "bash": word, "webfetch": word, "external_directory": word})
}

/// Exactly one provider, and one model of it also for titles and summaries.
fn provider(grant: &ProviderGrant, model: Option<&str>, config: &mut Value) {
    let (id, path) = match grant.kind {
        ProviderKind::Anthropic => ("anthropic", "/v1"),
        ProviderKind::OpenAi => ("openai", ""),
        ProviderKind::Gemini => ("google", "/v1beta"),
        ProviderKind::Ollama => ("ollama", "/v1"),
    };
    let mut provider = json!({"options": {"apiKey": format!("{{env:{KEY}}}")}});
    if grant.key.expose().is_empty() {
        // Its libraries want one, though the server does not.
        provider["options"]["apiKey"] = "none".into();
    }
    if let Some(base_url) = &grant.base_url {
        let base_url = base_url.trim_end_matches('/');
        provider["options"]["baseURL"] = format!("{base_url}{path}").into();
    }
    if grant.kind == ProviderKind::Ollama {
        provider["npm"] = "@ai-sdk/openai-compatible".into();
        provider["name"] = "Ollama".into();
    }
    if let Some(model) = model {
        let model = model.strip_prefix(&format!("{id}/")).unwrap_or(model);
        provider["models"] = json!({model: {}});
        config["model"] = format!("{id}/{model}").into();
        config["small_model"] = config["model"].clone();
    }
    config["enabled_providers"] = json!([id]);
    config["provider"] = json!({id: provider});
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::Secret;
    use pilot_proto::project::ProviderLogin;

    #[test]
    fn each_kind_of_provider_is_reached_where_its_library_expects_it() {
        let check = |kind, base_url: &str, expected: &str, model: &str| {
            let grant = ProviderGrant {
                name: String::new(),
                kind,
                base_url: Some(base_url.to_owned()),
                key: Secret::new("k"),
                login: ProviderLogin::Key,
                oauth: None,
            };
            let mut config = json!({});
            provider(&grant, Some("m/1"), &mut config);
            let id = model.split('/').next().expect("a provider");
            assert_eq!(config["provider"][id]["options"]["baseURL"], expected, "{config}");
            assert_eq!((&config["model"], &config["small_model"]), (&model.into(), &model.into()));
            assert_eq!(config["enabled_providers"], json!([id]), "no other is reached");
        };
        let at = "http://127.0.0.1:9";
        check(ProviderKind::Anthropic, at, "http://127.0.0.1:9/v1", "anthropic/m/1");
        check(ProviderKind::OpenAi, "http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1", "openai/m/1");
        check(ProviderKind::Gemini, at, "http://127.0.0.1:9/v1beta", "google/m/1");
        check(ProviderKind::Ollama, at, "http://127.0.0.1:9/v1", "ollama/m/1");
    }
}
