//! Keeps secrets out of everything that is written down: those that were
//! granted, by their exact values in all the forms that programs write them in,
//! and others by what they look like.
//!
//! What is looked for are the forms of [`forms`] and the rules of `rules`.
//! Everything that any form covers is taken out, also where two overlap.
//! **Invariant:** what comes out does not depend on how the bytes were cut into
//! pieces on the way in.

use engine::Engine;
use pilot_proto::Secret;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::Arc;

mod engine;
mod exact;
pub mod forms;
mod grams;
mod rules;
mod search;
mod stream;

pub use search::{Search, Sighting};
pub use stream::RedactedStream;

/// What stands in a secret's place: `[redacted:NAME]`, with the name that it
/// was granted under, or the rule's. No angle brackets: HTML and Markdown, in
/// which pull requests are written, would swallow them.
pub fn marker(name: &str) -> String {
    format!("[redacted:{name}]")
}

/// A secret and what stands in its place.
#[derive(Debug, Clone)]
pub struct NamedSecret {
    /// Shown in place of the value.
    pub name: String,
    /// What must not be seen.
    pub value: Secret,
}

/// Finds secrets. Cheap to clone; clones share the counters.
#[derive(Debug, Clone)]
pub struct Redactor {
    /// None if there is nothing to look for.
    engine: Option<Arc<Engine>>,
    secrets: Arc<[NamedSecret]>,
    too_short: Arc<[String]>,
}

impl Redactor {
    /// Values of fewer bytes are not redacted: they would be found everywhere.
    pub const SHORTEST: usize = forms::SHORTEST;

    /// For these secrets, and for what looks like one.
    pub fn new(secrets: Vec<NamedSecret>) -> Self {
        Self::made(secrets, true)
    }

    /// For these secrets alone. Without any it costs nothing.
    pub fn exact(secrets: Vec<NamedSecret>) -> Self {
        Self::made(secrets, false)
    }

    /// For this secret as well, and for all that this one finds; its counters
    /// begin anew.
    #[must_use]
    pub fn knowing(&self, secret: &NamedSecret) -> Self {
        if self.secrets.iter().any(|known| known.value == secret.value) {
            return self.clone();
        }
        let secrets = self.secrets.iter().chain([secret]).cloned().collect();
        Self::made(secrets, self.engine.as_ref().is_some_and(|engine| engine.has_rules()))
    }

    fn made(secrets: Vec<NamedSecret>, rules: bool) -> Self {
        let all = secrets.clone().into();
        let (long, short): (Vec<_>, Vec<_>) = secrets
            .into_iter()
            .partition(|secret| secret.value.expose().trim().len() >= Self::SHORTEST);
        let too_short =
            short.into_iter().filter(|secret| !secret.value.is_empty()).map(|secret| secret.name);
        let too_short = too_short.collect();
        let engine = (rules || !long.is_empty()).then(|| Arc::new(Engine::new(&long, rules)));
        Self { engine, secrets: all, too_short }
    }

    /// Names of secrets that are too short to be redacted; the caller says so.
    pub fn too_short(&self) -> &[String] {
        &self.too_short
    }

    /// Most bytes that a stream holds back for a granted secret that has no
    /// line breaks in it; each line break may bring its indentation.
    pub fn longest_form(&self) -> usize {
        self.engine.as_ref().map_or(0, |engine| engine.longest())
    }

    /// A stream of bytes: each of an agent's outputs has one of its own.
    pub fn stream(&self) -> RedactedStream {
        RedactedStream::new(self.engine.clone())
    }

    /// Looks for the same in bytes that are not to be changed.
    pub fn search(&self) -> Search {
        Search::new(self.engine.clone())
    }

    /// A whole text.
    pub fn redact_str<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redact_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Forms and markers are whole text, so cutting forms out of text
            // leaves text, except where two forms overlap inside a character;
            // then losing that character is right.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// All of some bytes, text or not.
    pub fn redact_bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let redacted = self.engine.as_ref().and_then(|engine| stream::whole(engine, bytes));
        redacted.map_or(Cow::Borrowed(bytes), Cow::Owned)
    }

    /// Every string in a JSON value: values, keys, and numbers that are a secret.
    pub fn redact_json(&self, value: &mut Value) {
        if self.engine.is_none() {
            return;
        }
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                let text = number.to_string();
                if let Cow::Owned(redacted) = self.redact_str(&text) {
                    *value = Value::String(redacted);
                }
            }
            Value::String(text) => {
                if let Cow::Owned(redacted) = self.redact_str(text) {
                    *text = redacted;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            Value::Object(fields) => self.redact_fields(fields),
        }
    }

    fn redact_fields(&self, fields: &mut Map<String, Value>) {
        fields.values_mut().for_each(|field| self.redact_json(field));
        let renamed: Vec<(String, String)> = fields
            .keys()
            .filter_map(|key| match self.redact_str(key) {
                Cow::Owned(redacted) => Some((key.clone(), redacted)),
                Cow::Borrowed(_) => None,
            })
            .collect();
        for (key, redacted) in renamed {
            if let Some(field) = fields.remove(&key) {
                fields.insert(redacted, field);
            }
        }
    }

    /// How often each granted secret was found so far, by name, and then each
    /// rule that found something.
    pub fn counts(&self) -> Vec<(String, u64)> {
        self.engine.as_ref().map(|engine| engine.counts()).unwrap_or_default()
    }
}
