//! What differs between agents that speak the same protocol.

use pilot_proto::Mode;

/// One agent's ways. The protocol leaves each of these open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// The method of `authenticate`; none: it takes what is in its environment.
    pub(super) login: Option<&'static str>,
    /// How it gets a provider, if it can do nothing without one of ours.
    pub(super) provider: Option<&'static str>,
    /// Its name for a mode; none: it need not be told.
    pub(super) mode: fn(Mode) -> Option<&'static str>,
    /// How a plan is made.
    pub(super) plan: Planning,
    /// What the tokens in the answer to a prompt are.
    pub(super) tokens: Tokens,
    /// Where the name of a tool stands, if not in a field of its own.
    pub(super) tool_name: ToolName,
    /// When a loaded session has told its past.
    pub(super) past: Past,
    /// What it says that is not for a reader begins so.
    pub(super) noise: Option<&'static str>,
    /// Our own tools are told to it with its session, not by its configuration.
    pub(super) takes_servers: bool,
    /// It does not always end with its input, and has to be told to.
    pub(super) stays: bool,
    /// It goes on after a refusal without having heard why, for which the
    /// protocol has no place: it is told when its prompt is over.
    pub(super) goes_on_unaware: bool,
    /// All that it says when the connection to its model broke in the middle
    /// of an answer, and it does not try again.
    pub(super) broken: Option<&'static str>,
}

/// How a plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planning {
    /// It asks for the approval of its plan.
    Asked,
    /// What it says last is the plan; we ask.
    Said,
}

/// What the tokens in the answer to a prompt are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tokens {
    /// Those of the whole turn.
    Turn,
    /// Those of the model's last answer. Not counted: a part is no sum.
    LastAnswer,
}

/// Where the name of a tool stands, if not in a field of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolName {
    /// In the call's id, before `__`.
    InId,
    /// It is the title that the call comes with.
    Title,
    /// Nowhere: the kind of tool is its name.
    Kind,
}

/// When a loaded session has told its past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Past {
    /// Before it answers, as the protocol says.
    BeforeAnswer,
    /// Before it tells which commands it has.
    BeforeCommands,
}

impl Habits {
    /// As little as can be taken for granted of an agent that nobody tried.
    pub(super) const UNKNOWN: Self = Self {
        login: None,
        provider: None,
        mode: |mode| match mode {
            // We allow what it asks for.
            Mode::Auto | Mode::Ask => None,
            Mode::Plan => Some("plan"),
        },
        plan: Planning::Asked,
        tokens: Tokens::Turn,
        tool_name: ToolName::Kind,
        past: Past::BeforeAnswer,
        noise: None,
        takes_servers: true,
        stays: false,
        goes_on_unaware: false,
        broken: None,
    };
}
