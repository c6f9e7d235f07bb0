//! What a person's consoles share: saved views, marks of a review. Each has
//! their own, whichever browser or window they use; nobody looks inside.

use crate::commands::invalid;
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_proto::console::{Nothing, Preference, PreferenceGet, PreferenceKey, PreferenceSet};
use pilot_proto::{Code, Problem};
use pilot_store::Kept;
use serde_json::Value;

/// Longest key.
const MAX_KEY: usize = 100;
/// Preferences of one person: the marks of two thousand reviews.
const MOST: u32 = 2000;

impl Answers<PreferenceGet> for Parts {
    async fn answer(&self, who: &Principal, asked: PreferenceKey) -> Result<Preference, Problem> {
        check_key(&asked.key)?;
        let kept = self.store.preference(&who.name, &asked.key).await;
        let value = match kept.map_err(|error| error.problem())? {
            None => Value::Null,
            Some(text) => serde_json::from_str(&text).map_err(|error| {
                let message = format!("The preference `{}` is damaged: {error}.", asked.key);
                Problem::new(Code::Internal, message)
            })?,
        };
        Ok(Preference { key: asked.key, value })
    }
}

impl Answers<PreferenceSet> for Parts {
    async fn answer(&self, who: &Principal, preference: Preference) -> Result<Nothing, Problem> {
        let Preference { key, value } = preference;
        check_key(&key)?;
        if value.is_null() {
            let removed = self.store.remove_preference(&who.name, &key).await;
            return removed.map(|()| Nothing {}).map_err(|error| error.problem());
        }
        let text = value.to_string();
        if text.len() > Preference::MAX_VALUE {
            let most = Preference::MAX_VALUE;
            let message = format!("`value` has {} bytes; {most} at most.", text.len());
            return Err(Problem::new(Code::TooLarge, message));
        }
        // PostgreSQL keeps every character but this one.
        if text.contains("\\u0000") {
            return Err(invalid("`value` holds a NUL character."));
        }
        let kept = self.store.put_preference(&who.name, &key, &text, MOST).await;
        match kept.map_err(|error| error.problem())? {
            Kept::Yes => Ok(Nothing {}),
            Kept::TooMany => {
                let message =
                    format!("You have {MOST} preferences, which is as many as there may be.");
                Err(Problem::new(Code::TooLarge, message)
                    .hint("Remove some by setting them to null."))
            }
        }
    }
}

fn check_key(key: &str) -> Result<(), Problem> {
    let fine = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'/' | b'_' | b'-');
    if !key.is_empty() && key.len() <= MAX_KEY && key.bytes().all(fine) {
        return Ok(());
    }
    Err(invalid("`key` is not the key of a preference.")
        .hint(format!("Use up to {MAX_KEY} lower-case letters, digits, `/`, `_` and `-`.")))
}
