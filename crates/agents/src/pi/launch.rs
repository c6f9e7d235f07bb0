//! The command line, environment and HOME of pi.

use crate::catalog::SessionPlace;
use crate::driver::{HomeFile, Launch, Start};
use pilot_proto::project::{ProviderGrant, ProviderLogin};
use pilot_proto::{Mode, ProviderKind};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Its directory, relative to the HOME.
const AGENT_DIR: &str = ".pi/agent";
/// Our extension; not where it looks for others by itself, or it would come twice.
const EXTENSION: &str = ".pi/pilothouse.ts";
/// Where sessions are put that a run goes on with.
const RESUMED: &str = ".pi/resumed";

/// How often it tries again, 2, 4, 8, … seconds apart: two minutes in all.
const RETRIES: u32 = 6;

/// What it is told besides, in mode plan.
const PLAN_FIRST: &str = "Plan before you change anything: look around with read, grep, find and ls, \
     then submit your plan with submit_plan and wait for its approval. Until then nothing else works.";

pub(super) fn launch(start: &Start) -> Launch {
    Launch {
        program: start.program.clone(),
        args: args(start),
        env: environment(start),
        files: files(start),
    }
}

fn args(start: &Start) -> Vec<String> {
    let mut args: Vec<String> = vec!["--mode".into(), "rpc".into(), "--extension".into()];
    args.push(start.home.join(EXTENSION).to_string_lossy().into_owned());
    if start.mode == Mode::Plan {
        // The reading ones are off otherwise, since a shell does it, too.
        let tools = "read,bash,edit,write,grep,find,ls,ask_user,submit_plan";
        args.extend(["--tools", tools, "--append-system-prompt", PLAN_FIRST].map(str::to_owned));
    }
    if let Some(provider) = &start.provider {
        args.extend(["--provider".to_owned(), name(provider.kind).to_owned()]);
    }
    if let Some(model) = &start.model {
        args.extend(["--model".to_owned(), model.clone()]);
    }
    if let Some(session) = &start.resume {
        // A session remembers its directory and would work there: a fork of it
        // works here.
        let file = start.home.join(resumed(session));
        args.extend(["--fork".to_owned(), file.to_string_lossy().into_owned()]);
    }
    args
}

fn resumed(session: &str) -> PathBuf {
    PathBuf::from(RESUMED).join(format!("{session}.jsonl"))
}

/// Where the session is kept, and where [`args`] takes one from.
pub(super) fn place(session: &str) -> SessionPlace {
    SessionPlace {
        below: PathBuf::from(AGENT_DIR).join("sessions"),
        named: format!("_{session}.jsonl"),
        restore: resumed(session),
        more: Vec::new(),
    }
}

/// Its name for the provider, and the variable that it reads the key from.
fn name(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Anthropic => "anthropic",
        ProviderKind::OpenAi => "openai",
        ProviderKind::Gemini => "google",
        ProviderKind::Ollama => "local",
    }
}

fn key_variable(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Anthropic => "ANTHROPIC_API_KEY",
        ProviderKind::OpenAi => "OPENAI_API_KEY",
        ProviderKind::Gemini => "GEMINI_API_KEY",
        ProviderKind::Ollama => "PILOTHOUSE_MODEL_KEY",
    }
}

fn environment(start: &Start) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = vec![
        ("PI_OFFLINE".into(), "1".into()),
        ("PI_TELEMETRY".into(), "0".into()),
        ("PI_CODING_AGENT_DIR".into(), start.home.join(AGENT_DIR).to_string_lossy().into_owned()),
    ];
    if let Some(provider) = &start.provider {
        let key = provider.key.expose();
        // It takes no model without a key, even from a server that wants none.
        let key = if key.is_empty() { "none" } else { key };
        env.push((key_variable(provider.kind).to_owned(), key.to_owned()));
    }
    env
}

fn files(start: &Start) -> Vec<HomeFile> {
    let mode = match start.mode {
        Mode::Auto => "auto",
        Mode::Ask => "ask",
        Mode::Plan => "plan",
    };
    let file = |path: PathBuf, contents: String| HomeFile { path, contents, mode: 0o600 };
    let json = |name: &str, contents: Value| {
        file(PathBuf::from(AGENT_DIR).join(name), format!("{contents}\n"))
    };
    let settings = json!({
        "enableInstallTelemetry": false,
        "quietStartup": true,
        // The vendor's library would try again without telling anybody.
        "retry": {"enabled": true, "maxRetries": RETRIES, "provider": {"maxRetries": 0}},
    });
    let pilot = start.tools.as_ref().map_or(Value::Null, |tools| tools.program().into());
    let extension =
        include_str!("extension.ts").replace("%MODE%", mode).replace("%PILOT%", &pilot.to_string());
    let models = start.provider.as_ref().and_then(|provider| models(provider, start));
    let models = models.map(|models| json("models.json", models));
    [json("settings.json", settings), file(PathBuf::from(EXTENSION), extension)]
        .into_iter()
        .chain(models)
        .collect()
}

/// Leads a provider to where it is asked for; none if it is where it always is.
fn models(provider: &ProviderGrant, start: &Start) -> Option<Value> {
    let base = provider.base_url.as_deref()?.trim_end_matches('/');
    // Of the providers that it knows it knows the models, too, with limits and
    // prices.
    let mut leads = match provider.kind {
        ProviderKind::Anthropic | ProviderKind::OpenAi => json!({"baseUrl": base}),
        // The version is a part of the address, to it.
        ProviderKind::Gemini => json!({"baseUrl": format!("{base}/v1beta")}),
        ProviderKind::Ollama => json!({
            "baseUrl": if base.ends_with("/v1") { base.to_owned() } else { format!("{base}/v1") },
            "api": "openai-completions",
            "apiKey": key_variable(provider.kind),
            "compat": {"supportsDeveloperRole": false, "supportsReasoningEffort": false},
            "models": start.model.iter().map(|model| json!({"id": model})).collect::<Vec<_>>(),
        }),
    };
    if provider.login == ProviderLogin::Bearer {
        leads["authHeader"] = true.into();
    }
    Some(json!({"providers": {name(provider.kind): leads}}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::tests::start;
    use pilot_proto::Secret;

    fn with(kind: ProviderKind, base_url: &str) -> Launch {
        let provider = ProviderGrant {
            name: "pi".into(),
            kind,
            base_url: Some(base_url.into()),
            key: Secret::new(if kind == ProviderKind::Ollama { "" } else { "placeholder" }),
            login: ProviderLogin::Key,
            oauth: None,
        };
        let model = Some("m1".to_owned());
        launch(&Start { provider: Some(provider), model, ..start() })
    }

    #[test]
    fn each_kind_of_provider_is_led_to_the_gateway() {
        let check = |kind, base: &str, provider: &str, expected: &str, key: (&str, &str)| {
            let launch = with(kind, base);
            let at = launch.args.iter().position(|arg| arg == "--provider").expect("it is named");
            assert_eq!(launch.args[at + 1], provider);
            let models = launch.files.iter().find(|file| file.path.ends_with("models.json"));
            let models: Value =
                serde_json::from_str(&models.expect("written").contents).expect("JSON");
            assert_eq!(models["providers"][provider]["baseUrl"], expected, "{models}");
            assert!(!models.to_string().contains("placeholder"), "no key in a file");
            assert!(launch.env.contains(&(key.0.to_owned(), key.1.to_owned())));
        };
        use ProviderKind::{Anthropic, Gemini, Ollama, OpenAi};
        let gate = "http://127.0.0.1:9";
        check(Anthropic, gate, "anthropic", gate, ("ANTHROPIC_API_KEY", "placeholder"));
        let with_version = "http://127.0.0.1:9/v1";
        check(OpenAi, with_version, "openai", with_version, ("OPENAI_API_KEY", "placeholder"));
        let beta = "http://127.0.0.1:9/v1beta";
        check(Gemini, gate, "google", beta, ("GEMINI_API_KEY", "placeholder"));
        check(Ollama, gate, "local", with_version, ("PILOTHOUSE_MODEL_KEY", "none"));
        check(Ollama, with_version, "local", with_version, ("PILOTHOUSE_MODEL_KEY", "none"));
    }

    #[test]
    fn a_session_is_found_where_it_is_kept_and_forked_where_it_was_put() {
        let place = place("abc");
        assert_eq!(place.restore, PathBuf::from(".pi/resumed/abc.jsonl"));
        let launch = launch(&Start { resume: Some("abc".into()), ..start() });
        let fork = launch.args.iter().position(|arg| arg == "--fork").expect("it is forked");
        assert_eq!(launch.args[fork + 1], "/w/home/.pi/resumed/abc.jsonl");
    }
}
