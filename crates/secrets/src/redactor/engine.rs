//! What is looked for, ready to be found: the forms of granted secrets, and the
//! rules.

use super::NamedSecret;
use super::exact::{self, Match};
use super::forms::{self, Form};
use super::grams::{Beginning, Grams, Target};
use super::rules::{CONTEXT, Place, Rules, Step, Tail};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Index of what was found: secrets first, then rules by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    Secret(usize),
    Rule(&'static str),
}

/// Something found: `bytes[start..end]`, and how it goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) named: Named,
    pub(super) tail: Tail,
}

/// What is said of a place.
pub(super) enum Verdict {
    /// In `found` stands what begins there.
    Decided,
    /// It depends on what comes; from there on it may be secret.
    Undecided { from: usize },
}

pub(super) struct Engine {
    grams: Grams,
    /// Each form and its secret, in the order of the grams' targets.
    forms: Vec<(Form, usize)>,
    longest: usize,
    secrets: Vec<(String, AtomicU64)>,
    rules: Option<Rules>,
    by_rule: Mutex<BTreeMap<&'static str, u64>>,
}

impl Engine {
    pub(super) fn new(secrets: &[NamedSecret], rules: bool) -> Self {
        let mut found = Vec::new();
        for (secret, named) in secrets.iter().enumerate() {
            let of = forms::of(named.value.expose());
            found.extend(of.into_iter().map(|form| (form, secret)));
        }
        let rules = rules.then(Rules::new);
        let mut grams = rules.as_ref().map(Rules::grams).unwrap_or_default();
        for (index, (form, _)) in found.iter().enumerate() {
            grams_of(form, &mut |gram, hold| grams.push((gram, Target::Form(index), hold)));
        }
        Self {
            grams: Grams::new(grams),
            longest: found.iter().map(|(form, _)| form.text.len()).max().unwrap_or(0),
            forms: found,
            secrets: secrets.iter().map(|named| (named.name.clone(), AtomicU64::new(0))).collect(),
            rules,
            by_rule: Mutex::default(),
        }
    }

    /// It looks for what only looks like a secret, too.
    pub(super) fn has_rules(&self) -> bool {
        self.rules.is_some()
    }

    /// Bytes of the longest form.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The next place at or after `from` where something may begin, among the
    /// places that four bytes follow.
    pub(super) fn next(&self, bytes: &[u8], from: usize) -> Option<usize> {
        self.grams.next(bytes, from)
    }

    /// What fewer than four bytes at the end may begin.
    pub(super) fn beginning(&self, bytes: &[u8]) -> Beginning {
        self.grams.beginning(bytes)
    }

    /// Looks at one place: what begins there goes to `found`.
    /// Rules do not look into what rules found already.
    pub(super) fn look(&self, place: Place<'_>, rules: bool, found: &mut Vec<Found>) -> Verdict {
        let Place { bytes, at, last } = place;
        let (before, mut undecided) = (found.len(), None::<usize>);
        let mut wait =
            |from: usize| undecided = Some(undecided.map_or(from, |other| other.min(from)));
        for (_, target) in self.grams.targets(&bytes[at..]) {
            match *target {
                Target::Form(form) => {
                    let (form, secret) = &self.forms[form];
                    match exact::look(bytes, at, form) {
                        Match::Begun { from } if !last => wait(from),
                        Match::No | Match::Begun { .. } => {}
                        Match::Found { start, end } => {
                            let named = Named::Secret(*secret);
                            found.push(Found { start, end, named, tail: Tail::None });
                        }
                    }
                }
                Target::Rule(rule) if rules => {
                    match self.rules.as_ref().map_or(Step::No, |rules| rules.look(rule, place)) {
                        Step::No => {}
                        Step::More { from } => wait(from),
                        Step::Yes { start, end, rule, tail } => {
                            found.push(Found { start, end, named: Named::Rule(rule), tail });
                        }
                    }
                }
                Target::Rule(_) => {}
            }
        }
        if let Some(from) = undecided {
            let found = found.drain(before..).map(|found| found.start);
            return Verdict::Undecided { from: found.fold(from, usize::min) };
        }
        // Of two rules the first one names it: the table begins with the special.
        let mut ruled = false;
        let mut at_place = found.split_off(before);
        at_place.retain(|found| match found.named {
            Named::Secret(_) => true,
            Named::Rule(_) => !std::mem::replace(&mut ruled, true),
        });
        found.append(&mut at_place);
        Verdict::Decided
    }

    /// Writes what stands in place of a secret, and counts it.
    pub(super) fn mark(&self, named: Named, out: &mut Vec<u8>) {
        let name = match named {
            Named::Secret(secret) => {
                let (name, count) = &self.secrets[secret];
                count.fetch_add(1, Ordering::Relaxed);
                name
            }
            Named::Rule(rule) => {
                let mut by_rule = self.by_rule.lock().unwrap_or_else(PoisonError::into_inner);
                *by_rule.entry(rule).or_default() += 1;
                rule
            }
        };
        out.extend_from_slice(super::marker(name).as_bytes());
    }

    /// What something found is called, and whether a rule found it.
    pub(super) fn name(&self, named: Named) -> (&str, bool) {
        match named {
            Named::Secret(secret) => (&self.secrets[secret].0, false),
            Named::Rule(rule) => (rule, true),
        }
    }

    pub(super) fn counts(&self) -> Vec<(String, u64)> {
        let secrets = self.secrets.iter();
        let secrets = secrets.map(|(name, count)| (name.clone(), count.load(Ordering::Relaxed)));
        let by_rule = self.by_rule.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = by_rule.iter().map(|(rule, count)| ((*rule).to_owned(), *count));
        secrets.chain(rules).collect()
    }

    /// How many bytes before an undecided place have to be kept.
    pub(super) const CONTEXT: usize = CONTEXT;
}

/// The first four bytes of a form, also with a line break among them.
fn grams_of(form: &Form, gram: &mut dyn FnMut([u8; 4], bool)) {
    let [a, b, c, d] = [form.text[0], form.text[1], form.text[2], form.text[3]];
    gram([a, b, c, d], true);
    if form.wraps {
        for with_break in [
            [a, b'\n', b, c],
            [a, b, b'\n', c],
            [a, b, c, b'\n'],
            [a, b'\r', b'\n', b],
            [a, b, b'\r', b'\n'],
            [a, b, c, b'\r'],
            [a, b'\\', b'n', b],
            [a, b, b'\\', b'n'],
            [a, b, c, b'\\'],
            [a, b'\\', b'r', b'\\'],
            [a, b, b'\\', b'r'],
        ] {
            gram(with_break, false);
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.secrets.iter().map(|(name, _)| name).collect();
        f.debug_struct("Engine").field("names", &names).finish_non_exhaustive()
    }
}
