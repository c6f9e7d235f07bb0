//! Secrets by namespace and name, as JSON. What a newer version wrote into the
//! document is kept.
//!
//! ```json
//! {"version": 1, "secrets": {"forge": {"home": "…"}, "provider": {"work": "…"}}}
//! ```

use crate::keep::Entries;
use pilot_proto::Secret;
use serde_json::{Map, Value, json};

const SECRETS: &str = "secrets";

/// The document. It never prints itself: it is made of secrets.
#[derive(Clone)]
pub(crate) struct Document(Map<String, Value>);

impl Document {
    pub(crate) fn empty() -> Self {
        Self(Map::from_iter([("version".to_owned(), json!(1))]))
    }

    /// Reads it; says what is wrong without quoting it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document: Map<String, Value> = serde_json::from_str(text)
            // The error's own words could quote a value.
            .map_err(|error| {
                format!("no JSON object (line {}, column {})", error.line(), error.column())
            })?;
        if document.get(SECRETS).is_some_and(|secrets| !secrets.is_object()) {
            return Err(format!("`{SECRETS}` is not an object"));
        }
        Ok(Self(document))
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string_pretty(&self.0).expect("JSON made of JSON serialises") + "\n"
    }

    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<Secret> {
        self.0.get(SECRETS)?.get(namespace)?.get(name)?.as_str().map(Secret::new)
    }

    pub(crate) fn names(&self, namespace: &str) -> Vec<String> {
        let names = self.0.get(SECRETS).and_then(|secrets| secrets.get(namespace)?.as_object());
        names.map(|names| names.keys().cloned().collect()).unwrap_or_default()
    }

    pub(crate) fn entries(&self) -> Entries {
        let secrets = self.0.get(SECRETS).and_then(Value::as_object).into_iter().flatten();
        let each = secrets.flat_map(|(namespace, names)| {
            names.as_object().into_iter().flatten().filter_map(move |(name, value)| {
                let value = Secret::new(value.as_str()?);
                Some(((namespace.clone(), name.clone()), value))
            })
        });
        each.collect()
    }

    /// The same with one more; an error if the namespace is something else.
    pub(crate) fn with(
        &self,
        namespace: &str,
        name: &str,
        secret: &Secret,
    ) -> Result<Self, String> {
        let mut document = self.clone();
        let slot = document.0.entry(SECRETS).or_insert_with(|| json!({}));
        let names = slot
            .as_object_mut()
            .map(|secrets| secrets.entry(namespace).or_insert_with(|| json!({})));
        let Some(names) = names.and_then(Value::as_object_mut) else {
            return Err(format!("`{namespace}` is not an object"));
        };
        names.insert(name.to_owned(), Value::String(secret.expose().to_owned()));
        Ok(document)
    }

    /// The same with one less; none if it was not there.
    pub(crate) fn without(&self, namespace: &str, name: &str) -> Option<Self> {
        let mut document = self.clone();
        let names = document.0.get_mut(SECRETS)?.get_mut(namespace)?.as_object_mut()?;
        names.remove(name).map(|_| document)
    }
}
