//! Carries out the commands of one turn.

use super::program::{Mailbox, Stop, Voice};
use super::protocol::MARK;
use super::script::{self, Command, Line};
use super::shell::{self, Done};
use pilot_proto::event::Activity;
use pilot_proto::inbox::{Answer, Ask, Choice, Question};
use pilot_proto::run::Usage;
use pilot_proto::{Event, Mode, Timestamp};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

/// A turn under way.
pub(super) struct Turn<'a, 'v> {
    voice: &'a mut Voice<'v>,
    mailbox: &'a mut Mailbox,
    tree: &'a Path,
    mode: Mode,
    /// It asks also in mode `auto`.
    ruled: bool,
    number: u32,
    calls: u32,
    account: Account,
    answer: String,
    /// The tool call of the subagent that speaks.
    subagent: Option<String>,
}

/// What a turn came to.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// How many tools were refused.
    pub(super) denials: u32,
    pub(super) usage: Usage,
    /// The last words.
    pub(super) summary: String,
}

impl<'a, 'v> Turn<'a, 'v> {
    pub(super) fn new(
        voice: &'a mut Voice<'v>,
        mailbox: &'a mut Mailbox,
        tree: &'a Path,
        (mode, ruled): (Mode, bool),
        number: u32,
    ) -> Self {
        let (account, answer) = (Account::default(), String::new());
        Self {
            voice,
            mailbox,
            tree,
            mode,
            ruled,
            number,
            calls: 0,
            account,
            answer,
            subagent: None,
        }
    }

    pub(super) fn account(self) -> Account {
        self.account
    }

    pub(super) fn carry_out(&mut self, prompt: &str) -> Result<(), Stop> {
        let lines = script::lines(prompt);
        if lines.is_empty() {
            return self.say("There is nothing to do: the prompt is empty.");
        }
        if !lines.iter().any(|line| matches!(line, Line::Command(_))) {
            return self.note_down(prompt);
        }
        for line in lines {
            self.mailbox.interrupted()?;
            match line {
                Line::Command(command) => self.command(command)?,
                Line::Other(line) => self.say(&format!("Skipped, not a command: {line}"))?,
            }
        }
        Ok(())
    }

    /// A newcomer's plain sentence still gives a change to look at.
    fn note_down(&mut self, prompt: &str) -> Result<(), Stop> {
        self.say(
            "I am the scripted agent: I only do what lines like `write PATH TEXT` say. \
             Your prompt has none, so I wrote it to `NOTES.md`.",
        )?;
        let path = "NOTES.md".to_owned();
        self.command(Command::Write { path, text: prompt.trim_end().to_owned() })
    }

    fn command(&mut self, command: Command) -> Result<(), Stop> {
        match command {
            Command::Write { path, text } => self.put("write", &path, &text, false),
            Command::Append { path, text } => self.put("append", &path, &text, true),
            Command::Delete { path } => self.delete(&path),
            Command::Rename { from, to } => self.rename(&from, &to),
            Command::Run { command } => self.run(&command),
            Command::Commit { message } => self.commit(&message),
            Command::Say { text } => {
                let text = self.filled(&text);
                self.say(&text)
            }
            Command::Think { text } => {
                Ok(self.voice.event(Event::Thinking { text, parent: None, open: false })?)
            }
            Command::Todos { items } => Ok(self.voice.event(Event::Todos { items })?),
            Command::Tool { tool, summary, ok, output } => {
                self.tool(&tool, json!({"what": summary}), &summary, |_| Ok(Done { ok, output }))
            }
            Command::Subagent { summary } => self.begin_subagent(&summary),
            Command::EndSubagent { text } => self.end_subagent(text),
            Command::Print { count, prefix } => self.print(count, &prefix),
            Command::LinesPerSecond { rate, count } => self.drip(rate, count),
            Command::Output { text } => {
                writeln!(self.voice.out, "{}", text.trim_start_matches(MARK))?;
                Ok(self.voice.out.flush()?)
            }
            Command::Fill { path, count, prefix } => self.fill(&path, count, &prefix),
            Command::Artifact { path, text } => self.leave(&path, &text),
            Command::Usage(usage) => {
                self.account.usage = self.account.usage.plus(usage);
                Ok(())
            }
            Command::Retry { attempt, wait_ms, reason } => self.retry(attempt, wait_ms, reason),
            Command::Limit { secs, reason } => {
                let resets_at = Some(now().after(Duration::from_secs(secs)));
                Ok(self.voice.event(Event::LimitHit { resets_at, reason })?)
            }
            Command::Stderr { text } => {
                self.voice.out.flush()?;
                Ok(writeln!(self.voice.err, "{text}")?)
            }
            Command::Ask { question, options } => self.ask(&question, &options),
            Command::Permit { tool, command } => self.permit(&tool, &command),
            Command::Plan { text } => self.plan(&text),
            Command::SleepMs { ms } => {
                self.mailbox.wait_until(Instant::now() + Duration::from_millis(ms))
            }
            Command::WaitFile { path } => {
                let path = self.tree.join(path);
                self.mailbox.wait(|| path.exists())
            }
            Command::Fail { message } => Err(Stop::Failed(message)),
            Command::Exit { code } => Err(Stop::Exit(code)),
            Command::Nothing => Ok(()),
        }
    }

    fn say(&mut self, text: &str) -> Result<(), Stop> {
        let parent = self.subagent.clone();
        if parent.is_none() {
            text.clone_into(&mut self.account.summary);
        }
        Ok(self.voice.event(Event::Text { text: text.to_owned(), parent, open: false })?)
    }

    /// Reports `act` as a tool call. A tool that fails is noted; the script goes on.
    fn tool(
        &mut self,
        tool: &str,
        input: Value,
        summary: &str,
        act: impl FnOnce(&mut Self) -> Result<Done, Stop>,
    ) -> Result<(), Stop> {
        let id = self.begin_tool(tool, input, summary)?;
        let Done { ok, output } = act(self)?;
        Ok(self.voice.event(Event::ToolEnded { id, ok, output })?)
    }

    fn begin_tool(&mut self, tool: &str, input: Value, summary: &str) -> Result<String, Stop> {
        self.calls += 1;
        let id = format!("call-{}-{}", self.number, self.calls);
        let (tool, summary) = (tool.to_owned(), summary.to_owned());
        let parent = self.subagent.clone();
        let locations = Vec::new();
        let started =
            Event::ToolStarted { id: id.clone(), tool, input, summary, parent, locations };
        self.voice.event(started)?;
        Ok(id)
    }

    /// One at a time: a new one ends the one before.
    fn begin_subagent(&mut self, summary: &str) -> Result<(), Stop> {
        self.end_subagent(String::new())?;
        let id = self.begin_tool("subagent", json!({"description": summary}), summary)?;
        self.subagent = Some(id);
        Ok(())
    }

    fn end_subagent(&mut self, output: String) -> Result<(), Stop> {
        let Some(id) = self.subagent.take() else { return Ok(()) };
        Ok(self.voice.event(Event::ToolEnded { id, ok: true, output })?)
    }

    fn retry(&mut self, attempt: u32, wait_ms: u64, reason: String) -> Result<(), Stop> {
        let waits = Event::Activity { activity: Activity::Retrying, reason: reason.clone() };
        self.voice.event(waits)?;
        self.voice.event(Event::Retrying { attempt, wait_ms, reason })?;
        self.mailbox.wait_until(Instant::now() + Duration::from_millis(wait_ms))?;
        let (activity, reason) = (Activity::Running, String::new());
        Ok(self.voice.event(Event::Activity { activity, reason })?)
    }

    fn fill(&mut self, path: &str, count: u64, prefix: &str) -> Result<(), Stop> {
        let place = self.inside(path);
        self.tool("write", json!({"path": path, "lines": count}), path, |_| {
            Ok(done(place.and_then(|place| fill(&place, count, prefix))))
        })
    }

    /// Into the directory that the run looks for artifacts in. The shell
    /// reads its name from the environment, which is not ours to read.
    fn leave(&mut self, path: &str, text: &str) -> Result<(), Stop> {
        let (place, text) = (self.inside(path), self.filled(text));
        self.tool("artifact", json!({"path": path, "text": text}), path, |turn| {
            if let Err(error) = place {
                return Ok(done(Err(error)));
            }
            let mut shell = shell::shell(
                "target=${PILOTHOUSE_ARTIFACTS:?this run takes no artifacts}/$0 && \
                 mkdir -p \"$(dirname \"$target\")\" && printf '%s\\n' \"$1\" > \"$target\"",
            );
            shell.args([path, &text]);
            shell::run(shell, turn.tree, turn.voice, turn.mailbox)
        })
    }

    fn put(&mut self, verb: &str, path: &str, text: &str, append: bool) -> Result<(), Stop> {
        let text = self.filled(text);
        let place = self.inside(path);
        self.tool(verb, json!({"path": path, "text": text}), path, |_| {
            Ok(done(place.and_then(|place| put(&place, &text, append))))
        })
    }

    fn delete(&mut self, path: &str) -> Result<(), Stop> {
        let place = self.inside(path);
        self.tool("delete", json!({"path": path}), path, |_| {
            Ok(done(place.and_then(|p| remove(&p))))
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Stop> {
        let places = self.inside(from).and_then(|old| Ok((old, self.inside(to)?)));
        self.tool("rename", json!({"from": from, "to": to}), &format!("{from} {to}"), |_| {
            Ok(done(places.and_then(|(old, new)| {
                make_parent(&new)?;
                fs::rename(old, new)
            })))
        })
    }

    fn run(&mut self, command: &str) -> Result<(), Stop> {
        let command = self.filled(command);
        self.tool("run", json!({"command": command}), &command, |turn| {
            shell::run(shell::shell(&command), turn.tree, turn.voice, turn.mailbox)
        })
    }

    fn commit(&mut self, message: &str) -> Result<(), Stop> {
        self.tool("commit", json!({"message": message}), message, |turn| {
            let mut git = shell::shell(
                "git add -A && git -c user.name=Scripted -c user.email=scripted@localhost \
                 commit -q -m \"$0\"",
            );
            git.arg(message);
            shell::run(git, turn.tree, turn.voice, turn.mailbox)
        })
    }

    fn print(&mut self, count: u64, prefix: &str) -> Result<(), Stop> {
        let prefix = prefix.trim_start_matches(MARK);
        for number in 1..=count {
            if number % 1024 == 0 {
                self.mailbox.interrupted()?;
            }
            writeln!(self.voice.out, "{prefix} {number}")?;
        }
        Ok(self.voice.out.flush()?)
    }

    fn drip(&mut self, rate: u32, count: u64) -> Result<(), Stop> {
        let start = Instant::now();
        for number in 1..=count {
            // From the start and not from the line before, so that it keeps the rate.
            let due = Duration::from_secs(number - 1) / rate;
            self.mailbox.wait_until(start + due)?;
            writeln!(self.voice.out, "line {number}")?;
            self.voice.out.flush()?;
        }
        Ok(())
    }

    fn next_key(&mut self) -> String {
        self.calls += 1;
        format!("ask-{}-{}", self.number, self.calls)
    }

    fn ask(&mut self, question: &str, options: &[Choice]) -> Result<(), Stop> {
        let questions = vec![Question {
            question: question.to_owned(),
            header: String::new(),
            options: options.to_vec(),
            multiple: false,
        }];
        let key = self.next_key();
        let answer = self.mailbox.ask(self.voice, key, Ask::Question { questions })?;
        let chosen = match answer {
            Some(Answer::Choose { answers }) => {
                answers.get(question).or_else(|| answers.values().next()).cloned()
            }
            Some(Answer::Say { text }) => Some(text),
            Some(
                Answer::Allow { .. } | Answer::Deny { .. } | Answer::Never { .. } | Answer::End,
            )
            | None => None,
        };
        match chosen {
            Some(chosen) => {
                self.say(&format!("The answer to `{question}` is `{chosen}`."))?;
                self.answer = chosen;
                Ok(())
            }
            None => self.say(&format!("Nobody answered `{question}`; I go on.")),
        }
    }

    fn permit(&mut self, tool: &str, command: &str) -> Result<(), Stop> {
        let command = self.filled(command);
        if self.mode == Mode::Auto && !self.ruled {
            return self.run(&command);
        }
        let key = self.next_key();
        let ask = Ask::Permission {
            tool: tool.to_owned(),
            input: json!({"command": command}),
            summary: command.clone(),
            commands: vec![command.clone()],
            paths: Vec::new(),
        };
        match self.mailbox.ask(self.voice, key, ask)? {
            Some(Answer::Allow { input, .. }) => {
                let changed = input.as_ref().and_then(|input| input["command"].as_str());
                self.run(changed.unwrap_or(&command))
            }
            Some(Answer::Deny { reason } | Answer::Never { reason, .. }) => {
                self.account.denials += 1;
                self.say(&format!("`{command}` was not permitted: {reason}"))
            }
            Some(Answer::Choose { .. } | Answer::Say { .. } | Answer::End) | None => {
                self.account.denials += 1;
                self.say(&format!("`{command}` was not permitted."))
            }
        }
    }

    /// Sent back once, it is proposed again with what was said; sent back
    /// twice, the turn is over.
    fn plan(&mut self, text: &str) -> Result<(), Stop> {
        if self.mode == Mode::Auto {
            return self.say(text);
        }
        let mut plan = text.to_owned();
        for _ in 0..2 {
            let key = self.next_key();
            let answer = self.mailbox.ask(self.voice, key, Ask::Plan { plan: plan.clone() })?;
            let reason = match answer {
                Some(Answer::Allow { .. }) => return self.say("The plan is approved."),
                Some(Answer::Deny { reason } | Answer::Never { reason, .. }) => reason,
                Some(Answer::Say { text }) => text,
                Some(Answer::Choose { .. } | Answer::End) | None => String::new(),
            };
            self.say(&format!("The plan was sent back: {reason}"))?;
            plan = format!("{text}\n\nRevised: {reason}");
        }
        Err(Stop::Failed("The plan was not approved.".to_owned()))
    }

    /// `text` with the last answer filled in.
    fn filled(&self, text: &str) -> String {
        text.replace("${answer}", &self.answer)
    }

    /// Where `path` is in the tree. A guard against slips in a script, no wall.
    fn inside(&self, path: &str) -> io::Result<PathBuf> {
        let inside = Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if inside {
            Ok(self.tree.join(path))
        } else {
            Err(io::Error::other(format!("`{path}` is outside of the tree")))
        }
    }
}

fn done(result: io::Result<()>) -> Done {
    match result {
        Ok(()) => Done { ok: true, output: String::new() },
        Err(error) => Done { ok: false, output: error.to_string() },
    }
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

fn put(path: &Path, text: &str, append: bool) -> io::Result<()> {
    make_parent(path)?;
    let mut file =
        OpenOptions::new().create(true).write(true).append(append).truncate(!append).open(path)?;
    if text.is_empty() { Ok(()) } else { writeln!(file, "{text}") }
}

fn fill(path: &Path, count: u64, prefix: &str) -> io::Result<()> {
    make_parent(path)?;
    let mut file = io::BufWriter::new(fs::File::create(path)?);
    for number in 1..=count {
        writeln!(file, "{prefix} {number}")?;
    }
    file.flush()
}

#[expect(clippy::disallowed_methods, reason = "when a limit ends is told as a time")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::default().after(since.unwrap_or_default())
}

fn remove(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}
