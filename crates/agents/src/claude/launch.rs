//! The command line, environment and HOME of Claude Code.

use super::session::CONFIG_DIR;
use crate::driver::{HomeFile, Launch, Start};
use crate::own_tools::OwnTools;
use pilot_proto::project::ProviderLogin;
use pilot_proto::{Mode, ProviderKind};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Tools that would break a run: a worktree moves the work out of the tree
/// that is collected, and a schedule would wake after the run is over.
const TOOLS_OFF: &str = "EnterWorktree,ExitWorktree,CronCreate,CronDelete,CronList,ScheduleWakeup";

pub(super) fn launch(start: &Start) -> Launch {
    Launch {
        program: start.program.clone(),
        args: args(start),
        env: environment(start),
        files: files(&start.tree),
    }
}

fn args(start: &Start) -> Vec<String> {
    let mut args: Vec<String> = [
        "-p",
        "--input-format=stream-json",
        "--output-format=stream-json",
        "--verbose",
        // Sends permission requests to us instead of denying them.
        "--permission-prompt-tool=stdio",
    ]
    .map(str::to_owned)
    .into();
    args.push(format!("--disallowedTools={TOOLS_OFF}"));
    args.push(format!("--permission-mode={}", permission_mode(start.mode)));
    if start.mode == Mode::Plan {
        // So that an approved plan can be carried out without further asking.
        args.push("--allow-dangerously-skip-permissions".to_owned());
    }
    if let Some(model) = &start.model {
        args.push(format!("--model={model}"));
    }
    if let Some(tools) = &start.tools {
        let mut server = tools.server();
        // Else it hides them behind a tool that searches for tools.
        server["alwaysLoad"] = true.into();
        let servers = json!({"mcpServers": {OwnTools::NAME: server}});
        // With `=`, because it takes as many values as there are.
        args.push(format!("--mcp-config={servers}"));
        // What our own tools may do, we decide when they are called.
        args.push(format!("--allowedTools=mcp__{}", OwnTools::NAME));
    }
    match &start.resume {
        Some(session) => args.push(format!("--resume={session}")),
        None => args.push(format!("--session-id={}", start.run)),
    }
    args
}

pub(super) fn permission_mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Auto => "bypassPermissions",
        Mode::Ask => "default",
        Mode::Plan => "plan",
    }
}

fn environment(start: &Start) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = [
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
        // Subagents end before the turn does: one turn, one result.
        ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
        ("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "1"),
        // Without it the permission modes are refused to root. Exactly `1`.
        ("IS_SANDBOX", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let mut set = |name: &str, value: &str| {
        if !value.is_empty() {
            env.push((name.to_owned(), value.to_owned()));
        }
    };
    if start.tools.is_some() {
        set("MCP_TOOL_TIMEOUT", &(OwnTools::PATIENCE_SECS * 1000).to_string());
        set("MCP_TIMEOUT", &(OwnTools::START_SECS * 1000).to_string());
    }
    set("CLAUDE_CONFIG_DIR", &start.home.join(CONFIG_DIR).to_string_lossy());
    set("CLAUDE_CODE_TMPDIR", &start.tmp.to_string_lossy());
    if let Some(provider) = &start.provider {
        match provider.kind {
            ProviderKind::Anthropic => {
                let name = match provider.login {
                    ProviderLogin::Key => "ANTHROPIC_API_KEY",
                    ProviderLogin::Bearer => "ANTHROPIC_AUTH_TOKEN",
                };
                set(name, provider.key.expose());
                set("ANTHROPIC_BASE_URL", provider.base_url.as_deref().unwrap_or_default());
            }
            // Claude Code speaks Anthropic's format alone.
            ProviderKind::OpenAi | ProviderKind::Gemini | ProviderKind::Ollama => {}
        }
    }
    env
}

/// Answers to the dialogs of a first start, which nobody could click on.
fn files(tree: &Path) -> Vec<HomeFile> {
    let state = state(tree);
    let settings = json!({"skipDangerousModePermissionPrompt": true});
    [(".claude.json", state), ("settings.json", settings)]
        .map(|(name, contents)| HomeFile {
            path: PathBuf::from(CONFIG_DIR).join(name),
            contents: format!("{contents}\n"),
            mode: 0o600,
        })
        .into()
}

/// What it remembers of a first start.
pub(super) fn state(tree: &Path) -> Value {
    json!({
        "hasCompletedOnboarding": true,
        "projects": {tree.to_string_lossy(): {"hasTrustDialogAccepted": true}},
    })
}
