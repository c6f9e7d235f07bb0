//! A declared command's arguments and environment, filled in for one run.

use crate::agentapi::bridge::PORT;
use crate::declared::Declared;
use crate::declared::template::{Argument, Placeholder};
use crate::driver::{HomeFile, Launch, Start};
use pilot_proto::Mode;
use std::path::{Path, PathBuf};

/// Where the prompt's file is, relative to the HOME.
const PROMPT_FILE: &str = ".pilothouse/prompt.md";

/// What the placeholders stand for.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) start: Start,
    /// The earlier session's id, or the run's.
    pub(crate) session: String,
    prompt_file: String,
    tree: String,
    home: String,
}

impl Given {
    pub(crate) fn new(start: Start) -> Self {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        Self {
            session: start.resume.clone().unwrap_or_else(|| start.run.to_string()),
            prompt_file: text(&start.home.join(PROMPT_FILE)),
            tree: text(&start.tree),
            home: text(&start.home),
            start,
        }
    }

    fn value(&self, placeholder: Placeholder) -> Option<&str> {
        let provider = self.start.provider.as_ref();
        let value = match placeholder {
            Placeholder::Prompt => Some(self.start.prompt.as_str()),
            Placeholder::PromptFile => Some(self.prompt_file.as_str()),
            Placeholder::Model => self.start.model.as_deref(),
            Placeholder::Mode => Some(match self.start.mode {
                Mode::Auto => "auto",
                Mode::Ask => "ask",
                Mode::Plan => "plan",
            }),
            Placeholder::Tree => Some(self.tree.as_str()),
            Placeholder::Home => Some(self.home.as_str()),
            Placeholder::Session => Some(self.session.as_str()),
            // The bridge knows it, who fills it in.
            Placeholder::Port => Some(PORT),
            Placeholder::Key => provider.map(|provider| provider.key.expose()),
            Placeholder::BaseUrl => provider.and_then(|provider| provider.base_url.as_deref()),
        };
        value.filter(|value| !value.is_empty())
    }
}

/// How the first prompt reaches the command: the first of these that the
/// declaration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PromptBy {
    /// It stands in an argument or a variable.
    Argument,
    /// It stands in a file that is named there.
    File,
    /// Nothing names it: it is written to the standard input.
    Input,
}

impl PromptBy {
    pub(super) fn of(declared: &Declared, given: &Given) -> Self {
        let named = |placeholder| {
            args(declared, given).iter().any(|argument| argument.uses(placeholder))
                || declared.env.values().any(|template| template.uses(placeholder))
        };
        if named(Placeholder::Prompt) {
            Self::Argument
        } else if named(Placeholder::PromptFile) {
            Self::File
        } else {
            Self::Input
        }
    }
}

fn args<'a>(declared: &'a Declared, given: &Given) -> &'a [Argument] {
    let resumed = declared.resume_args.as_ref().filter(|_| given.start.resume.is_some());
    resumed.unwrap_or(&declared.args)
}

/// The process to start.
pub(crate) fn filled(declared: &Declared, given: &Given) -> Launch {
    let value = |placeholder| given.value(placeholder);
    let file = HomeFile {
        path: PathBuf::from(PROMPT_FILE),
        contents: format!("{}\n", given.start.prompt),
        mode: 0o600,
    };
    let env = declared.env.iter();
    Launch {
        program: given.start.program.clone(),
        args: args(declared, given).iter().flat_map(|argument| argument.fill(&value)).collect(),
        env: env
            .filter_map(|(name, template)| Some((name.clone(), template.fill(&value)?)))
            .filter(|(_, value)| !value.is_empty())
            .collect(),
        files: if PromptBy::of(declared, given) == PromptBy::File { vec![file] } else { vec![] },
    }
}

#[cfg(test)]
mod tests {
    use crate::Catalog;
    use crate::command::tests::start;
    use crate::driver::{Launch, Start};
    use pilot_proto::project::ProviderGrant;
    use pilot_proto::{ProviderKind, Secret};
    use std::path::Path;

    const SHY: &str = r#"
[agents.shy]
protocol = "command"
program = "shy"
args = ["--yes", ["--model", "{model}"], "--session={session}", "--file", "{prompt_file}"]
resume-args = ["--continue", "{session}", "{prompt}"]
env = { SHY_KEY = "{key}", SHY_URL = "{base_url}/chat", SHY_MODE = "{mode}", SHY_MODEL = "{model}" }
"#;

    fn launch(start: Start) -> Launch {
        let catalog = Catalog::built_in().declare(SHY).expect("it is right");
        catalog.get("shy").expect("declared").driver(start).launch()
    }

    #[test]
    fn what_stands_for_nothing_is_left_out() {
        let plain = launch(start());
        let session = format!("--session={}", start().run);
        assert_eq!(plain.args, ["--yes", &session, "--file", "/w/home/.pilothouse/prompt.md"]);
        assert_eq!(plain.env, [("SHY_MODE".to_owned(), "auto".to_owned())]);
        assert_eq!(plain.files[0].path, Path::new(".pilothouse/prompt.md"));
        assert_eq!(plain.files[0].contents, "Tidy\nup.\n");
    }

    #[test]
    fn a_model_and_a_provider_are_filled_in() {
        let provider = ProviderGrant {
            name: "shy".into(),
            kind: ProviderKind::OpenAi,
            base_url: Some("http://127.0.0.1:9/v1".into()),
            key: Secret::new("placeholder"),
            login: Default::default(),
            oauth: None,
        };
        let full = launch(Start { model: Some("m1".into()), provider: Some(provider), ..start() });
        assert_eq!(full.args[..3], ["--yes", "--model", "m1"]);
        let env =
            |name: &str| full.env.iter().find(|(is, _)| is == name).map(|(_, to)| to.as_str());
        assert_eq!(env("SHY_KEY"), Some("placeholder"));
        assert_eq!(env("SHY_URL"), Some("http://127.0.0.1:9/v1/chat"));
        assert_eq!(env("SHY_MODEL"), Some("m1"));
    }

    #[test]
    fn a_session_is_gone_on_with_by_its_own_arguments() {
        let resumed = launch(Start { resume: Some("old".into()), ..start() });
        assert_eq!(resumed.args, ["--continue", "old", "Tidy\nup."]);
        assert!(resumed.files.is_empty(), "the prompt is an argument now");
    }
}
