//! Text with placeholders, filled in for one run.

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholder {
    Prompt,
    PromptFile,
    Model,
    Mode,
    Tree,
    Home,
    Session,
    Port,
    Key,
    BaseUrl,
}

const PLACEHOLDERS: &[(&str, Placeholder)] = &[
    ("prompt", Placeholder::Prompt),
    ("prompt_file", Placeholder::PromptFile),
    ("model", Placeholder::Model),
    ("mode", Placeholder::Mode),
    ("tree", Placeholder::Tree),
    ("home", Placeholder::Home),
    ("session", Placeholder::Session),
    ("port", Placeholder::Port),
    ("key", Placeholder::Key),
    ("base_url", Placeholder::BaseUrl),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

/// Text with placeholders: `{model}`. A `$` before the brace makes it text, so
/// that a shell's `${home}` stays its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Template {
    parts: Vec<Part>,
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text.as_str());
        while let Some(open) = rest.find('{') {
            let (before, from_brace) = rest.split_at(open);
            plain.push_str(before);
            match named(from_brace).filter(|_| !plain.ends_with('$')) {
                Some(name) => {
                    let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
                    let (_, placeholder) = known.ok_or_else(|| unknown(name))?;
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(Part::Placeholder(*placeholder));
                    rest = &from_brace[name.len() + 2..];
                }
                None => {
                    plain.push('{');
                    rest = &from_brace[1..];
                }
            }
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Self { parts })
    }
}

/// What stands between the braces, if it looks like a placeholder.
fn named(from_brace: &str) -> Option<&str> {
    let name = &from_brace[1..from_brace.find('}')?];
    let fine = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (fine && !name.is_empty()).then_some(name)
}

fn unknown(name: &str) -> String {
    let known: Vec<String> =
        PLACEHOLDERS.iter().map(|(known, _)| format!("`{{{known}}}`")).collect();
    format!("there is no placeholder `{{{name}}}`; there are {}", known.join(", "))
}

impl Template {
    pub(crate) fn uses(&self, placeholder: Placeholder) -> bool {
        self.parts.contains(&Part::Placeholder(placeholder))
    }

    /// The text; none if a placeholder in it stands for nothing.
    pub(crate) fn fill<'a>(
        &self,
        value: &impl Fn(Placeholder) -> Option<&'a str>,
    ) -> Option<String> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Placeholder(placeholder) => filled.push_str(value(*placeholder)?),
            }
        }
        Some(filled)
    }
}

/// One argument, or several that stand or fall together: `["--model",
/// "{model}"]` is left out where there is no model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Argument {
    group: Vec<Template>,
}

impl Argument {
    pub(crate) fn uses(&self, placeholder: Placeholder) -> bool {
        self.group.iter().any(|template| template.uses(placeholder))
    }

    /// The arguments; none of them if a placeholder stands for nothing.
    pub(crate) fn fill<'a>(&self, value: &impl Fn(Placeholder) -> Option<&'a str>) -> Vec<String> {
        let filled: Option<Vec<String>> =
            self.group.iter().map(|template| template.fill(value)).collect();
        filled.unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArgumentVisitor)
    }
}

struct ArgumentVisitor;

impl<'de> Visitor<'de> for ArgumentVisitor {
    type Value = Argument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an argument, or a list of arguments")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Argument, E> {
        let template = Template::try_from(text.to_owned()).map_err(E::custom)?;
        without_key(Argument { group: vec![template] })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Argument, A::Error> {
        let mut group = Vec::new();
        while let Some(template) = list.next_element()? {
            group.push(template);
        }
        without_key(Argument { group })
    }
}

fn without_key<E: de::Error>(argument: Argument) -> Result<Argument, E> {
    if argument.uses(Placeholder::Key) {
        return Err(E::custom("`{key}` in an argument is seen by everybody; put it into `env`"));
    }
    Ok(argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(placeholder: Placeholder) -> Option<&'static str> {
        match placeholder {
            Placeholder::Prompt => Some("Tidy {tree}."),
            Placeholder::Tree => Some("/w/tree"),
            _ => None,
        }
    }

    #[test]
    fn placeholders_are_filled_once_and_all_else_is_left() {
        let check = |text: &str, expected: Option<&str>| {
            let template = Template::try_from(text.to_owned()).expect("it is right");
            assert_eq!(template.fill(&value).as_deref(), expected, "{text}");
        };
        check("", Some(""));
        check("--dir={tree}/src", Some("--dir=/w/tree/src"));
        check("{prompt}{tree}", Some("Tidy {tree}./w/tree"));
        check("--model={model}", None);
        check(r#"{"a":{"b":1}} {} ${home} {Up} {"#, Some(r#"{"a":{"b":1}} {} ${home} {Up} {"#));
    }

    #[test]
    fn a_group_of_arguments_stands_or_falls_together() {
        let group = |texts: &[&str]| Argument {
            group: texts
                .iter()
                .map(|&text| Template::try_from(text.to_owned()).expect("right"))
                .collect(),
        };
        assert_eq!(group(&["-C", "{tree}"]).fill(&value), ["-C", "/w/tree"]);
        assert!(group(&["--model", "{model}"]).fill(&value).is_empty());
    }
}
