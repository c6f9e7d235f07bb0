//! The scripted agent: driver and program, joined by pipes.

use crate::driver;
use pilot_agents::{Catalog, Driver, Start, Step, scripted};
use pilot_proto::event::{Activity, TurnEnd};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::run::Usage;
use pilot_proto::{Code, Event, Mode, Problem, RunId, Stream};
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, PipeWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far beyond what any step takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

struct Talk {
    tree: TempDir,
    driver: Box<dyn Driver>,
    program: JoinHandle<(u8, String)>,
    stdin: Option<PipeWriter>,
    lines: Receiver<String>,
    due: VecDeque<Step>,
    events: Vec<Event>,
    printed: Vec<String>,
}

#[derive(Debug)]
enum Happened {
    Asked(String, Ask),
    Withdrawn,
    Turn { end: TurnEnd, usage: Usage, denials: u32, summary: String, problem: Option<Problem> },
}

fn tree() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn begin(prompt: &str, mode: Mode) -> Talk {
    begin_in(tree(), prompt, mode)
}

fn begin_in(tree: TempDir, prompt: &str, mode: Mode) -> Talk {
    let start = Start {
        run: RunId(uuid::Uuid::nil()),
        prompt: prompt.to_owned(),
        model: None,
        mode,
        ruled: false,
        resume: None,
        home: "/nowhere".into(),
        tree: tree.path().to_owned(),
        tmp: "/nowhere".into(),
        program: "pilot".into(),
        provider: None,
        attachments: Vec::new(),
        tools: None,
    };
    let mut driver = driver("scripted", start);
    let (theirs, stdin) = std::io::pipe().expect("a pipe");
    let (output, mut stdout) = std::io::pipe().expect("a pipe");
    let directory = tree.path().to_owned();
    let program = std::thread::spawn(move || {
        let mut stderr = Vec::new();
        let code = scripted::run(BufReader::new(theirs), &mut stdout, &mut stderr, &directory);
        (code, String::from_utf8(stderr).expect("text"))
    });
    // Bounded, so that the program waits for a slow reader as it would for a shim.
    let (sender, lines) = sync_channel(1000);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            if sender.send(line.expect("text")).is_err() {
                return;
            }
        }
    });
    let due = driver.begin().into();
    let (stdin, events, printed) = (Some(stdin), Vec::new(), Vec::new());
    Talk { tree, driver, program, stdin, lines, due, events, printed }
}

impl Talk {
    fn next(&mut self) -> Happened {
        loop {
            while let Some(step) = self.due.pop_front() {
                if let Some(happened) = self.step(step) {
                    return happened;
                }
            }
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|_| panic!("the agent is silent: {:#?}", self.events));
            self.heard(line);
        }
    }

    fn heard(&mut self, line: String) {
        match self.driver.stream(line.as_bytes()) {
            Stream::Protocol => {
                let steps = self.driver.line(&line);
                self.due.extend(steps);
            }
            Stream::Stdout => self.printed.push(line),
            other => panic!("a line of output is protocol or plain, not {other:?}"),
        }
    }

    fn step(&mut self, step: Step) -> Option<Happened> {
        match step {
            Step::Write(text) => {
                let stdin = self.stdin.as_mut().expect("not closed yet");
                stdin.write_all(text.as_bytes()).expect("the program reads");
                None
            }
            Step::Event(event) => {
                self.events.push(event);
                None
            }
            Step::Ask { key, ask } => Some(Happened::Asked(key, ask)),
            Step::Check { key, ask } => panic!("nothing is checked here: {key} {ask:?}"),
            Step::Withdraw { .. } => Some(Happened::Withdrawn),
            Step::TurnEnded { end, usage, denials, summary, problem } => {
                Some(Happened::Turn { end, usage, denials, summary, problem })
            }
            Step::CloseInput => {
                self.stdin = None;
                None
            }
            Step::Terminate => panic!("it ends with its input"),
        }
    }

    fn asked(&mut self) -> (String, Ask) {
        match self.next() {
            Happened::Asked(key, ask) => (key, ask),
            other => panic!("an ask was due, not {other:?}"),
        }
    }

    fn over(&mut self) -> (TurnEnd, u32, String) {
        match self.next() {
            Happened::Turn { end, denials, summary, .. } => (end, denials, summary),
            other => panic!("the end of the turn was due, not {other:?}"),
        }
    }

    fn answer(&mut self, (key, ask): (String, Ask), answer: &Answer) {
        let steps = self.driver.answer(&key, &ask, answer);
        self.due.extend(steps);
    }

    fn say(&mut self, text: &str) {
        let steps = self.driver.say(text);
        self.due.extend(steps);
    }

    fn interrupt(&mut self) {
        let steps = self.driver.interrupt();
        self.due.extend(steps);
        while let Some(step) = self.due.pop_front() {
            assert!(self.step(step).is_none(), "only a line is written");
        }
    }

    /// Reads on until something plain was printed.
    fn until_printed(&mut self, text: &str) {
        while let Some(step) = self.due.pop_front() {
            assert!(self.step(step).is_none(), "nothing happens before `{text}`");
        }
        while self.printed.last().is_none_or(|line| line != text) {
            let line = self.lines.recv_timeout(DEADLINE).expect("the agent prints");
            self.heard(line);
        }
    }

    /// Lets the program end. Its exit code and standard error.
    fn finish(mut self) -> (u8, String) {
        for step in self.driver.end() {
            assert!(self.step(step).is_none(), "only the input is closed");
        }
        while self.lines.recv_timeout(DEADLINE).is_ok() {}
        self.program.join().expect("the program does not panic")
    }

    fn read(&self, path: &str) -> String {
        read(self.tree.path(), path)
    }

    fn said(&self) -> Vec<&str> {
        let texts = self.events.iter().filter_map(|event| match event {
            Event::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    fn tools(&self) -> Vec<(&str, bool)> {
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        let mut tools = Vec::new();
        for event in &self.events {
            match event {
                Event::ToolStarted { id, tool, .. } => drop(names.insert(id, tool)),
                Event::ToolEnded { id, ok, .. } => tools.push((names[id.as_str()], *ok)),
                _ => {}
            }
        }
        tools
    }
}

fn read(tree: &Path, path: &str) -> String {
    std::fs::read_to_string(tree.join(path)).unwrap_or_else(|_| "(no file)".to_owned())
}

#[test]
fn files_are_written_appended_renamed_and_deleted() {
    let prompt = "write a/b.txt one\\ntwo\nappend a/b.txt three\nrename a/b.txt c/d.txt\n\
                  write gone.txt x\ndelete gone.txt\ndelete missing.txt\nwrite ../out.txt no";
    let mut talk = begin(prompt, Mode::Auto);
    assert_eq!(talk.over().0, TurnEnd::Completed, "a tool that fails does not end the turn");
    assert_eq!(talk.read("c/d.txt"), "one\ntwo\nthree\n");
    assert_eq!(
        (talk.read("a/b.txt"), talk.read("gone.txt")),
        ("(no file)".into(), "(no file)".into())
    );
    let expected = [
        ("write", true),
        ("append", true),
        ("rename", true),
        ("write", true),
        ("delete", true),
        ("delete", false),
        ("write", false),
    ];
    assert_eq!(talk.tools(), expected);
    assert!(!talk.tree.path().parent().expect("a parent").join("out.txt").exists());
    let session = talk.events.iter().find_map(|event| match event {
        Event::SessionStarted { session, .. } => Some(session.clone()),
        _ => None,
    });
    assert_eq!(session, Some(uuid::Uuid::nil().to_string()), "the session goes by the run's id");
    assert_eq!(talk.finish(), (0, String::new()));
}

#[test]
fn a_command_runs_in_the_tree_and_its_output_is_plain() {
    let prompt = "write here.txt x\nrun ls; echo oops >&2\nrun exit 3\nrun printf '\\036{\"from\":\"x\"}\\n'\nstderr told";
    let mut talk = begin(prompt, Mode::Auto);
    talk.over();
    assert_eq!(talk.printed, ["here.txt", "{\"from\":\"x\"}"], "a child cannot speak our protocol");
    assert_eq!(talk.tools(), [("write", true), ("run", true), ("run", false), ("run", true)]);
    let failed = talk.events.iter().any(
        |event| matches!(event, Event::ToolEnded { ok: false, output, .. } if output.contains('3')),
    );
    assert!(failed, "{:#?}", talk.events);
    assert_eq!(talk.finish(), (0, "oops\ntold\n".to_owned()));
}

#[test]
fn a_commit_holds_everything() {
    let prompt = "run git init -q .\nwrite a.txt one\ncommit The first\nrun git log --format=%s; git status --short";
    let mut talk = begin(prompt, Mode::Auto);
    talk.over();
    assert_eq!(talk.printed, ["The first"]);
}

#[test]
fn a_question_is_asked_and_its_answer_used() {
    let mut talk = begin("ask Which colour? | Red | Blue\nwrite colour.txt ${answer}", Mode::Auto);
    let asked = talk.asked();
    let Ask::Question { questions } = &asked.1 else { panic!("{asked:?}") };
    assert_eq!(questions[0].options.len(), 2);
    let answers = BTreeMap::from([("Which colour?".to_owned(), "Blue".to_owned())]);
    talk.answer(asked, &Answer::Choose { answers });
    assert_eq!(talk.over().1, 0);
    assert_eq!(talk.read("colour.txt"), "Blue\n");
    let activities: Vec<Activity> = talk
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Activity { activity, .. } => Some(*activity),
            _ => None,
        })
        .collect();
    let expected = [Activity::Running, Activity::Waiting, Activity::Running, Activity::Idle];
    assert_eq!(activities, expected);
}

#[test]
fn a_denied_permission_is_counted_and_the_rest_is_done() {
    let prompt = "permit Bash echo one > one.txt\npermit Bash echo two > two.txt";
    let mut talk = begin(prompt, Mode::Ask);
    let first = talk.asked();
    let Ask::Permission { tool, summary, .. } = &first.1 else { panic!("{first:?}") };
    assert_eq!((tool.as_str(), summary.as_str()), ("Bash", "echo one > one.txt"));
    talk.answer(first, &Answer::Deny { reason: "not that".to_owned() });
    let second = talk.asked();
    talk.answer(second, &Answer::ALLOW);
    let (end, denials, _) = talk.over();
    assert_eq!((end, denials), (TurnEnd::Completed, 1));
    assert_eq!((talk.read("one.txt"), talk.read("two.txt")), ("(no file)".into(), "two\n".into()));
    assert!(talk.said()[0].contains("not that"), "{:?}", talk.said());
}

#[test]
fn auto_asks_for_no_permission_and_no_plan() {
    let mut talk = begin("plan Do it\npermit Bash echo one > one.txt", Mode::Auto);
    assert_eq!(talk.over().0, TurnEnd::Completed);
    assert_eq!(talk.read("one.txt"), "one\n");
}

#[test]
fn a_plan_sent_back_is_proposed_again() {
    let mut talk = begin("plan Write a.txt\nwrite a.txt x", Mode::Plan);
    let first = talk.asked();
    assert_eq!(first.1, Ask::Plan { plan: "Write a.txt".to_owned() });
    talk.answer(first, &Answer::Deny { reason: "and b.txt".to_owned() });
    let second = talk.asked();
    let Ask::Plan { plan } = &second.1 else { panic!("{second:?}") };
    assert!(plan.contains("and b.txt"), "{plan}");
    assert_eq!(talk.read("a.txt"), "(no file)", "nothing is changed before the approval");
    talk.answer(second, &Answer::ALLOW);
    assert_eq!(talk.over().0, TurnEnd::Completed);
    assert_eq!(talk.read("a.txt"), "x\n");
}

#[test]
fn a_plan_sent_back_twice_changes_nothing() {
    let mut talk = begin("plan Write a.txt\nwrite a.txt x", Mode::Plan);
    for _ in 0..2 {
        let asked = talk.asked();
        talk.answer(asked, &Answer::Deny { reason: "no".to_owned() });
    }
    assert_eq!(talk.over().0, TurnEnd::Error);
    assert_eq!(talk.read("a.txt"), "(no file)");
}

#[test]
fn a_million_lines_come_out_whole_and_in_order() {
    let mut talk = begin("print 1000000", Mode::Auto);
    assert_eq!(talk.over().0, TurnEnd::Completed);
    assert_eq!(talk.printed.len(), 1_000_000);
    let wrong =
        talk.printed.iter().zip(1..).find(|(line, number)| **line != format!("line {number}"));
    assert_eq!(wrong, None, "each line once, in order");
}

#[test]
fn lines_come_at_the_rate_asked_for() {
    let begun = Instant::now();
    let mut talk = begin("lines-per-second 50 11", Mode::Auto);
    talk.over();
    assert!(begun.elapsed() >= Duration::from_millis(200), "the eleventh is due after 200 ms");
    assert_eq!(talk.printed.last().map(String::as_str), Some("line 11"));
}

#[test]
fn an_interrupt_ends_whatever_goes_on() {
    let check = |endless: &str| {
        let mut talk = begin(&format!("print 1 begun\n{endless}\nwrite after.txt x"), Mode::Ask);
        talk.until_printed("begun 1");
        talk.interrupt();
        let end = loop {
            match talk.next() {
                Happened::Turn { end, .. } => break end,
                Happened::Asked(..) | Happened::Withdrawn => {}
            }
        };
        assert_eq!(end, TurnEnd::Interrupted, "{endless}");
        talk.say("write next.txt y");
        assert_eq!(talk.over().0, TurnEnd::Completed, "the session goes on after `{endless}`");
        assert_eq!(talk.read("next.txt"), "y\n");
        assert_eq!(talk.read("after.txt"), "(no file)", "{endless}");
        assert_eq!(talk.finish().0, 0);
    };
    check("sleep-ms 600000");
    check("wait-file never.txt");
    check("run tail -f /dev/null");
    check("run trap '' TERM; tail -f /dev/null | cat");
    check("ask Are you there?");
    check("permit Bash true");
    check("lines-per-second 1 600");
    check("print 18446744073709551615");
}

#[test]
fn a_file_is_waited_for() {
    let tree = tree();
    let signal: PathBuf = tree.path().join("signal");
    let mut talk = begin_in(tree, "print 1 begun\nwait-file signal\nprint 1 seen", Mode::Auto);
    talk.until_printed("begun 1");
    std::fs::write(signal, "").expect("writable");
    talk.over();
    assert_eq!(talk.printed, ["begun 1", "seen 1"]);
}

#[test]
fn a_script_that_fails_is_an_error() {
    let mut talk = begin("write a.txt x\nfail It broke.\nwrite b.txt x", Mode::Auto);
    let Happened::Turn { end, problem, .. } = talk.next() else { panic!("the turn ends") };
    let problem = problem.expect("an error is a problem");
    assert_eq!((end, problem.code), (TurnEnd::Error, Code::AgentFailed));
    assert_eq!(problem.message, "It broke.");
    assert_eq!(talk.read("b.txt"), "(no file)");
}

#[test]
fn an_exit_in_the_turn_is_noticed() {
    let talk = begin("stderr last words\nexit 7", Mode::Auto);
    let Talk { mut driver, program, lines, due, mut stdin, .. } = talk;
    for step in due {
        if let Step::Write(text) = step {
            stdin.as_mut().expect("open").write_all(text.as_bytes()).expect("it reads");
        }
    }
    while let Ok(line) = lines.recv_timeout(DEADLINE) {
        driver.line(&line);
    }
    let (code, stderr) = program.join().expect("no panic");
    assert_eq!((code, stderr.as_str()), (7, "last words\n"));
    let steps = driver.exited(Some(code.into()), &stderr);
    let [Step::TurnEnded { end: TurnEnd::Exited, problem: Some(problem), .. }] = steps.as_slice()
    else {
        panic!("{steps:?}")
    };
    assert!(
        problem.message.contains("exited with 7") && problem.message.contains("`last words`"),
        "{problem}"
    );
}

#[test]
fn a_plain_sentence_still_gives_a_change() {
    let mut talk = begin("Please write a poem.\nMake it short.", Mode::Auto);
    assert_eq!(talk.over().0, TurnEnd::Completed);
    assert_eq!(talk.read("NOTES.md"), "Please write a poem.\nMake it short.\n");
    assert!(talk.said()[0].contains("scripted agent"), "{:?}", talk.said());
}

#[test]
fn an_empty_prompt_runs_the_demo_of_the_repository() {
    let repository = tree();
    std::fs::write(repository.path().join("demo.pilot"), "# Demo\nwrite made.txt x\n")
        .expect("writable");
    let mut talk = begin_in(repository, " \n", Mode::Auto);
    talk.over();
    assert_eq!(talk.read("made.txt"), "x\n");

    let mut talk = begin("", Mode::Auto);
    let (end, _, summary) = talk.over();
    assert_eq!(end, TurnEnd::Completed);
    assert!(summary.contains("nothing to do"), "{summary}");
    assert_eq!(std::fs::read_dir(talk.tree.path()).expect("there").count(), 0);
}

#[test]
fn follow_ups_are_turns_of_the_same_process() {
    let mut talk = begin("write a.txt 1", Mode::Auto);
    talk.over();
    talk.say("append a.txt 2\nsay Again.");
    assert_eq!(talk.over().2, "Again.");
    assert_eq!(talk.read("a.txt"), "1\n2\n");
    assert!(talk.driver.interrupt().is_empty(), "between turns there is nothing to stop");
    assert_eq!(talk.finish().0, 0);
}

#[test]
fn the_end_of_the_input_ends_a_waiting_program() {
    let mut talk = begin("ask Are you there?", Mode::Auto);
    talk.asked();
    assert_eq!(talk.finish().0, 0, "nobody is there, so it goes on and ends");
}

#[test]
fn an_unknown_agent_is_named_with_those_known() {
    let problem = Catalog::built_in().get("hal").err().expect("there is no such agent");
    assert_eq!(problem.code, Code::AgentMissing);
    assert!(
        problem.hint.contains("`claude`") && problem.hint.contains("`scripted`"),
        "{problem:?}"
    );
}

#[test]
fn a_demo_can_show_every_kind_of_thing() {
    let prompt = r"
        think Where is it?
        todos x Read | > Write | Test
        tool Read src/main.rs => fn main() {}\n
        tool Fetch https://example.org !> not allowed
        subagent Look for callers
        tool Grep main => src/lib.rs
        say They are in src/lib.rs.
        end-subagent One caller.
        output \e[32mgreen\e[0m
        fill data/rows.txt 3 row
        usage 1000 200 30000
        usage 1 2 3
        retry 1 10 Overloaded
        limit 3600 The week's limit is used up
        say done
    ";
    let mut talk = begin(prompt, Mode::Auto);
    match talk.next() {
        Happened::Turn { end: TurnEnd::Completed, usage, summary, .. } => {
            let counted = (usage.input_tokens, usage.output_tokens, usage.cost_micros);
            assert_eq!(counted, (1001, 202, Some(30_003)), "it adds up");
            assert_eq!(summary, "done", "the last words are not a subagent's");
        }
        other => panic!("the end of the turn was due, not {other:?}"),
    }
    assert_eq!(talk.read("data/rows.txt"), "row 1\nrow 2\nrow 3\n");
    assert_eq!(talk.printed, ["\u{1b}[32mgreen\u{1b}[0m"]);
    let tools = talk.tools();
    assert_eq!(
        tools,
        [("Read", true), ("Fetch", false), ("Grep", true), ("subagent", true), ("write", true)]
    );
    let mut parents = Vec::new();
    let (mut todos, mut retried, mut limited) = (Vec::new(), None, None);
    for event in &talk.events {
        match event {
            Event::ToolStarted { id, tool, parent, .. } => {
                parents.push((tool.as_str(), id.as_str(), parent.as_deref()));
            }
            Event::Text { text, parent, .. } => parents.push((text, "", parent.as_deref())),
            Event::Todos { items } => {
                todos = items.iter().map(|item| item.status.as_str()).collect();
            }
            Event::Retrying { attempt, wait_ms, reason } => {
                retried = Some((*attempt, *wait_ms, reason.as_str()));
            }
            Event::LimitHit { resets_at, reason } => limited = Some((*resets_at, reason.as_str())),
            _ => {}
        }
    }
    let subagent = parents.iter().find(|one| one.0 == "subagent").expect("there is one").1;
    let its = |what: &str| parents.iter().find(|one| one.0 == what).expect("it is there").2;
    assert_eq!((its("Grep"), its("They are in src/lib.rs.")), (Some(subagent), Some(subagent)));
    assert_eq!((its("Read"), its("done"), its("subagent")), (None, None, None));
    assert_eq!(todos, ["completed", "in_progress", "pending"]);
    assert_eq!(retried, Some((1, 10, "Overloaded")));
    let (resets_at, reason) = limited.expect("it was hit");
    assert_eq!(reason, "The week's limit is used up");
    assert!(resets_at.is_some_and(|at| at.0 > 1_700_000_000_000_000), "a time of ours");
    talk.finish();
}
