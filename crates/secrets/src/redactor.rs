//! Keeps exact secret values out of everything that is written down.
//!
//! What is looked for are the forms of [`forms`]: the value itself and its
//! usual encodings. Everything that any form covers is taken out, also where
//! two overlap. **Invariant:** what comes out does not depend on how the bytes
//! were cut into pieces on the way in.

use aho_corasick::{AhoCorasick, MatchKind};
use pilot_proto::Secret;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub mod forms;
mod stream;

pub use stream::RedactedStream;

/// A secret and what stands in its place: `[redacted:NAME]`.
#[derive(Debug, Clone)]
pub struct NamedSecret {
    /// Shown in place of the value.
    pub name: String,
    /// What must not be seen.
    pub value: Secret,
}

/// Finds secrets in all the forms they take. Cheap to clone; clones share the
/// counters. Without secrets it costs nothing.
#[derive(Debug, Clone)]
pub struct Redactor {
    /// None if there is nothing to look for.
    patterns: Option<Arc<Patterns>>,
    too_short: Arc<[String]>,
}

/// What is looked for. `automaton` and `forms` have the same order.
struct Patterns {
    automaton: AhoCorasick,
    forms: Vec<Form>,
    /// Indices into `forms`, sorted by their bytes: for finding beginnings.
    sorted: Vec<usize>,
    /// True at `256 * first + second` for each pair that a form begins with:
    /// most places of ordinary output are dismissed by one look.
    first_pairs: Box<[bool]>,
    longest: usize,
    secrets: Vec<Counted>,
}

struct Form {
    text: Vec<u8>,
    secret: usize,
}

struct Counted {
    name: String,
    marker: String,
    count: AtomicU64,
}

impl Redactor {
    /// Values of fewer bytes are not redacted: they would be found everywhere.
    pub const SHORTEST: usize = forms::SHORTEST;

    /// For these secrets.
    pub fn new(secrets: Vec<NamedSecret>) -> Self {
        let (long, short): (Vec<_>, Vec<_>) = secrets
            .into_iter()
            .partition(|secret| secret.value.expose().trim().len() >= Self::SHORTEST);
        let too_short =
            short.into_iter().filter(|secret| !secret.value.is_empty()).map(|secret| secret.name);
        let too_short = too_short.collect();
        let patterns = (!long.is_empty()).then(|| Arc::new(Patterns::new(&long)));
        Self { patterns, too_short }
    }

    /// Names of secrets that are too short to be redacted; the caller says so.
    pub fn too_short(&self) -> &[String] {
        &self.too_short
    }

    /// A stream of bytes: each of an agent's outputs has one of its own.
    pub fn stream(&self) -> RedactedStream {
        RedactedStream::new(self.patterns.clone())
    }

    /// A whole text.
    pub fn redact_str<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.patterns {
            Some(patterns) if patterns.automaton.is_match(text) => {
                let (mut stream, mut out) = (self.stream(), Vec::with_capacity(text.len()));
                stream.push(text.as_bytes(), &mut out);
                stream.finish(&mut out);
                // Forms and markers are whole text, so cutting forms out of
                // text leaves text, except where two forms overlap inside a
                // character; then losing that character is right.
                Cow::Owned(String::from_utf8_lossy(&out).into_owned())
            }
            _ => Cow::Borrowed(text),
        }
    }

    /// Every string in a JSON value: values, keys, and numbers that are a secret.
    pub fn redact_json(&self, value: &mut Value) {
        if self.patterns.is_none() {
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

    /// How often each secret was found so far, by name.
    pub fn counts(&self) -> Vec<(String, u64)> {
        let secrets = self.patterns.iter().flat_map(|patterns| &patterns.secrets);
        secrets.map(|secret| (secret.name.clone(), secret.count.load(Ordering::Relaxed))).collect()
    }
}

impl Patterns {
    fn new(secrets: &[NamedSecret]) -> Self {
        let mut forms: Vec<Form> = Vec::new();
        for (secret, named) in secrets.iter().enumerate() {
            let texts = forms::of(named.value.expose());
            forms.extend(texts.into_iter().map(|text| Form { text, secret }));
        }
        // Overlaps are wanted, so every match counts: the standard kind.
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(forms.iter().map(|form| &form.text))
            .expect("secrets are far below the automaton's limit of 2^31 states");
        let mut sorted: Vec<usize> = (0..forms.len()).collect();
        sorted.sort_unstable_by(|a, b| forms[*a].text.cmp(&forms[*b].text));
        let mut first_pairs = vec![false; 256 * 256].into_boxed_slice();
        for form in &forms {
            first_pairs[pair(&form.text)] = true;
        }
        let longest = forms.iter().map(|form| form.text.len()).max().unwrap_or(0);
        let secrets = secrets
            .iter()
            .map(|named| Counted {
                name: named.name.clone(),
                marker: format!("[redacted:{}]", named.name),
                count: AtomicU64::new(0),
            })
            .collect();
        Self { automaton, forms, sorted, first_pairs, longest, secrets }
    }

    /// True if more bytes could make a form out of these.
    fn is_beginning(&self, bytes: &[u8]) -> bool {
        let after = self.sorted.partition_point(|form| self.forms[*form].text.as_slice() <= bytes);
        // What is greater and begins with the bytes is longer than they are,
        // and the next greater one does if any does.
        let next = self.sorted.get(after);
        next.is_some_and(|form| self.forms[*form].text.starts_with(bytes))
    }

    /// The first place from which on all bytes may be the beginning of a form;
    /// the end if there is none.
    fn undecided_from(&self, bytes: &[u8]) -> usize {
        let from = bytes.len().saturating_sub(self.longest.saturating_sub(1));
        (from..bytes.len())
            .find(|at| {
                let rest = &bytes[*at..];
                (rest.len() < 2 || self.first_pairs[pair(rest)]) && self.is_beginning(rest)
            })
            .unwrap_or(bytes.len())
    }
}

fn pair(bytes: &[u8]) -> usize {
    256 * usize::from(bytes[0]) + usize::from(bytes[1])
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.secrets.iter().map(|secret| &secret.name).collect();
        f.debug_struct("Patterns").field("names", &names).finish_non_exhaustive()
    }
}
