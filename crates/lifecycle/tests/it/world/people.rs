//! Those who file tasks, answer, interrupt, change their minds and forget.

use super::hub::rests;
use super::{Happening, World};
use pilot_lifecycle::{Assignment, RetryAt, TaskEvent};
use pilot_proto::inbox::Answer;
use pilot_proto::run::{Checkpoint, Usage};
use pilot_proto::snapshot::DiffSize;
use pilot_proto::task::{Batch, Limits, Mode, OnTimeout, ReviewPass, Task, TaskState};
use pilot_proto::{BatchId, InboxId, TaskId};

impl World {
    pub(crate) fn file_task(&mut self) {
        let id = TaskId(self.id());
        let mode = match self.dice.below(3) {
            0 => Mode::Auto,
            1 => Mode::Ask,
            _ => Mode::Plan,
        };
        let on_timeout = match self.dice.below(4) {
            0 => OnTimeout::Pause,
            1 => OnTimeout::Cancel,
            _ => OnTimeout::Proceed,
        };
        let task = Task {
            id,
            title: "a task".into(),
            prompt: "do it".into(),
            project: "demo".into(),
            base: None,
            agent: "scripted".into(),
            model: None,
            mode,
            on_timeout,
            limits: Limits {
                quota_secs: 600,
                agent_secs: 900,
                setup_secs: 300,
                answer_secs: 150,
                stall_secs: 100,
                budget_micros: None,
            },
            issue: None,
            branch: format!("pilot/{id}"),
            base_commit: None,
            state: TaskState::Queued,
            since: self.clock(),
            reason: String::new(),
            created_at: self.clock(),
            run: None,
            attempts: 0,
            fence: 0,
            diff: DiffSize::default(),
            usage: Usage::default(),
            pull_request: None,
            pushed: None,
            reservations: Vec::new(),
            attachments: Vec::new(),
            hold: self.dice.chance(300),
            only_runner: None,
            group: None,
            batch: self.dice.chance(400).then(|| self.batch()),
            dismissed: false,
            profile: None,
            provider: None,
            parent: None,
            schedule: None,
            review: self.dice.chance(400).then(|| ReviewPass {
                agent: "another".into(),
                model: None,
                rounds: 2,
            }),
            remote_control: false,
            remote_link: None,
            driver: None,
        };
        let forge = self.dice.chance(500);
        self.file(task, forge);
    }

    /// The one batch of the game.
    fn batch(&self) -> Batch {
        let id = BatchId(uuid::Uuid::from_u128(77));
        Batch { id, name: String::new(), at_most: Some(self.setting.workers) }
    }

    pub(crate) fn wish(&mut self) {
        if self.late() {
            self.answer_everything();
            self.look_at_everything();
            return self.schedule(300_000, Happening::Wish);
        }
        if !self.hub.up {
            return;
        }
        let at = usize::try_from(self.dice.below(self.hub.tasks.len() as u64)).expect("few");
        let Some(machine) = self.hub.tasks.values().nth(at) else { return };
        let (task, over) = (machine.task().id, rests(&machine.task().state));
        let ready = machine.task().state == TaskState::Ready;
        let event = match self.dice.below(100) {
            0..9 => TaskEvent::StopWanted,
            9..12 => {
                self.sights.see("killed");
                TaskEvent::KillWanted
            }
            _ if ready && self.dice.chance(500) => return self.let_go(task),
            12..40 => self.an_answer(task),
            40..52 => TaskEvent::InterruptWanted,
            52..70 => {
                if ready {
                    self.sights.see("held and sent back");
                }
                self.say(task)
            }
            70..80 => {
                self.sights.see("reassigned");
                TaskEvent::ReassignWanted { to: self.somebody_else() }
            }
            _ if !over && self.dice.chance(200) => {
                self.sights.see("edited and run again");
                TaskEvent::RetryWanted { from: Self::an_earlier_turn() }
            }
            _ if !over => TaskEvent::InterruptWanted,
            80..86 => TaskEvent::AgainWanted,
            86..90 => TaskEvent::RetryWanted { from: Self::an_earlier_turn() },
            _ => TaskEvent::ResumeWanted { text: None },
        };
        self.tell_task(task, event);
    }

    fn an_earlier_turn() -> RetryAt {
        RetryAt {
            kept: Checkpoint {
                turn: 1,
                base: "base".into(),
                bundle: None,
                size: 0,
                session: None,
                left_out: String::new(),
            },
            attempt: 1,
            prompt: "rather this".into(),
        }
    }

    fn say(&mut self, task: TaskId) -> TaskEvent<'static> {
        let text = format!("also {}", self.id());
        self.said.push((task, text.clone()));
        if self.dice.chance(400) { TaskEvent::Steer { text } } else { TaskEvent::Say { text } }
    }

    fn somebody_else(&mut self) -> Assignment {
        let at = usize::try_from(self.dice.below(self.machines.len() as u64)).expect("few");
        let runner = self.machines[at].runner;
        let agent = if self.dice.chance(500) { "scripted" } else { "another" };
        Assignment {
            only_runner: self.dice.chance(700).then_some(runner),
            agent: self.dice.chance(500).then(|| agent.to_owned()),
            model: self.dice.chance(200).then(|| "large".to_owned()),
        }
    }

    /// Held work waits for as long as nobody comes.
    fn look_at_everything(&mut self) {
        if !self.hub.up {
            return;
        }
        let ready: Vec<TaskId> = (self.hub.tasks.values())
            .filter(|machine| machine.task().state == TaskState::Ready)
            .map(|machine| machine.task().id)
            .collect();
        for task in ready {
            self.let_go(task);
        }
    }

    fn an_answer(&mut self, task: TaskId) -> TaskEvent<'static> {
        let open = match self.hub.tasks[&task].task().state {
            TaskState::NeedsYou { item, .. } => item,
            _ => InboxId(self.id()),
        };
        let answer = match self.dice.below(5) {
            0 => Answer::ALLOW,
            1 => Answer::Allow { input: None, for_run: true, for_project: false, rule: None },
            2 => Answer::Deny { reason: "no".into() },
            3 => Answer::Say { text: "that one".into() },
            _ => Answer::End,
        };
        TaskEvent::Answer { item: open, answer, who: "somebody".into() }
    }

    /// Somebody comes back and answers what still waits: `pause` waits for ever.
    fn answer_everything(&mut self) {
        if !self.hub.up {
            return;
        }
        let open: Vec<(TaskId, InboxId)> = self
            .hub
            .tasks
            .values()
            .filter_map(|machine| match machine.task().state {
                TaskState::NeedsYou { item, .. } => Some((machine.task().id, item)),
                _ => None,
            })
            .collect();
        for (task, item) in open {
            // Whatever is asked, one of these fits it.
            for answer in [Answer::ALLOW, Answer::Say { text: "that one".into() }, Answer::End] {
                let event = TaskEvent::Answer { item, answer, who: "somebody".into() };
                self.tell_task(task, event);
            }
        }
    }
}
