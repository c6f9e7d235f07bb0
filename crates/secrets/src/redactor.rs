//! Keeps exact secret values out of everything that is written down.

use pilot_proto::Secret;
use serde_json::Value;
use std::borrow::Cow;

/// A secret and what stands in its place: `[redacted:NAME]`.
#[derive(Debug, Clone)]
pub struct NamedSecret {
    /// Shown in place of the value.
    pub name: String,
    /// What must not be seen.
    pub value: Secret,
}

/// Finds secrets in all the forms they take. Cheap to clone; clones share the
/// counters.
#[derive(Debug, Clone)]
pub struct Redactor {}

impl Redactor {
    /// Values of fewer bytes are not redacted: they would be found everywhere.
    pub const SHORTEST: usize = 6;

    /// For these secrets.
    pub fn new(secrets: Vec<NamedSecret>) -> Self {
        todo!()
    }

    /// Names of secrets that are too short to be redacted; the caller says so.
    pub fn too_short(&self) -> &[String] {
        todo!()
    }

    /// A stream of bytes: each of an agent's outputs has one of its own.
    pub fn stream(&self) -> RedactedStream {
        todo!()
    }

    /// A whole text.
    pub fn redact_str<'a>(&self, text: &'a str) -> Cow<'a, str> {
        todo!()
    }

    /// Every string in a JSON value: values, keys, and numbers that are a secret.
    pub fn redact_json(&self, value: &mut Value) {
        todo!()
    }

    /// How often each secret was found so far, by name.
    pub fn counts(&self) -> Vec<(String, u64)> {
        todo!()
    }
}

/// One stream under redaction.
#[derive(Debug)]
pub struct RedactedStream {}

impl RedactedStream {
    /// Takes bytes in and appends to `out` what can be told to be harmless.
    /// Held back is only what may be the beginning of a secret: nothing at
    /// all for ordinary output, never more than the longest form.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        todo!()
    }

    /// The stream paused or ended: what was held back is no secret.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        todo!()
    }
}
