//! Calls to models, as the gateway sees them, and what they cost.

use crate::run::Usage;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What the gateway says of a login that its vendor does not renew any more,
/// between who that is and why: agents pass it on among other words.
pub const LOGIN_ENDED: &str = "has ended and was not renewed";

/// What it says of a key that a provider does not take, behind who that is.
pub const KEY_REFUSED: &str = "refuses the key of this run";

/// The wire format of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Responses.
    Responses,
    /// OpenAI Chat Completions, which most local servers speak too.
    Chat,
    /// Gemini `generateContent`.
    Gemini,
    /// Ollama's own.
    Ollama,
    /// A format this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// One call of an agent to a model. Never what was said in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ModelCall {
    /// Our name for the provider that answered.
    pub provider: String,
    /// In which format.
    pub dialect: Dialect,
    /// The model, as the answer names it, or as it was asked for.
    pub model: String,
    /// HTTP status that the agent was given.
    pub status: u16,
    /// What it used. Cost is by the price table; none where it has no price.
    pub usage: Usage,
    /// Milliseconds to the first byte of the answer.
    pub first_ms: u64,
    /// Milliseconds to its last.
    pub total_ms: u64,
    /// How many requests were made for it: retries and other providers.
    pub attempts: u32,
    /// Why it did not work out, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What a model costs, in millionths of a US dollar for a million tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ModelPrice {
    /// The model's name, or its beginning and `*`. The longest that fits counts.
    pub model: String,
    /// For tokens read.
    pub input: u64,
    /// For tokens written.
    pub output: u64,
    /// For tokens read from the provider's cache.
    pub cache_read: u64,
    /// For tokens written to the provider's cache.
    pub cache_write: u64,
}
