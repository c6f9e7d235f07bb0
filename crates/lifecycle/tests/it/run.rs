//! A run by itself: one table or one story per feature.

use pilot_lifecycle::{Past, Ruling, RunEffect, RunEvent, RunMachine, Step};
use pilot_proto::event::{Activity, Event, TurnEnd};
use pilot_proto::inbox::{Answer, Ask, Decider, Question};
use pilot_proto::permission::{PermissionDecision, PermissionPolicy, PermissionRule};
use pilot_proto::pull_request::Outgoing;
use pilot_proto::run::{Checkpoint, Outcome, Phase, Reviewer, RunSpec, Usage};
use pilot_proto::runner::Act;
use pilot_proto::task::{Limits, Mode, NewChild, OnTimeout, ReviewPass};
use pilot_proto::{Code, InboxId, OrderId, Problem, RunId, TaskId, Timestamp};
use std::slice::from_ref;
use std::time::Duration;
use uuid::Uuid;

/// A run machine, its clock, and all it has said.
struct Stage {
    machine: RunMachine,
    now: Timestamp,
    journal: Vec<Event>,
    orders: u128,
    /// Checkpoints are answered at once.
    keeps: bool,
}

fn spec() -> RunSpec {
    RunSpec {
        run: RunId(Uuid::from_u128(7)),
        task: TaskId(Uuid::from_u128(8)),
        attempt: 1,
        fence: 3,
        lease_secs: 10_000,
        title: "t".into(),
        prompt: "do it".into(),
        project: "demo".into(),
        repo: "/repo".into(),
        base: None,
        branch: "pilot/8".into(),
        pushed: Some("old".into()),
        setup: vec!["one".into(), "two".into()],
        agent: "scripted".into(),
        model: None,
        mode: Mode::Ask,
        on_timeout: OnTimeout::Proceed,
        limits: Limits {
            agent_secs: 1000,
            setup_secs: 300,
            answer_secs: 200,
            stall_secs: 60,
            quota_secs: 7200,
            budget_micros: None,
        },
        resume: None,
        at: None,
        git: None,
        attachments: Vec::new(),
        provider: None,
        fallbacks: Vec::new(),
        network: Default::default(),
        walls: Default::default(),
        secrets: Vec::new(),
        prices: Vec::new(),
        spent_micros: 0,
        hub_key: None,
        permissions: Default::default(),
        review: None,
        children: Default::default(),
        remote_control: None,
        outgoing: None,
    }
}

impl Stage {
    fn begin(spec: &RunSpec) -> Self {
        let now = Timestamp(0);
        let machine = RunMachine::new(now, spec);
        let mut stage = Self { machine, now, journal: Vec::new(), orders: 0, keeps: true };
        stage.tell(RunEvent::Start);
        stage
    }

    /// Up to the agent's first turn.
    fn with_agent(spec: &RunSpec) -> Self {
        let mut stage = Self::begin(spec);
        stage.tell(RunEvent::WorkspaceMade);
        stage.tell(RunEvent::Cloned);
        for step in 0..spec.setup.len() {
            stage.tell(RunEvent::SetupDone { step });
        }
        stage
    }

    /// The effects that are not journal records; those are kept.
    fn tell(&mut self, event: RunEvent) -> Vec<RunEffect> {
        let mut others = Vec::new();
        for effect in self.machine.handle(self.now, event) {
            match effect {
                RunEffect::Journal(event) => self.journal.push(event),
                // Nothing hangs on what was kept but that it is over.
                RunEffect::Checkpoint { turn } if self.keeps => {
                    others.extend(self.tell(RunEvent::Checkpointed { turn, kept: None }));
                }
                other => others.push(other),
            }
        }
        others
    }

    fn wait(&mut self, secs: u64) -> Vec<RunEffect> {
        self.now = self.now.after(Duration::from_secs(secs));
        self.tell(RunEvent::Tick)
    }

    fn order(&mut self, act: Act) -> Vec<RunEffect> {
        self.orders += 1;
        let order = OrderId(Uuid::from_u128(self.orders));
        self.tell(RunEvent::Order { order, act })
    }

    fn ask(&mut self, key: &str, ask: Ask) -> InboxId {
        self.tell(RunEvent::AgentAsked { key: key.into(), ask });
        let asked = self.journal.iter().rev().find_map(|event| match event {
            Event::Asked { item, .. } => Some(*item),
            _ => None,
        });
        asked.expect("every ask is journalled")
    }

    fn answer(&mut self, item: InboxId, answer: Answer) -> Vec<RunEffect> {
        self.order(Act::Answer { item, answer, who: "ann".into() })
    }

    fn end_turn(&mut self, end: TurnEnd, denials: u32) -> Vec<RunEffect> {
        self.tell(RunEvent::AgentSaid(Event::TurnEnded {
            turn: 0,
            end,
            usage: Usage::default(),
            denials,
            summary: "all done".into(),
            problem: None,
        }))
    }

    fn exit(&mut self) -> Vec<RunEffect> {
        self.tell(RunEvent::AgentExited { code: Some(0), signal: None })
    }

    /// Through Cleaning; the outcome.
    fn clean_up(&mut self, rescues: bool) -> Outcome {
        if rescues {
            assert_eq!(self.machine.phase(), Phase::Cleaning);
            let wipe = self.tell(RunEvent::Rescued { bundle: None });
            assert_eq!(wipe, [RunEffect::Wipe { keep_tree: false }]);
        }
        let done = self.tell(RunEvent::Wiped { left: Vec::new() });
        assert_eq!(done, [RunEffect::Done]);
        let Some(Event::Finished(outcome)) = self.journal.last() else {
            panic!("the last record is the end: {:?}", self.journal.last())
        };
        assert_eq!(self.machine.outcome().as_ref(), Some(outcome));
        assert_eq!(self.machine.next_deadline(), None, "it waits for nothing any more");
        outcome.clone()
    }

    /// What became of the latest order.
    fn done(&self) -> Option<Code> {
        let order = OrderId(Uuid::from_u128(self.orders));
        let done = self.journal.iter().rev().find_map(|event| match event {
            Event::OrderDone { order: done, problem } if *done == order => Some(problem),
            _ => None,
        });
        done.expect("the order was answered").as_ref().map(|problem| problem.code)
    }

    fn phases(&self) -> Vec<Phase> {
        let phase = |event: &Event| match event {
            Event::Phase { phase } => Some(*phase),
            _ => None,
        };
        self.journal.iter().filter_map(phase).collect()
    }

    fn decisions(&self) -> Vec<(Answer, Decider)> {
        let decided = |event: &Event| match event {
            Event::Decided { answer, decider, .. } => Some((answer.clone(), decider.clone())),
            _ => None,
        };
        self.journal.iter().filter_map(decided).collect()
    }
}

fn failed(outcome: &Outcome) -> Option<Code> {
    match outcome {
        Outcome::Failed { problem } => Some(problem.code),
        Outcome::Pushed { .. } | Outcome::NoChange | Outcome::Cancelled | Outcome::Fenced => None,
    }
}

fn permission(tool: &str) -> Ask {
    Ask::Permission {
        tool: tool.into(),
        input: serde_json::Value::Null,
        summary: String::new(),
        commands: Vec::new(),
        paths: Vec::new(),
    }
}

fn question() -> Ask {
    let question = Question {
        question: "which?".into(),
        header: String::new(),
        options: Vec::new(),
        multiple: false,
    };
    Ask::Question { questions: vec![question] }
}

fn allow(for_run: bool) -> Answer {
    Answer::Allow { input: None, for_run, for_project: false, rule: None }
}

#[test]
fn a_change_goes_through_all_phases_into_the_remote() {
    let mut stage = Stage::with_agent(&spec());
    assert_eq!(stage.end_turn(TurnEnd::Completed, 0), [RunEffect::EndAgent]);
    assert_eq!(stage.exit(), [RunEffect::Collect { commit: true }]);
    assert_eq!(stage.tell(RunEvent::Collected { commit: Some("new".into()) }), []);
    let wanted = Event::PushWanted {
        fence: 3,
        branch: "pilot/8".into(),
        commit: "new".into(),
        summary: "all done".into(),
    };
    assert_eq!(stage.journal.last(), Some(&wanted));
    let push = RunEffect::Push {
        branch: "pilot/8".into(),
        commit: "new".into(),
        expected: Some("old".into()),
    };
    assert_eq!(stage.order(Act::PermitPush { fence: 3 }), [push]);
    let rescue = RunEffect::Rescue { published: Some("new".into()) };
    assert_eq!(stage.tell(RunEvent::Pushed { commit: "new".into() }), [rescue]);
    let outcome = stage.clean_up(true);
    assert_eq!(outcome, Outcome::Pushed { branch: "pilot/8".into(), commit: "new".into() });
    let phases = [
        Phase::Preparing,
        Phase::Cloning,
        Phase::SettingUp,
        Phase::AgentRunning,
        Phase::Collecting,
        Phase::Pushing,
        Phase::Cleaning,
        Phase::Finished,
    ];
    assert_eq!(stage.phases(), phases);
}

#[test]
fn only_the_permit_for_its_own_token_lets_it_push() {
    let mut stage = Stage::with_agent(&spec());
    assert_eq!(stage.order(Act::PermitPush { fence: 3 }), [], "it has nothing to push yet");
    assert_eq!(stage.done(), Some(Code::Precondition));
    stage.end_turn(TurnEnd::Completed, 0);
    stage.exit();
    stage.tell(RunEvent::Collected { commit: Some("new".into()) });
    assert_eq!(stage.order(Act::PermitPush { fence: 2 }), [], "that token is an older run's");
    assert_eq!(stage.done(), Some(Code::Precondition));
    assert_eq!(stage.order(Act::PermitPush { fence: 3 }).len(), 1);
    assert_eq!(stage.order(Act::PermitPush { fence: 3 }), [], "one push per permit");
}

#[test]
fn a_lease_that_ran_out_while_it_waited_for_the_permit_forbids_the_push() {
    let mut stage = Stage::with_agent(&spec());
    stage.end_turn(TurnEnd::Completed, 0);
    stage.exit();
    stage.tell(RunEvent::Collected { commit: Some("new".into()) });
    assert_eq!(stage.machine.next_deadline(), Some(Timestamp(10_000_000_000)));
    stage.now = Timestamp(10_000_000_000);
    let effects = stage.order(Act::PermitPush { fence: 3 });
    assert_eq!(effects, [RunEffect::Rescue { published: None }]);
    assert_eq!(failed(&stage.clean_up(true)), Some(Code::LeaseLost));
}

#[test]
fn a_failure_anywhere_rescues_what_there_is_and_cleans() {
    let problem = || Problem::new(Code::DiskFull, "full");
    let check = |step: Step, before: &[RunEvent], rescues: bool| {
        let mut stage = Stage::begin(&spec());
        for event in before {
            stage.tell(event.clone());
        }
        let mut effects = stage.tell(RunEvent::Failed { step, problem: problem() });
        if effects == [RunEffect::Collect { commit: false }] {
            effects = stage.tell(RunEvent::Collected { commit: None });
        }
        let expected = if rescues {
            RunEffect::Rescue { published: None }
        } else {
            RunEffect::Wipe { keep_tree: false }
        };
        assert_eq!(effects, [expected], "after {step:?}");
        assert_eq!(failed(&stage.clean_up(rescues)), Some(Code::DiskFull), "after {step:?}");
    };
    let (made, cloned) = (RunEvent::WorkspaceMade, RunEvent::Cloned);
    let up = |step| RunEvent::SetupDone { step };
    let turn_ended = RunEvent::AgentSaid(Event::TurnEnded {
        turn: 0,
        end: TurnEnd::Completed,
        usage: Usage::default(),
        denials: 0,
        summary: String::new(),
        problem: None,
    });
    let exited = RunEvent::AgentExited { code: Some(0), signal: None };
    check(Step::Workspace, &[], false);
    check(Step::Clone, from_ref(&made), false);
    check(Step::Setup, &[made.clone(), cloned.clone()], true);
    check(Step::Setup, &[made.clone(), cloned.clone(), up(0)], true);
    let begun = [made, cloned, up(0), up(1)];
    check(Step::Agent, &begun, true);
    let ended = [&begun[..], &[turn_ended, exited]].concat();
    check(Step::Collect, &ended, true);
}

#[test]
fn a_rejected_push_is_rescued() {
    let mut stage = Stage::with_agent(&spec());
    stage.end_turn(TurnEnd::Completed, 0);
    stage.exit();
    stage.tell(RunEvent::Collected { commit: Some("new".into()) });
    stage.order(Act::PermitPush { fence: 3 });
    let problem = Problem::new(Code::PushRejected, "somebody else's commits");
    let effects = stage.tell(RunEvent::Failed { step: Step::Push, problem });
    assert_eq!(effects, [RunEffect::Rescue { published: None }]);
    assert_eq!(failed(&stage.clean_up(true)), Some(Code::PushRejected));
}

#[test]
fn the_end_of_the_agent_is_judged_by_the_change() {
    let check =
        |end, denials, commit: Option<&str>, expected: Option<Outcome>, code: Option<Code>| {
            let mut stage = Stage::with_agent(&spec());
            stage.end_turn(end, denials);
            stage.exit();
            let effects = stage.tell(RunEvent::Collected { commit: commit.map(Into::into) });
            if effects.is_empty() {
                assert!(expected.is_none() && code.is_none(), "{end:?}: it wants to push");
                return;
            }
            let outcome = stage.clean_up(true);
            assert_eq!(failed(&outcome), code, "{end:?}, {denials} denials, {commit:?}");
            assert!(code.is_some() || Some(outcome) == expected, "{end:?}");
        };
    check(TurnEnd::Completed, 0, Some("new"), None, None);
    check(TurnEnd::Completed, 2, Some("new"), None, None);
    check(TurnEnd::Completed, 0, None, Some(Outcome::NoChange), None);
    check(TurnEnd::Completed, 1, None, None, Some(Code::Denied));
    check(TurnEnd::Error, 0, Some("new"), None, Some(Code::AgentFailed));
    check(TurnEnd::Exited, 0, Some("new"), None, Some(Code::AgentFailed));
}

#[test]
fn an_agent_that_exits_in_a_turn_has_failed_whatever_its_exit_code() {
    let mut stage = Stage::with_agent(&spec());
    stage.ask("a", question());
    stage.exit();
    assert!(matches!(
        stage.journal[stage.journal.len() - 2..],
        [Event::TurnEnded { end: TurnEnd::Exited, .. }, Event::Phase { phase: Phase::Collecting }]
    ));
    assert!(stage.journal.iter().any(|event| matches!(event, Event::Withdrawn { .. })));
    stage.tell(RunEvent::Collected { commit: Some("new".into()) });
    assert_eq!(failed(&stage.clean_up(true)), Some(Code::AgentFailed));
}

#[test]
fn a_person_decides_what_the_mode_does_not() {
    let check = |mode, ask: Ask, waits: bool| {
        let mut stage = Stage::with_agent(&RunSpec { mode, ..spec() });
        let item = stage.ask("a", ask.clone());
        assert_eq!(stage.decisions().is_empty(), waits, "{mode:?} {ask:?}");
        if !waits {
            assert_eq!(stage.decisions(), [(allow(false), Decider::Policy)]);
            assert_eq!(stage.machine.phase(), Phase::AgentRunning);
            return;
        }
        assert_eq!(stage.machine.phase(), Phase::AwaitingAnswer);
        let answer = Answer::Deny { reason: "no".into() };
        let told = RunEffect::AnswerAgent { key: "a".into(), ask, answer: answer.clone() };
        assert_eq!(stage.answer(item, answer.clone()), [told]);
        assert_eq!(stage.decisions(), [(answer, Decider::Person { name: "ann".into() })]);
        assert_eq!((stage.done(), stage.machine.phase()), (None, Phase::AgentRunning));
    };
    let plan = || Ask::Plan { plan: "p".into() };
    check(Mode::Auto, permission("Bash"), false);
    check(Mode::Auto, plan(), false);
    check(Mode::Auto, question(), true);
    check(Mode::Ask, permission("Bash"), true);
    check(Mode::Ask, plan(), true);
    check(Mode::Plan, plan(), true);
    check(Mode::Plan, permission("Bash"), true);
    check(Mode::Plan, question(), true);
}

#[test]
fn a_tool_allowed_for_the_run_is_not_asked_for_again() {
    let mut stage = Stage::with_agent(&spec());
    let first = stage.ask("a", permission("Bash"));
    stage.ask("b", permission("Bash"));
    stage.ask("c", permission("Write"));
    let answered = stage.answer(first, allow(true));
    assert_eq!(answered.len(), 2, "also the one that already waited: {answered:?}");
    assert_eq!(stage.machine.phase(), Phase::AwaitingAnswer, "the other tool still waits");
    let later = stage.tell(RunEvent::AgentAsked { key: "d".into(), ask: permission("Bash") });
    assert_eq!(later.len(), 1, "it is allowed at once: {later:?}");
}

#[test]
fn an_answer_that_does_not_fit_or_comes_too_late_changes_nothing() {
    let check = |ask: Ask, answer: Answer, expected: Option<Code>| {
        let mut stage = Stage::with_agent(&spec());
        let item = stage.ask("a", ask.clone());
        let effects = stage.answer(item, answer.clone());
        assert_eq!(stage.done(), expected, "{answer:?} to {ask:?}");
        assert_eq!(effects.is_empty(), expected.is_some());
        if expected.is_none() {
            stage.answer(item, answer);
            assert_eq!(stage.done(), Some(Code::Precondition), "it was answered already");
        }
    };
    let say = || Answer::Say { text: "this".into() };
    let deny = || Answer::Deny { reason: String::new() };
    check(permission("Bash"), allow(false), None);
    check(permission("Bash"), say(), Some(Code::Invalid));
    check(permission("Bash"), Answer::End, Some(Code::Invalid));
    check(question(), say(), None);
    check(question(), deny(), None);
    check(question(), allow(false), Some(Code::Invalid));
    check(Ask::Plan { plan: "p".into() }, allow(false), None);
    check(Ask::Plan { plan: "p".into() }, Answer::End, Some(Code::Invalid));
    check(Ask::Unknown(serde_json::Value::Null), deny(), None);
}

#[test]
fn when_nobody_answers_on_timeout_decides() {
    let check = |on_timeout, ask: Ask, expected: &str| {
        let mut stage = Stage::with_agent(&RunSpec { on_timeout, ..spec() });
        stage.ask("a", ask.clone());
        stage.wait(199);
        assert_eq!(stage.decisions(), [], "not before its time");
        let effects = stage.wait(1);
        let decided = match stage.decisions().first() {
            Some((Answer::Allow { .. }, Decider::Timeout)) => "allow",
            Some((Answer::Deny { .. }, Decider::Timeout)) => "deny",
            Some((Answer::End, Decider::Timeout)) => "end",
            None if effects == [RunEffect::StopAgent] => "stop",
            None if effects.is_empty() => "wait",
            other => panic!("{other:?} and {effects:?}"),
        };
        assert_eq!(decided, expected, "{on_timeout:?}, {ask:?}");
    };
    let plan = || Ask::Plan { plan: "p".into() };
    check(OnTimeout::Proceed, question(), "deny");
    check(OnTimeout::Proceed, permission("Bash"), "deny");
    check(OnTimeout::Proceed, plan(), "allow");
    check(OnTimeout::Cancel, question(), "stop");
    check(OnTimeout::Cancel, plan(), "stop");
    check(OnTimeout::Pause, question(), "wait");
}

#[test]
fn an_interrupted_agent_waits_to_be_told() {
    let interrupted = || {
        let mut stage = Stage::with_agent(&spec());
        assert_eq!(stage.order(Act::Interrupt), [RunEffect::InterruptAgent]);
        assert_eq!(stage.done(), None);
        stage.end_turn(TurnEnd::Interrupted, 0);
        let asked = stage.journal.iter().rev().find_map(|event| match event {
            Event::Asked { item, ask: Ask::Interrupted, .. } => Some(*item),
            _ => None,
        });
        (stage, asked.expect("it asks how to go on"))
    };
    let tell = |text: &str| vec![RunEffect::TellAgent { text: text.into() }];

    let (mut stage, item) = interrupted();
    assert_eq!(stage.answer(item, Answer::Say { text: "so".into() }), tell("so"));
    let (mut stage, item) = interrupted();
    assert_eq!(stage.answer(item, Answer::End), [RunEffect::EndAgent]);
    let (mut stage, _) = interrupted();
    assert_eq!(stage.order(Act::Say { text: "so".into() }), tell("so"), "a follow-up answers it");
    let (mut stage, _) = interrupted();
    assert_eq!(stage.wait(200), [RunEffect::EndAgent], "nobody says how to go on");

    let mut stage = Stage::with_agent(&spec());
    stage.order(Act::Say { text: "next".into() });
    stage.order(Act::Interrupt);
    assert_eq!(stage.end_turn(TurnEnd::Interrupted, 0), tell("next"), "it knows how to go on");
}

#[test]
fn a_follow_up_waits_for_the_end_of_the_turn_and_is_done_when_it_is_told() {
    let mut stage = Stage::with_agent(&spec());
    assert_eq!(stage.order(Act::Say { text: "more".into() }), []);
    assert!(!stage.journal.iter().any(|event| matches!(event, Event::OrderDone { .. })));
    let told = [RunEffect::TellAgent { text: "more".into() }];
    assert_eq!(stage.end_turn(TurnEnd::Completed, 0), told);
    assert_eq!(stage.done(), None);
    let begun = Event::TurnStarted { turn: 2, prompt: "more".into() };
    assert!(stage.journal.contains(&begun), "the turn counts on");
    assert_eq!(stage.end_turn(TurnEnd::Completed, 0), [RunEffect::EndAgent]);
    assert_eq!(stage.order(Act::Say { text: "late".into() }), []);
    assert_eq!(stage.done(), Some(Code::Precondition), "its input is closed");
}

#[test]
fn a_follow_up_that_no_agent_heard_is_reported_back() {
    let mut stage = Stage::begin(&spec());
    stage.order(Act::Say { text: "more".into() });
    stage.tell(RunEvent::WorkspaceMade);
    let problem = Problem::new(Code::RepositoryRefused, "no");
    stage.tell(RunEvent::Failed { step: Step::Clone, problem });
    assert_eq!(stage.done(), Some(Code::Precondition));
}

#[test]
fn stop_and_fenced_end_a_run_from_wherever_it_is() {
    let check = |before: &[RunEvent], gives_way: RunEffect| {
        for fenced in [false, true] {
            let mut stage = Stage::begin(&spec());
            for event in before {
                stage.tell(event.clone());
            }
            let effects =
                if fenced { stage.tell(RunEvent::Fenced) } else { stage.order(Act::Stop) };
            assert_eq!(effects, from_ref(&gives_way), "after {before:?}");
            let expected = if fenced { Outcome::Fenced } else { Outcome::Cancelled };
            let outcome = match gives_way {
                RunEffect::Abort { step } => {
                    let problem = Problem::new(Code::Internal, "aborted");
                    stage.tell(RunEvent::Failed { step, problem });
                    let tree = step == Step::Setup;
                    if tree {
                        stage.tell(RunEvent::Collected { commit: None });
                    }
                    stage.clean_up(tree)
                }
                _ => {
                    assert_eq!(stage.exit(), [RunEffect::Collect { commit: false }]);
                    stage.tell(RunEvent::Collected { commit: None });
                    stage.clean_up(true)
                }
            };
            assert_eq!(outcome, expected, "after {before:?}");
        }
    };
    let (made, cloned) = (RunEvent::WorkspaceMade, RunEvent::Cloned);
    let up = |step| RunEvent::SetupDone { step };
    check(from_ref(&made), RunEffect::Abort { step: Step::Clone });
    check(&[made.clone(), cloned.clone()], RunEffect::Abort { step: Step::Setup });
    check(&[made, cloned, up(0), up(1)], RunEffect::StopAgent);
}

#[test]
fn a_push_under_way_is_not_stopped_but_it_is_fenced() {
    let mut stage = Stage::with_agent(&spec());
    stage.end_turn(TurnEnd::Completed, 0);
    stage.exit();
    stage.tell(RunEvent::Collected { commit: Some("new".into()) });
    stage.order(Act::PermitPush { fence: 3 });
    assert_eq!(stage.order(Act::Stop), []);
    assert_eq!(stage.done(), Some(Code::Precondition), "the push may have landed already");
    assert_eq!(stage.tell(RunEvent::Fenced), [RunEffect::Abort { step: Step::Push }]);
    let problem = Problem::new(Code::Internal, "aborted");
    let effects = stage.tell(RunEvent::Failed { step: Step::Push, problem });
    let look = RunEffect::ReadBack { branch: "pilot/8".into(), commit: "new".into() };
    assert_eq!(effects, [look], "only the remote knows what came of it");
    stage.tell(RunEvent::ReadBack { landed: true });
    assert!(matches!(stage.clean_up(true), Outcome::Pushed { .. }));
}

#[test]
fn each_order_is_carried_out_once() {
    let mut stage = Stage::with_agent(&spec());
    stage.order(Act::Interrupt);
    let records = stage.journal.len();
    let order = OrderId(Uuid::from_u128(stage.orders));
    assert_eq!(stage.tell(RunEvent::Order { order, act: Act::Interrupt }), []);
    assert_eq!(stage.journal.len(), records, "nor answered twice");
}

#[test]
fn the_agent_s_time_is_limited_and_waiting_for_people_does_not_count() {
    let mut stage = Stage::with_agent(&RunSpec { on_timeout: OnTimeout::Pause, ..spec() });
    stage.wait(500);
    stage.tell(RunEvent::AgentAlive);
    let item = stage.ask("a", question());
    assert_eq!(stage.wait(5000), [], "a person may take as long as they like");
    stage.answer(item, Answer::Deny { reason: String::new() });
    assert_eq!(stage.wait(499), []);
    assert_eq!(stage.wait(1), [RunEffect::StopAgent]);
    stage.exit();
    stage.tell(RunEvent::Collected { commit: None });
    assert_eq!(failed(&stage.clean_up(true)), Some(Code::LimitReached));
}

#[test]
fn a_silent_agent_is_called_stalled_once_until_it_stirs() {
    let mut stage = Stage::with_agent(&spec());
    let stalls = |stage: &Stage, wanted| {
        let said = |event: &&Event| matches!(event, Event::Activity { activity, .. } if *activity == wanted);
        stage.journal.iter().filter(said).count()
    };
    stage.wait(60);
    stage.wait(60);
    assert_eq!(stalls(&stage, Activity::Stalled), 1);
    stage.tell(RunEvent::AgentAlive);
    stage.tell(RunEvent::AgentAlive);
    assert_eq!(stalls(&stage, Activity::Running), 1);
    stage.wait(60);
    assert_eq!(stalls(&stage, Activity::Stalled), 2);
    stage.ask("a", question());
    stage.wait(150);
    assert_eq!(stalls(&stage, Activity::Stalled), 2, "an agent that waits for us is not stalled");
}

/// The turn ends because the provider's limit is used up.
fn end_limited(stage: &mut Stage, resets_at: Option<Timestamp>) -> Vec<RunEffect> {
    let reason = "five-hour".to_owned();
    stage.tell(RunEvent::AgentSaid(Event::LimitHit { resets_at, reason }));
    stage.tell(RunEvent::AgentSaid(Event::TurnEnded {
        turn: 0,
        end: TurnEnd::Error,
        usage: Usage::default(),
        denials: 0,
        summary: String::new(),
        problem: Some(Problem::new(Code::AgentLimit, "You've hit your limit.")),
    }))
}

fn is_told_to_go_on(effects: &[RunEffect]) -> bool {
    matches!(effects, [RunEffect::TellAgent { text }] if text.contains("Go on where you stopped"))
}

#[test]
fn a_run_waits_for_the_end_of_its_providers_limit_and_goes_on_by_itself() {
    let mut stage = Stage::with_agent(&spec());
    let resets_at = stage.now.after(Duration::from_secs(3600));
    assert_eq!(end_limited(&mut stage, Some(resets_at)), [], "nobody is told anything yet");
    let resumes = stage.now.after(Duration::from_secs(3605));
    assert_eq!(stage.journal.last(), Some(&Event::Resumes { at: resumes }), "a person sees when");
    assert_eq!(stage.machine.next_deadline(), Some(resumes));
    assert_eq!(stage.wait(3604), [], "the wait is neither work nor a stall");
    let told = stage.wait(1);
    assert!(is_told_to_go_on(&told), "{told:?}");
    let turns = stage.journal.iter().filter(|event| matches!(event, Event::TurnStarted { .. }));
    assert_eq!(turns.count(), 2);
    stage.end_turn(TurnEnd::Completed, 0);
    stage.exit();
    stage.tell(RunEvent::Collected { commit: None });
    assert_eq!(stage.clean_up(true), Outcome::NoChange, "the limit is forgotten");
}

#[test]
fn a_limit_without_an_end_is_tried_again_after_longer_and_longer_waits() {
    let mut stage = Stage::with_agent(&spec());
    for wait in [60, 120, 240, 480] {
        assert_eq!(end_limited(&mut stage, None), []);
        assert_eq!(stage.wait(wait - 1), [], "{wait}");
        assert!(is_told_to_go_on(&stage.wait(1)), "{wait}");
    }
}

#[test]
fn an_agent_that_a_signal_ended_has_crashed_and_one_that_we_stopped_has_not() {
    let mut stage = Stage::with_agent(&spec());
    stage.tell(RunEvent::AgentExited { code: None, signal: Some(9) });
    stage.tell(RunEvent::Collected { commit: None });
    let Outcome::Failed { problem } = stage.clean_up(true) else { panic!("it failed") };
    assert_eq!(problem.code, Code::AgentCrashed);
    assert!(problem.message.contains("SIGKILL") && problem.hint.contains("memory"), "{problem:?}");

    let mut stage = Stage::with_agent(&spec());
    stage.order(Act::Stop);
    stage.tell(RunEvent::AgentExited { code: None, signal: Some(15) });
    stage.tell(RunEvent::Collected { commit: None });
    assert_eq!(stage.clean_up(true), Outcome::Cancelled);
}

#[test]
fn a_limit_that_ends_too_late_ends_the_run() {
    let mut stage = Stage::with_agent(&spec());
    let in_days = stage.now.after(Duration::from_secs(3 * 24 * 3600));
    assert_eq!(end_limited(&mut stage, Some(in_days)), [RunEffect::EndAgent]);
    stage.exit();
    stage.tell(RunEvent::Collected { commit: None });
    assert_eq!(failed(&stage.clean_up(true)), Some(Code::AgentLimit));
}

#[test]
fn what_a_person_says_ends_the_wait_for_a_limit() {
    let mut stage = Stage::with_agent(&spec());
    let resets_at = stage.now.after(Duration::from_secs(3600));
    end_limited(&mut stage, Some(resets_at));
    let text = "use the other account".to_owned();
    assert_eq!(stage.order(Act::Say { text: text.clone() }), [RunEffect::TellAgent { text }]);
    assert_eq!(stage.wait(50), []);
    end_limited(&mut stage, Some(resets_at));
    assert_eq!(stage.order(Act::Stop), [RunEffect::StopAgent], "and a stop ends it too");
}

#[test]
fn a_renewed_lease_lets_it_go_on_and_a_lost_one_ends_it() {
    let limits = Limits { agent_secs: 1_000_000, stall_secs: 1_000_000, ..spec().limits };
    let mut stage = Stage::with_agent(&RunSpec { limits, ..spec() });
    stage.wait(9_999);
    stage.tell(RunEvent::LeaseRenewed { until: Timestamp(19_999_000_000) });
    assert_eq!(stage.wait(9_999), []);
    assert_eq!(stage.wait(1), [RunEffect::StopAgent]);
    stage.tell(RunEvent::LeaseRenewed { until: Timestamp(99_999_000_000) });
    stage.exit();
    stage.tell(RunEvent::Collected { commit: None });
    assert_eq!(failed(&stage.clean_up(true)), Some(Code::LeaseLost), "too late is too late");
}

#[test]
fn an_agent_that_will_not_end_is_stopped_and_then_given_up() {
    let mut stage = Stage::with_agent(&spec());
    stage.end_turn(TurnEnd::Completed, 0);
    assert_eq!(stage.wait(60), [RunEffect::StopAgent]);
    assert_eq!(stage.wait(60), [RunEffect::Collect { commit: false }]);
    stage.tell(RunEvent::Collected { commit: None });
    assert_eq!(failed(&stage.clean_up(true)), Some(Code::Internal));
}

#[test]
fn a_step_that_hangs_is_aborted_and_then_given_up() {
    let mut stage = Stage::begin(&spec());
    stage.tell(RunEvent::WorkspaceMade);
    assert_eq!(stage.wait(2 * 3600), [RunEffect::Abort { step: Step::Clone }]);
    assert_eq!(stage.wait(60), [RunEffect::Wipe { keep_tree: false }]);
    assert_eq!(stage.tell(RunEvent::Cloned), [], "whatever it reports now, nobody waits for it");
    assert_eq!(failed(&stage.clean_up(false)), Some(Code::RepositoryUnreachable));
}

#[test]
fn work_that_cannot_be_rescued_is_left_and_named() {
    let mut stage = Stage::with_agent(&spec());
    stage.order(Act::Stop);
    stage.exit();
    stage.tell(RunEvent::Collected { commit: None });
    let fail = |stage: &mut Stage| {
        let problem = Problem::new(Code::DiskFull, "full");
        stage.tell(RunEvent::Failed { step: Step::Rescue, problem })
    };
    for _ in 0..2 {
        assert_eq!(fail(&mut stage), []);
        assert_eq!(stage.wait(60), [RunEffect::Rescue { published: None }]);
    }
    assert_eq!(fail(&mut stage), [RunEffect::Wipe { keep_tree: true }]);
    stage.tell(RunEvent::Wiped { left: vec!["/tree".into()] });
    assert!(stage.journal.contains(&Event::Cleaned { left: vec!["/tree".into()] }));
}

#[test]
fn a_remote_that_cannot_be_asked_is_asked_again_and_then_left_open() {
    let mut stage = Stage::with_agent(&spec());
    stage.end_turn(TurnEnd::Completed, 0);
    stage.exit();
    stage.tell(RunEvent::Collected { commit: Some("new".into()) });
    stage.order(Act::PermitPush { fence: 3 });
    assert_eq!(stage.wait(1800), [RunEffect::Abort { step: Step::Push }]);
    let fail = |stage: &mut Stage, step| {
        let problem = Problem::new(Code::RepositoryUnreachable, "no network");
        stage.tell(RunEvent::Failed { step, problem })
    };
    let look = [RunEffect::ReadBack { branch: "pilot/8".into(), commit: "new".into() }];
    assert_eq!(fail(&mut stage, Step::Push), look);
    for _ in 0..2 {
        assert_eq!(fail(&mut stage, Step::ReadBack), []);
        assert_eq!(stage.wait(60), look);
    }
    assert_eq!(fail(&mut stage, Step::ReadBack), [RunEffect::Rescue { published: None }]);
    let Outcome::Failed { problem } = stage.clean_up(true) else { panic!("it is not known") };
    assert_eq!(problem.code, Code::RepositoryUnreachable);
    assert!(problem.hint.contains("look whether the branch holds the work"), "{problem:?}");
}

#[test]
fn a_run_whose_shim_died_goes_on_from_what_its_journal_shows() {
    let check = |journal: &[Event], tree: bool, expected: &[RunEffect]| {
        let mut past = Past::default();
        journal.iter().for_each(|event| past.fold(event));
        let mut machine = RunMachine::recover(Timestamp(0), &spec(), past);
        let mut effects = machine.handle(Timestamp(0), RunEvent::Start);
        if effects.last() == Some(&RunEffect::Kill) {
            effects = machine.handle(Timestamp(0), RunEvent::Killed { tree });
        }
        let journalled = |effect: &RunEffect| matches!(effect, RunEffect::Journal(_));
        effects.retain(|effect| !journalled(effect));
        assert_eq!(effects, expected, "after {journal:?}");
    };
    let rescue =
        |published: Option<&str>| RunEffect::Rescue { published: published.map(Into::into) };
    let wanted = Event::PushWanted {
        fence: 3,
        branch: "pilot/8".into(),
        commit: "new".into(),
        summary: String::new(),
    };
    let permitted = Event::OrderDone { order: OrderId(Uuid::from_u128(1)), problem: None };
    let pushed = Event::Pushed { branch: "pilot/8".into(), commit: "new".into() };
    let wipe = RunEffect::Wipe { keep_tree: false };
    let look = RunEffect::ReadBack { branch: "pilot/8".into(), commit: "new".into() };
    let cleaned = Event::Cleaned { left: Vec::new() };
    let finished = Event::Finished(Outcome::NoChange);
    check(&[], false, &[wipe]);
    check(&[], true, &[rescue(None)]);
    check(from_ref(&wanted), true, &[rescue(None)]);
    check(&[wanted.clone(), permitted.clone()], true, &[look]);
    check(&[wanted, permitted, pushed], true, &[rescue(Some("new"))]);
    check(from_ref(&cleaned), false, &[RunEffect::Done]);
    check(&[cleaned, finished], false, &[RunEffect::Done]);
}

#[test]
fn a_recovered_run_withdraws_its_asks_and_does_no_order_twice() {
    let (item, order) = (InboxId(Uuid::from_u128(5)), OrderId(Uuid::from_u128(6)));
    let mut past = Past::default();
    past.fold(&Event::Asked {
        item,
        ask: question(),
        deadline: None,
        on_timeout: OnTimeout::Pause,
    });
    past.fold(&Event::OrderDone { order, problem: None });
    let mut machine = RunMachine::recover(Timestamp(0), &spec(), past);
    let effects = machine.handle(Timestamp(0), RunEvent::Start);
    assert!(effects.contains(&RunEffect::Journal(Event::Withdrawn { item })));
    assert_eq!(machine.handle(Timestamp(0), RunEvent::Order { order, act: Act::Stop }), []);
}

#[test]
fn the_machine_keeps_no_grant_of_its_assignment() {
    let password = pilot_proto::Secret::new("hunter2");
    let git = Some(pilot_proto::project::GitGrant::new("git", password));
    let machine = RunMachine::new(Timestamp(0), &RunSpec { git, ..spec() });
    assert!(format!("{machine:?}").contains("git: None"));
}

#[test]
fn rules_that_a_person_adds_reach_a_run_that_is_at_work() {
    let rules = || vec!["example.org".to_owned()];
    let mut stage = Stage::with_agent(&spec());
    let told = stage.order(Act::Allow { rules: rules() });
    assert_eq!(told, [RunEffect::AllowRules { rules: rules() }]);
    assert_eq!(stage.done(), None, "it was carried out");
    assert_eq!(stage.order(Act::Allow { rules: Vec::new() }), [], "nothing is nothing");
    assert_eq!(stage.done(), None);
    stage.order(Act::Stop);
    assert_eq!(stage.order(Act::Allow { rules: rules() }), []);
    assert_eq!(stage.done(), Some(Code::Precondition), "its processes reach nothing any more");
}

#[test]
fn what_runs_inside_is_heard_while_the_agent_works_and_not_after() {
    let child = || NewChild {
        prompt: "write the tests".into(),
        title: None,
        agent: None,
        model: None,
        budget_micros: None,
    };
    let wanted = || RunEvent::ChildWanted { token: "a".into(), child: child() };
    let reported = || RunEvent::Reported { text: "testing".into() };
    let mut stage = Stage::with_agent(&spec());
    assert_eq!(stage.tell(wanted()), []);
    let journalled = Event::ChildWanted { token: "a".into(), child: child() };
    assert_eq!(stage.journal.last(), Some(&journalled));
    stage.tell(reported());
    assert_eq!(stage.journal.last(), Some(&Event::Reported { text: "testing".into() }));

    let task = TaskId(Uuid::from_u128(70));
    let decided = RunEffect::ChildDecided { token: "a".into(), decided: Ok(task) };
    let act = Act::Child { token: "a".into(), task: Some(task), problem: None };
    assert_eq!(stage.order(act), [decided]);
    assert_eq!(stage.done(), None, "the order is carried out");

    stage.tell(RunEvent::Fenced);
    let before = stage.journal.len();
    stage.tell(reported());
    let refused = stage.tell(wanted());
    let is_refused = matches!(&refused[..], [RunEffect::ChildDecided { decided: Err(_), .. }]);
    assert!(is_refused, "{refused:?}");
    assert_eq!(stage.journal.len(), before, "an agent on its way out is not listened to");
}

fn command(line: &str) -> Ask {
    Ask::Permission {
        tool: "Bash".into(),
        input: serde_json::Value::Null,
        summary: line.into(),
        commands: vec![line.into()],
        paths: Vec::new(),
    }
}

fn rule(decision: PermissionDecision, pattern: &str) -> PermissionRule {
    PermissionRule { decision, tool: None, command: Some(pattern.into()), path: None }
}

fn ruled(mode: Mode, rules: &[PermissionRule]) -> RunSpec {
    RunSpec { mode, permissions: PermissionPolicy { rules: rules.to_vec() }, ..spec() }
}

#[test]
fn rules_decide_before_the_mode_and_say_so() {
    let rules = [
        rule(PermissionDecision::Never, "git push*"),
        rule(PermissionDecision::Ask, "rm *"),
        rule(PermissionDecision::Allow, "cargo *"),
    ];
    for mode in [Mode::Auto, Mode::Ask] {
        let mut stage = Stage::with_agent(&ruled(mode, &rules));
        stage.ask("never", command("cd x && git push"));
        let (answer, decider) = stage.decisions().pop().expect("at once");
        let Answer::Deny { reason } = answer else { panic!("{answer:?}") };
        assert!(reason.contains("git push*"), "the agent learns which rule: {reason}");
        assert_eq!(decider, Decider::Policy);
        stage.ask("allow", command("cargo test"));
        assert_eq!(stage.decisions().last(), Some(&(Answer::ALLOW, Decider::Policy)));
        assert_eq!(stage.machine.phase(), Phase::AgentRunning, "nobody is waited for");
        stage.ask("ask", command("rm -r build"));
        assert_eq!(stage.machine.phase(), Phase::AwaitingAnswer, "{mode:?}");
    }
}

#[test]
fn what_an_agent_would_ask_nobody_for_is_checked_without_a_word_unless_a_rule_has_one() {
    let rules =
        [rule(PermissionDecision::Never, "git push*"), rule(PermissionDecision::Ask, "rm *")];
    let mut stage = Stage::with_agent(&ruled(Mode::Auto, &rules));
    let before = stage.journal.len();
    let mut check = |line: &str| {
        let ask = command(line);
        match stage.tell(RunEvent::AgentChecks { key: line.into(), ask }).as_slice() {
            [RunEffect::Rule { key, ruling, .. }] if key == line => ruling.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(check("cargo test"), Ruling::Go);
    assert_eq!(check("rm x"), Ruling::Ask);
    assert!(matches!(check("git push"), Ruling::Deny(reason) if reason.contains("git push*")));
    assert_eq!(stage.journal.len(), before + 2, "only the refusal is written down");
}

#[test]
fn no_rule_lets_an_agent_act_before_its_plan_is_approved() {
    let everything = PermissionRule {
        decision: PermissionDecision::Allow,
        tool: Some("*".into()),
        command: None,
        path: None,
    };
    let mut stage = Stage::with_agent(&ruled(Mode::Plan, &[everything]));
    let early = stage.ask("early", command("make"));
    assert_eq!(stage.machine.phase(), Phase::AwaitingAnswer, "a person decides");
    stage.answer(early, Answer::Deny { reason: "plan first".into() });
    let plan = stage.ask("plan", Ask::Plan { plan: "do it".into() });
    assert_eq!(stage.machine.phase(), Phase::AwaitingAnswer, "never by a rule");
    stage.answer(plan, Answer::ALLOW);
    stage.ask("late", command("make"));
    assert_eq!(stage.decisions().last(), Some(&(Answer::ALLOW, Decider::Policy)));
}

#[test]
fn an_answer_may_hold_for_the_run_or_for_the_project() {
    let mut stage = Stage::with_agent(&ruled(Mode::Ask, &[rule(PermissionDecision::Ask, "rm *")]));
    let first = stage.ask("1", command("rm -r build"));
    let second = stage.ask("2", command("rm -r build/x"));
    let narrow = Some(rule(PermissionDecision::Allow, "rm -r build*"));
    let for_run = Answer::Allow { input: None, for_run: true, for_project: false, rule: narrow };
    let told = stage.answer(first, for_run);
    assert_eq!(told.len(), 2, "what it covers is answered where it is asked already: {told:?}");
    let third = stage.ask("3", command("rm -rf /"));
    assert!(second != third && stage.machine.phase() == Phase::AwaitingAnswer, "and no more");
    stage.answer(third, Answer::Never { reason: "are you mad".into(), rule: None });
    stage.ask("4", command("rm -rf /"));
    let (answer, decider) = stage.decisions().pop().expect("at once");
    assert!(matches!(answer, Answer::Deny { .. }) && decider == Decider::Policy);
    let fifth = stage.ask("5", command("make"));
    stage.answer(
        fifth,
        Answer::Allow { input: None, for_run: false, for_project: true, rule: None },
    );
    stage.ask("6", command("make"));
    assert_eq!(stage.decisions().last(), Some(&(Answer::ALLOW, Decider::Policy)), "exactly this");
    stage.ask("7", command("make install"));
    assert_eq!(stage.machine.phase(), Phase::AwaitingAnswer);
    stage.order(Act::Rules { rules: vec![rule(PermissionDecision::Allow, "make *")] });
    assert_eq!(
        (stage.done(), stage.machine.phase()),
        (None, Phase::AgentRunning),
        "told by the hub"
    );
}

#[test]
fn an_agent_that_stops_when_it_is_refused_is_refused_nothing_that_a_rule_allows() {
    let rules = [rule(PermissionDecision::Ask, "*"), rule(PermissionDecision::Allow, "make *")];
    for (stops, line, allowed) in
        [(true, "make all", true), (true, "rm x", false), (false, "make all", false)]
    {
        let mut stage = Stage::with_agent(&ruled(Mode::Auto, &rules));
        stage.machine = stage.machine.clone().stopped_by_refusals(stops);
        stage.ask("1", command(line));
        stage.wait(200);
        let (answer, decider) = stage.decisions().pop().expect("decided");
        assert_eq!(decider, Decider::Timeout);
        assert_eq!(answer == Answer::ALLOW, allowed, "{stops} {line}: {answer:?}");
    }
}

#[test]
fn a_word_is_told_in_the_middle_of_the_turn_or_after_it() {
    let mut stage = Stage::with_agent(&spec());
    let steer = |text: &str| Act::Steer { text: text.into() };
    let told = stage.order(steer("left"));
    let [RunEffect::SteerAgent { order, text }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(text, "left");
    stage.tell(RunEvent::AgentSteered { order: *order });
    assert!(stage.journal.contains(&Event::Steered { text: "left".into() }));
    assert_eq!(stage.done(), None, "acknowledged when it was told");

    let told = stage.order(steer("right"));
    let [RunEffect::SteerAgent { order, .. }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(stage.tell(RunEvent::AgentDeaf { order: *order }), []);
    let next = stage.end_turn(TurnEnd::Completed, 0);
    assert_eq!(next, [RunEffect::TellAgent { text: "right".into() }], "as a follow-up");
    assert_eq!(stage.done(), None);
}

#[test]
fn what_was_not_told_yet_can_be_taken_back() {
    let mut stage = Stage::with_agent(&spec());
    stage.order(Act::Say { text: "also this".into() });
    let said = OrderId(Uuid::from_u128(stage.orders));
    stage.order(Act::Unsay { order: said });
    assert_eq!(stage.done(), None);
    let done = Event::OrderDone { order: said, problem: None };
    assert!(stage.journal.contains(&done), "nobody says it again");
    assert_eq!(stage.end_turn(TurnEnd::Completed, 0), [RunEffect::EndAgent], "it was forgotten");
    stage.order(Act::Unsay { order: said });
    assert_eq!(stage.done(), Some(Code::Precondition));
}

#[test]
fn a_kill_does_not_ask_the_agent_also_where_a_stop_takes_its_time() {
    let mut stage = Stage::with_agent(&spec());
    assert_eq!(stage.order(Act::Stop), [RunEffect::StopAgent]);
    assert_eq!(stage.order(Act::Kill), [RunEffect::KillAgent]);
    assert_eq!(stage.done(), None);
    stage.exit();
    stage.tell(RunEvent::Collected { commit: None });
    assert_eq!(stage.clean_up(true), Outcome::Cancelled, "its work is rescued all the same");
}

fn hands_on() -> Ask {
    Ask::HandsOn { what: "tidy up".into(), tree: "/w/tree".into() }
}

#[test]
fn work_by_hand_waits_for_its_person_without_a_deadline_unless_the_task_cancels() {
    let mut stage = Stage::with_agent(&RunSpec { mode: Mode::Auto, ..spec() });
    stage.ask("done", hands_on());
    let asked = |stage: &Stage| {
        stage.journal.iter().rev().find_map(|event| match event {
            Event::Asked { deadline, .. } => Some(*deadline),
            _ => None,
        })
    };
    assert_eq!(asked(&stage), Some(None), "half of a person's work is nothing to go on with");
    assert_eq!(stage.machine.phase(), Phase::AwaitingAnswer);
    let cancels = RunSpec { on_timeout: OnTimeout::Cancel, ..spec() };
    let mut stage = Stage::with_agent(&cancels);
    stage.ask("done", hands_on());
    assert!(asked(&stage).flatten().is_some(), "the task has a deadline of its own");
}

#[test]
fn what_a_person_calls_done_is_collected_and_published() {
    let mut stage = Stage::with_agent(&spec());
    let item = stage.ask("done", hands_on());
    let effects = stage.order(Act::Done);
    assert_eq!(effects, [RunEffect::EndAgent]);
    assert!(stage.journal.contains(&Event::Withdrawn { item }));
    let ended = |event: &&Event| matches!(event, Event::TurnEnded { end: TurnEnd::Completed, .. });
    assert_eq!(stage.journal.iter().filter(ended).count(), 1, "{:#?}", stage.journal);
    assert_eq!(stage.exit(), [RunEffect::Collect { commit: true }]);
    stage.tell(RunEvent::Collected { commit: Some("c1".into()) });
    assert!(stage.journal.iter().any(|event| matches!(event, Event::PushWanted { .. })));

    let again = stage.order(Act::Done);
    assert!(again.is_empty());
    let refused = Event::OrderDone {
        order: OrderId(Uuid::from_u128(2)),
        problem: Some(Problem::new(Code::Precondition, "Nobody is at work in this run.")),
    };
    assert!(stage.journal.contains(&refused), "{:#?}", stage.journal);
}

#[test]
fn the_inbox_can_say_that_it_is_done_as_well() {
    let mut stage = Stage::with_agent(&spec());
    let item = stage.ask("done", hands_on());
    stage.answer(item, Answer::ALLOW);
    assert_eq!(stage.machine.phase(), Phase::AwaitingAnswer, "that is no answer to it");
    let effects = stage.answer(item, Answer::End);
    assert!(matches!(effects.as_slice(), [RunEffect::AnswerAgent { .. }]), "{effects:?}");
    assert_eq!(stage.end_turn(TurnEnd::Completed, 0), [RunEffect::EndAgent]);
    assert_eq!(stage.exit(), [RunEffect::Collect { commit: true }]);
}

#[test]
fn an_agent_in_its_turn_is_let_go_when_a_person_calls_it_done() {
    let mut stage = Stage::with_agent(&spec());
    assert_eq!(stage.order(Act::Done), [RunEffect::EndAgent]);
    // Its own word comes late, and the first decided.
    assert!(stage.end_turn(TurnEnd::Interrupted, 0).is_empty());
    assert_eq!(stage.exit(), [RunEffect::Collect { commit: true }]);
}

fn reviewed_by(rounds: u32) -> RunSpec {
    let pass = ReviewPass { agent: "codex".into(), model: None, rounds };
    RunSpec { review: Some(Box::new(Reviewer { pass, provider: None })), ..spec() }
}

fn finds(round: u32, said: &str) -> RunEvent {
    RunEvent::Reviewed { round, said: Ok(Some(said.to_owned())), usage: Usage::default() }
}

const FOUND: &str = r#"{"findings": [{"path": "a", "first_line": 2, "text": "It is wrong."}]}"#;

#[test]
fn what_a_reviewer_finds_goes_back_as_the_next_turn_as_often_as_it_may() {
    let mut stage = Stage::with_agent(&reviewed_by(2));
    for round in 1..=2 {
        stage.end_turn(TurnEnd::Completed, 0);
        assert_eq!(stage.exit(), [RunEffect::Review { round }], "before anything is collected");
        let effects = stage.tell(finds(round, FOUND));
        let [RunEffect::StartAgent { prompt, again: true }] = &effects[..] else {
            panic!("its session is gone on with: {effects:?}")
        };
        assert!(prompt.contains("`a`, line 2") && prompt.contains("It is wrong."), "{prompt}");
        assert_eq!(stage.machine.phase(), Phase::AgentRunning);
    }
    stage.end_turn(TurnEnd::Completed, 0);
    assert_eq!(stage.exit(), [RunEffect::Collect { commit: true }], "two rounds, and no more");
    let turns = stage.journal.iter().filter(|event| matches!(event, Event::TurnStarted { .. }));
    assert_eq!(turns.count(), 3);
}

#[test]
fn a_review_that_comes_to_nothing_loses_no_work_and_says_so() {
    let reviews: [(Result<Option<String>, Problem>, bool); 4] = [
        (Ok(Some(r#"{"findings": []}"#.to_owned())), false),
        (Ok(None), false),
        (Ok(Some("All is well.".to_owned())), true),
        (Err(Problem::new(Code::AgentMissing, "There is no such agent.")), true),
    ];
    for (said, complains) in reviews {
        let mut stage = Stage::with_agent(&reviewed_by(1));
        stage.end_turn(TurnEnd::Completed, 0);
        stage.exit();
        let event = RunEvent::Reviewed { round: 1, said: said.clone(), usage: Usage::default() };
        assert_eq!(stage.tell(event), [RunEffect::Collect { commit: true }], "{said:?}");
        let complained = stage.journal.iter().any(|event| {
            matches!(event, Event::Reviewed { findings, problem: Some(_), .. } if findings.is_empty())
        });
        assert_eq!(complained, complains, "{said:?}");
        stage.tell(RunEvent::Collected { commit: Some("new".into()) });
        assert!(matches!(stage.journal.last(), Some(Event::PushWanted { .. })), "{said:?}");
    }
}

#[test]
fn a_reviewer_that_does_not_end_is_stopped_and_then_given_up() {
    let mut stage = Stage::with_agent(&reviewed_by(1));
    stage.end_turn(TurnEnd::Completed, 0);
    stage.exit();
    assert_eq!(stage.wait(3600), [RunEffect::StopReview]);
    assert_eq!(stage.wait(60), [RunEffect::Collect { commit: true }]);
    assert_eq!(stage.tell(finds(1, FOUND)), [], "what it says then comes too late");
}

#[test]
fn a_failed_turn_is_not_reviewed_and_a_stopped_review_publishes_nothing() {
    let mut stage = Stage::with_agent(&reviewed_by(1));
    stage.end_turn(TurnEnd::Error, 0);
    assert_eq!(stage.exit(), [RunEffect::Collect { commit: true }]);

    let mut stage = Stage::with_agent(&reviewed_by(1));
    stage.end_turn(TurnEnd::Completed, 0);
    stage.exit();
    assert_eq!(stage.order(Act::Stop), [RunEffect::StopReview]);
    assert_eq!(stage.tell(finds(1, FOUND)), [RunEffect::Collect { commit: false }]);
    stage.tell(RunEvent::Collected { commit: None });
    assert_eq!(stage.clean_up(true), Outcome::Cancelled);
}

#[test]
fn what_is_said_during_a_review_begins_the_turn_behind_it() {
    let mut stage = Stage::with_agent(&reviewed_by(1));
    stage.end_turn(TurnEnd::Completed, 0);
    stage.exit();
    assert_eq!(stage.order(Act::Say { text: "and this".into() }), []);
    let again = RunEffect::StartAgent { prompt: "and this".into(), again: true };
    assert_eq!(stage.tell(finds(1, r#"{"findings": []}"#)), [again]);
    assert_eq!(stage.done(), None, "it was heard");
}

#[test]
fn the_next_turn_waits_until_the_last_one_is_kept() {
    let mut stage = Stage::with_agent(&spec());
    stage.keeps = false;
    assert_eq!(stage.end_turn(TurnEnd::Completed, 0), [RunEffect::Checkpoint { turn: 1 }]);
    assert_eq!(stage.order(Act::Say { text: "and this".into() }), [], "the tree is being read");
    let kept = Checkpoint {
        turn: 1,
        base: "base".into(),
        bundle: None,
        size: 0,
        session: None,
        left_out: String::new(),
    };
    let late = RunEvent::Checkpointed { turn: 0, kept: Some(kept.clone()) };
    assert_eq!(stage.tell(late), [], "it is of another turn");
    let told = stage.tell(RunEvent::Checkpointed { turn: 1, kept: Some(kept.clone()) });
    assert_eq!(told, [RunEffect::TellAgent { text: "and this".into() }]);
    assert!(stage.journal.contains(&Event::Checkpoint(kept)));
    stage.end_turn(TurnEnd::Completed, 0);
    assert_eq!(stage.wait(300), [RunEffect::EndAgent], "what hangs is gone on without");
}

#[test]
fn a_persons_note_is_the_agents_next_message_and_answers_the_order() {
    let mut stage = Stage::with_agent(&spec());
    let taken = stage.order(Act::TakeOver { who: "ann".into() });
    assert_eq!(stage.done(), None);
    assert!(
        matches!(&taken[..], [RunEffect::Drives { who: Some(_) }, RunEffect::HintAgent { .. }]),
        "{taken:?}"
    );
    stage.order(Act::TakeOver { who: "bob".into() });
    assert_eq!(stage.done(), Some(Code::Precondition), "one at a time");
    let note = Some("the form is filled".into());
    let back = stage.order(Act::HandBack { who: "ann".into(), note });
    let [RunEffect::Drives { who: None }, RunEffect::SteerAgent { order, text }] = &back[..] else {
        panic!("{back:?}")
    };
    assert!(text.ends_with("the form is filled"), "{text}");
    stage.tell(RunEvent::AgentSteered { order: *order });
    assert_eq!(stage.done(), None, "done when it was told");
}

#[test]
fn a_screen_is_nobodys_when_the_work_is_over_and_the_silent_are_waited_for() {
    let mut stage = Stage::with_agent(&spec());
    stage.order(Act::TakeOver { who: "ann".into() });
    let limits = stage.machine.next_deadline();
    assert!(limits.is_some());
    stage.tell(RunEvent::ScreenTouched { at: stage.now });
    let drives = stage.order(Act::Stop);
    assert!(drives.contains(&RunEffect::StopAgent), "{drives:?}");
    let over = stage.exit();
    assert!(over.contains(&RunEffect::Drives { who: None }), "{over:?}");
    stage.order(Act::TakeOver { who: "ann".into() });
    assert_eq!(stage.done(), Some(Code::Precondition), "there is no screen any more");
}

#[test]
fn a_run_that_only_rebases_starts_no_agent_and_pushes_what_came_of_it() {
    let outgoing = Outgoing { rebase: true, ..Outgoing::default() };
    let spec = RunSpec { outgoing: Some(Box::new(outgoing)), ..spec() };
    let cloned = || {
        let mut stage = Stage::begin(&spec);
        stage.tell(RunEvent::WorkspaceMade);
        assert_eq!(stage.tell(RunEvent::Cloned), [RunEffect::Rebase]);
        stage
    };
    let mut stage = cloned();
    let done = RunEvent::Rebased { commit: Some("new".into()) };
    assert_eq!(stage.tell(done), [RunEffect::Collect { commit: false }]);
    assert_eq!(stage.tell(RunEvent::Collected { commit: None }), []);
    let (branch, expected) = ("pilot/8".into(), Some("old".into()));
    let push = RunEffect::Push { branch, commit: "new".into(), expected };
    assert_eq!(stage.order(Act::PermitPush { fence: 3 }), [push], "with a permit, as ever");

    let mut stage = cloned();
    stage.tell(RunEvent::Rebased { commit: None });
    stage.tell(RunEvent::Collected { commit: None });
    stage.tell(RunEvent::Rescued { bundle: None });
    stage.tell(RunEvent::Wiped { left: Vec::new() });
    assert_eq!(stage.machine.outcome(), Some(Outcome::NoChange), "somebody else sees to it");
}
