//! The agents, and in what they differ as far as a scripted model must know.

/// One agent.
pub(super) struct Agent {
    pub(super) name: &'static str,
    /// Kind of its provider, and the path of the model below the server's address.
    pub(super) kind: &'static str,
    pub(super) path: &'static str,
    /// The model that a task names, where the agent wants one.
    pub(super) model: Option<&'static str>,
    /// What it calls its tools for commands and for new files when it asks.
    pub(super) shell: &'static str,
    pub(super) write: &'static str,
    /// How it hears of a refusal.
    pub(super) refused: Refused,
    /// How it asks a person.
    pub(super) asks: Asks,
    pub(super) plans: Plans,
    /// It takes words in the middle of a turn.
    pub(super) hears: bool,
    /// In a new workspace it goes on in a copy of its session, of another name.
    pub(super) forks: bool,
    /// What it tells of its use.
    pub(super) tells_tokens: bool,
    pub(super) tells_cost: bool,
}

/// How an agent hears why it was refused a tool.
pub(super) enum Refused {
    /// In the tool's result.
    Tool,
    /// In the next prompt of the turn, as it ends the one before.
    Prompt,
    /// In the next prompt of the turn, though it goes on before.
    PromptLater,
}

/// How an agent asks a person.
pub(super) enum Asks {
    /// By a tool of its own.
    Itself,
    /// Its own tool of this name is not offered to the model; ours is.
    ByOurTool { own: &'static str, ours: &'static str },
}

/// How an agent shows a plan, and what it makes of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plans {
    /// By a tool, whose result is the answer. `file`: the plan is in a file.
    Tool { file: bool },
    /// By a tool that says only yes or no; the reason comes as the next prompt.
    ToolAndPrompt,
    /// In a block of its last words; the answer is the next prompt.
    Block,
    /// By its last words themselves; the answer is the next prompt.
    Words,
}

pub(super) const CLAUDE: Agent = Agent {
    name: "claude",
    kind: "anthropic",
    path: "",
    model: None,
    shell: "Bash",
    write: "Write",
    refused: Refused::Tool,
    asks: Asks::Itself,
    plans: Plans::Tool { file: true },
    hears: true,
    forks: false,
    tells_tokens: true,
    tells_cost: true,
};

pub(super) const CODEX: Agent = Agent {
    name: "codex",
    kind: "openai",
    path: "/v1",
    model: None,
    shell: "shell",
    write: "apply_patch",
    refused: Refused::Prompt,
    asks: Asks::Itself,
    plans: Plans::Block,
    hears: true,
    forks: false,
    tells_tokens: true,
    tells_cost: false,
};

pub(super) const GEMINI: Agent = Agent {
    name: "gemini",
    kind: "gemini",
    path: "",
    model: Some("gemini-3-flash-preview"),
    shell: "run_shell_command",
    write: "write_file",
    refused: Refused::PromptLater,
    asks: Asks::ByOurTool { own: "ask_user", ours: "mcp_pilothouse_ask_person" },
    plans: Plans::ToolAndPrompt,
    hears: false,
    forks: false,
    tells_tokens: true,
    tells_cost: false,
};

pub(super) const OPENCODE: Agent = Agent {
    name: "opencode",
    kind: "anthropic",
    path: "",
    model: Some("claude-sonnet-4-5"),
    shell: "bash",
    write: "write",
    refused: Refused::Prompt,
    asks: Asks::ByOurTool { own: "question", ours: "pilothouse_ask_person" },
    plans: Plans::Words,
    hears: false,
    forks: false,
    tells_tokens: false,
    tells_cost: true,
};

pub(super) const PI: Agent = Agent {
    name: "pi",
    kind: "anthropic",
    path: "",
    model: None,
    shell: "bash",
    write: "write",
    refused: Refused::Tool,
    asks: Asks::Itself,
    plans: Plans::Tool { file: false },
    hears: true,
    forks: true,
    tells_tokens: true,
    tells_cost: true,
};
