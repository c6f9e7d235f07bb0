//! The command line, environment and HOME of Codex.

use super::session::CONFIG_DIR;
use crate::driver::{HomeFile, Launch, Start};
use crate::own_tools::OwnTools;
use pilot_proto::ProviderKind;
use pilot_proto::project::ProviderGrant;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Our own name for the provider: the built-in one takes no key from the
/// environment, tries a WebSocket first, and cannot be pointed elsewhere.
const PROVIDER: &str = "pilothouse";

/// Where that provider finds its key.
const KEY: &str = "PILOTHOUSE_MODEL_KEY";

/// Settings for every run. What calls out besides the model is off: nothing
/// of it gets through the walls, and each try is a refusal in the journal.
const SETTINGS: &[&str] = &[
    "check_for_update_on_startup=false",
    "analytics.enabled=false",
    "features.plugins=false",
    "features.apps=false",
    "features.remote_plugin=false",
    "features.skill_mcp_dependency_install=false",
    "features.daemon_auto_start=false",
    "otel.metrics_exporter=\"none\"",
    // Otherwise it waits for a model that cannot be reached for ever.
    "features.unbounded_connection_retries=false",
    // Otherwise it can ask a person in plan mode only.
    "features.default_mode_request_user_input=true",
    "suppress_unstable_features_warning=true",
];

pub(super) fn launch(start: &Start) -> Launch {
    let config_dir = start.home.join(CONFIG_DIR).to_string_lossy().into_owned();
    let mut env = vec![("CODEX_HOME".to_owned(), config_dir)];
    let mut args = vec!["app-server".to_owned()];
    let mut set = |setting: String| args.extend(["-c".to_owned(), setting]);
    for setting in SETTINGS {
        set((*setting).to_owned());
    }
    if let Some(tools) = &start.tools {
        set(format!("mcp_servers.{}={}", OwnTools::NAME, server(tools)));
    }
    // Commands of the model have no business with it.
    set(format!("shell_environment_policy.exclude=[{}]", json!(KEY)));
    if let Some(grant) = start.provider.as_ref()
        && let Some(base_url) = base_url(grant)
    {
        let key = grant.key.expose();
        set(format!("model_provider={}", json!(PROVIDER)));
        set(format!("model_providers.{PROVIDER}={}", provider(&base_url, !key.is_empty())));
        if !key.is_empty() {
            env.push((KEY.to_owned(), key.to_owned()));
        }
    }
    Launch { program: start.program.clone(), args, env, files: files(&start.tree) }
}

/// As an inline table of TOML, whose strings are written like JSON's.
fn provider(base_url: &str, with_key: bool) -> String {
    let string = |text: &str| Value::from(text).to_string();
    let key = if with_key { format!(", env_key={}", string(KEY)) } else { String::new() };
    let base_url = string(base_url);
    format!(r#"{{name="Pilothouse", base_url={base_url}, wire_api="responses"{key}}}"#)
}

/// Our own tools, as an inline table of TOML. It asks nobody before it calls
/// them: what they may do, we decide then.
fn server(tools: &OwnTools) -> String {
    let program = Value::from(tools.program());
    let socket = Value::from(tools.socket.to_string_lossy());
    let (subcommand, variable) = (OwnTools::SUBCOMMAND, OwnTools::VARIABLE);
    let (start, patience) = (OwnTools::START_SECS, OwnTools::PATIENCE_SECS);
    format!(
        r#"{{command={program}, args=["{subcommand}"], env={{{variable}={socket}}}, startup_timeout_sec={start}, tool_timeout_sec={patience}, default_tools_approval_mode="approve"}}"#
    )
}

/// Where the Responses API is; none for a provider that has none.
fn base_url(grant: &ProviderGrant) -> Option<String> {
    let told = grant.base_url.as_deref().map(|url| url.trim_end_matches('/'));
    match grant.kind {
        ProviderKind::OpenAi => Some(told.unwrap_or("https://api.openai.com/v1").to_owned()),
        ProviderKind::Ollama => Some(format!("{}/v1", told.unwrap_or("http://127.0.0.1:11434"))),
        ProviderKind::Anthropic | ProviderKind::Gemini => None,
    }
}

/// The program wants its directory to be there, and asks whether the tree is
/// to be trusted unless it knows.
fn files(tree: &Path) -> Vec<HomeFile> {
    let tree = Value::from(tree.to_string_lossy());
    let contents = format!("[projects.{tree}]\ntrust_level = \"trusted\"\n");
    vec![HomeFile { path: PathBuf::from(CONFIG_DIR).join("config.toml"), contents, mode: 0o600 }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::Secret;
    use pilot_proto::project::ProviderLogin;

    fn grant(kind: ProviderKind, base_url: Option<&str>) -> ProviderGrant {
        ProviderGrant {
            name: "test".to_owned(),
            kind,
            base_url: base_url.map(str::to_owned),
            key: Secret::new("k"),
            login: ProviderLogin::Key,
            oauth: None,
        }
    }

    #[test]
    fn the_responses_api_is_found_at_every_provider_that_has_it() {
        let check = |kind, told: Option<&str>, expected: Option<&str>| {
            assert_eq!(base_url(&grant(kind, told)).as_deref(), expected, "{kind:?} {told:?}");
        };
        check(ProviderKind::OpenAi, None, Some("https://api.openai.com/v1"));
        check(ProviderKind::OpenAi, Some("http://127.0.0.1:9/v1/"), Some("http://127.0.0.1:9/v1"));
        check(ProviderKind::Ollama, Some("http://127.0.0.1:9"), Some("http://127.0.0.1:9/v1"));
        check(ProviderKind::Ollama, None, Some("http://127.0.0.1:11434/v1"));
        check(ProviderKind::Anthropic, Some("http://127.0.0.1:9"), None);
    }
}
