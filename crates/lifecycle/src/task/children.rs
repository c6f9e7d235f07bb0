//! The tasks below a task: what its runs wish for, and what they are told.
//!
//! **Invariant:** a wish is looked at once, whatever is replayed: its answer is
//! part of what is stored with the record that held it.

use super::machine::TaskMachine;
use super::words::TaskEffect;
use pilot_proto::runner::Act;
use pilot_proto::task::{ChildSeen, NewChild};
use pilot_proto::{Code, Problem, RunId, TaskId};

/// Wishes that are remembered: a run that wishes more often than its shim lets
/// it is no run of ours.
const WISHES: usize = 1000;
/// What is kept of an agent's last words, in bytes.
const WORDS: usize = 4096;
/// What is shown of a report, in bytes.
const REPORT: usize = 300;

impl TaskMachine {
    pub(super) fn child_wanted(&mut self, run: RunId, token: &str, child: &NewChild) {
        let token = token.to_owned();
        match self.memory.wishes.get(&key(run, &token)) {
            Some(decided) => {
                let decided = decided.clone();
                self.tell_decision(run, token, decided);
            }
            None if self.memory.wishes.len() >= WISHES => {
                let message = format!("This task has wished for {WISHES} tasks already.");
                let refused = Err(Problem::new(Code::LimitReached, message));
                self.tell_decision(run, token, refused);
            }
            None => self.out.push(TaskEffect::FileChild { run, token, child: child.clone() }),
        }
    }

    pub(super) fn child_decided(
        &mut self,
        run: RunId,
        token: &str,
        decided: Result<TaskId, Problem>,
    ) {
        self.memory.wishes.insert(key(run, token), decided.clone());
        self.tell_decision(run, token.to_owned(), decided);
    }

    fn tell_decision(&mut self, run: RunId, token: String, decided: Result<TaskId, Problem>) {
        if !self.is_current(run) {
            return;
        }
        let (task, problem) = match decided {
            Ok(task) => (Some(task), None),
            Err(problem) => (None, Some(problem)),
        };
        self.out.push(TaskEffect::Order { run, act: Act::Child { token, task, problem } });
    }

    pub(super) fn child_is(&mut self, child: ChildSeen) {
        if self.memory.children.get(&child.task) == Some(&child) {
            return;
        }
        self.memory.children.insert(child.task, child.clone());
        self.order(Act::ChildIs { child: Box::new(child) });
    }

    /// A new run knows nothing of what earlier ones filed.
    pub(super) fn tell_of_children(&mut self) {
        let children: Vec<ChildSeen> = self.memory.children.values().cloned().collect();
        for child in children {
            self.order(Act::ChildIs { child: Box::new(child) });
        }
    }

    pub(super) fn remember_words(&mut self, words: &str) {
        if !words.is_empty() {
            cut(words, WORDS).clone_into(&mut self.memory.said);
        }
    }

    /// Shown in lists, where one line is enough.
    pub(super) fn reported(&mut self, text: &str) {
        let line = text.lines().next().unwrap_or_default();
        self.because_run(cut(line, REPORT));
    }

    /// As its parent's agent is told of it; none of a task without a parent.
    pub fn as_child(&self) -> Option<ChildSeen> {
        ChildSeen::of(&self.task, self.memory.said.clone())
    }
}

/// At most `most` bytes of it.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn key(run: RunId, token: &str) -> String {
    format!("{run}/{token}")
}
