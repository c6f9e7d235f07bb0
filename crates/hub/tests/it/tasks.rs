//! Filing and steering: what is taken, what is refused, and that nothing is
//! done by half.

use crate::house::{House, new_task, project};
use crate::runner::{FakeRunner, nothing_done};
use pilot_proto::console::{
    AnswerItem, InboxAnswer, InboxList, InboxQuery, Named, NewTask, NewTasks, Nothing, OneTask,
    ProjectAdd, ProjectList, ProjectRemove, Say, Stop, TaskAgain, TaskInterrupt, TaskList, TaskNew,
    TaskNewMany, TaskQuery, TaskResume, TaskSay, TaskStop,
};
use pilot_proto::event::Event;
use pilot_proto::inbox::{Ask, Decider};
use pilot_proto::run::{Session, Usage};
use pilot_proto::runner::Act;
use pilot_proto::task::Attachment;
use pilot_proto::{Answer, Code, InboxId, OnTimeout, TaskId};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_filed_twice_under_one_id_is_one_task() {
    let house = House::new().await;
    house.project().await;
    let id = Some(TaskId(Uuid::from_u128(42)));
    let new = NewTask { id, ..new_task("p", "fix it") };
    let first = house.call::<TaskNew>(new.clone()).await;
    let second = house.call::<TaskNew>(new.clone()).await;
    assert_eq!(first, second);
    let house = house.restart().await;
    assert_eq!(house.call::<TaskNew>(new).await.id, first.id, "nor after a restart");
    let many = NewTasks { tasks: vec![NewTask { id, ..new_task("p", "fix it") }; 2], batch: None };
    assert_eq!(house.call::<TaskNewMany>(many).await.len(), 2);
    assert_eq!(house.call::<TaskList>(TaskQuery::default()).await.len(), 1);
    let other = NewTask { id, ..new_task("p", "break it") };
    let problem = house.refused::<TaskNew>(other).await;
    assert_eq!(problem.code, Code::Precondition, "another task is not that task: {problem}");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_are_filed_all_or_none() {
    let house = House::new().await;
    house.project().await;
    let mut tasks: Vec<NewTask> = (0..5).map(|n| new_task("p", &format!("say {n}"))).collect();
    tasks.push(new_task("nowhere", "x"));
    let problem =
        house.refused::<TaskNewMany>(NewTasks { tasks: tasks.clone(), batch: None }).await;
    assert_eq!(problem.code, Code::NotFound);
    assert!(problem.hint.contains("`p`"), "it names those there are: {problem:?}");
    assert!(house.call::<TaskList>(TaskQuery::default()).await.is_empty(), "none was filed");
    tasks.pop();
    let filed = house.call::<TaskNewMany>(NewTasks { tasks, batch: None }).await;
    let prompts: Vec<_> = filed.iter().map(|task| task.prompt.as_str()).collect();
    assert_eq!(prompts, ["say 0", "say 1", "say 2", "say 3", "say 4"], "in the order given");
    let too_many = NewTasks { tasks: vec![new_task("p", "x"); 1001], batch: None };
    assert_eq!(house.refused::<TaskNewMany>(too_many).await.code, Code::TooLarge);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_makes_no_sense_is_refused_with_the_field() {
    let house = House::new().await;
    house.project().await;
    let new = |change: &dyn Fn(&mut NewTask)| {
        let mut new = new_task("p", "fix it");
        change(&mut new);
        new
    };
    let agent = |name: &str| Some(name.to_owned());
    for (task, code, said) in [
        (new(&|new| new.prompt = "x".repeat(NewTask::MAX_PROMPT + 1)), Code::TooLarge, "`prompt`"),
        (
            new(&|new| {
                new.prompt = " \n".to_owned();
                new.agent = agent("claude");
            }),
            Code::Invalid,
            "`prompt`",
        ),
        (new(&|new| new.agent = agent("clyde")), Code::Invalid, "clyde"),
        (new(&|new| new.base = agent("--upload-pack=x")), Code::Invalid, "`base`"),
        (new(&|new| new.model = agent("two words")), Code::Invalid, "`model`"),
        (new(&|new| new.limits.get_or_insert_default().agent_secs = 0), Code::Invalid, "`limits`"),
    ] {
        let problem = house.refused::<TaskNew>(task).await;
        assert_eq!(problem.code, code, "{problem}");
        assert!(problem.message.contains(said), "{said}: {problem}");
    }
    house.file("").await;
    let largest = house.file(&"x".repeat(NewTask::MAX_PROMPT)).await;
    assert_eq!(largest.prompt.len(), NewTask::MAX_PROMPT, "the bound itself fits");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_are_checked_and_those_with_work_under_way_stay() {
    let house = House::new().await;
    for (bad, said) in [
        (project("Bad Name", "/srv/x.git"), "`name`"),
        (project("p", "not a repository"), "`repo`"),
        (project("p", "https://me:hunter2@git.example.org/a/b"), "`repo`"),
    ] {
        let problem = house.refused::<ProjectAdd>(bad).await;
        assert!(problem.message.contains(said), "{problem}");
        assert!(!format!("{problem:?}").contains("hunter2"), "no secret comes back");
    }
    let mut lost = project("p", "https://git.example.org/a/b.git");
    lost.forge = Some("home".to_owned());
    assert_eq!(house.refused::<ProjectAdd>(lost).await.code, Code::NotFound);
    house.project().await;
    let task = house.file("say x").await.id;
    let named = || Named { name: "p".to_owned() };
    assert_eq!(house.refused::<ProjectRemove>(named()).await.code, Code::Precondition);
    house.call::<TaskStop>(Stop { task, keep_children: None }).await;
    house.until(task, "cancelled").await;
    house.call::<ProjectRemove>(named()).await;
    assert!(house.call::<ProjectList>(Nothing {}).await.is_empty());
    let problem = house.refused::<TaskAgain>(OneTask { task }).await;
    assert_eq!(problem.code, Code::NotFound, "there is nothing to run it in: {problem}");
    assert_eq!(house.refused::<ProjectRemove>(named()).await.code, Code::NotFound);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_reaches_the_run_and_the_journal_closes_the_item() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("permit Bash ls").await.id;
    let run = runner.take().await.run;
    runner.begin(run).await;
    let item = InboxId(Uuid::from_u128(7));
    let ask = Ask::Permission {
        tool: "Bash".to_owned(),
        input: serde_json::json!({ "command": "ls" }),
        summary: "ls".to_owned(),
        commands: vec!["ls".to_owned()],
        paths: Vec::new(),
    };
    let asked = Event::Asked { item, ask, deadline: None, on_timeout: OnTimeout::Proceed };
    let end = runner.write(run, vec![asked]).await;
    runner.acked(run, end).await;
    let detail = house.until(task, "needs_you").await;
    assert_eq!(detail.inbox.len(), 1);
    let wrong = AnswerItem { item, answer: Answer::End };
    assert_eq!(house.refused::<InboxAnswer>(wrong).await.code, Code::Invalid);
    let answer = Answer::ALLOW;
    let allow = || AnswerItem { item, answer: answer.clone() };
    house.call::<InboxAnswer>(allow()).await;
    let (order, act) = runner.order(run).await;
    let expected = Act::Answer { item, answer: answer.clone(), who: "owner".to_owned() };
    assert_eq!(act, expected, "it says who decided");
    let problem = house.refused::<InboxAnswer>(allow()).await;
    assert_eq!(problem.code, Code::Precondition, "one answer is on its way: {problem}");
    let decider = Decider::Person { name: "owner".to_owned() };
    let end = runner
        .write(
            run,
            vec![
                Event::OrderDone { order, problem: None },
                Event::Decided { item, answer: answer.clone(), decider: decider.clone() },
            ],
        )
        .await;
    runner.acked(run, end).await;
    house.until(task, "working").await;
    assert!(house.call::<InboxList>(InboxQuery::default()).await.is_empty());
    let all = house.call::<InboxList>(InboxQuery { task: Some(task), all: Some(true) }).await;
    let answered = all[0].answered.clone().expect("it is kept with its answer");
    assert_eq!((&answered.answer, &answered.decider), (&answer, &decider));
    let problem = house.refused::<InboxAnswer>(allow()).await;
    assert_eq!(problem.code, Code::Precondition);
    let said = problem.message.as_str();
    assert!(said.starts_with("`owner` allowed this already, "), "by whom: {said}");
    assert!(said.ends_with(" ago."), "and when: {said}");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_nobody_waits_for_any_more_is_closed() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("ask x").await.id;
    let run = runner.take().await.run;
    runner.begin(run).await;
    let item = InboxId(Uuid::from_u128(8));
    let asked = Event::Asked {
        item,
        ask: Ask::Interrupted,
        deadline: None,
        on_timeout: OnTimeout::Proceed,
    };
    runner.write(run, vec![asked]).await;
    house.until(task, "needs_you").await;
    let mut events = vec![Event::Withdrawn { item }];
    events.extend(nothing_done());
    runner.write(run, events).await;
    house.until(task, "no_change").await;
    assert!(house.call::<InboxList>(InboxQuery::default()).await.is_empty());
    let all = house.call::<InboxList>(InboxQuery { task: None, all: Some(true) }).await;
    assert_eq!(all.len(), 1, "it is not forgotten");
    assert!(all[0].answered.is_some());
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_task_can_be_resumed_where_it_was_and_retried_from_its_base() {
    let house = House::new().await;
    house.project().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let task = house.file("say x").await.id;
    let first = runner.take().await;
    runner.begin(first.run).await;
    let session = Session { id: "session-1".to_owned(), file: None };
    let ended = Event::TurnEnded {
        turn: 1,
        end: pilot_proto::event::TurnEnd::Completed,
        usage: Usage { input_tokens: 5, ..Usage::default() },
        denials: 0,
        summary: String::new(),
        problem: None,
    };
    let mut events = vec![Event::SessionSaved { session: session.clone() }, ended];
    events.extend(nothing_done());
    runner.write(first.run, events).await;
    house.until(task, "no_change").await;
    // Read again from the store: an ended task is not kept in memory.
    let house = house.restart().await;
    runner.journals.clear();
    runner.connect().await;
    assert_eq!(
        house.refused::<TaskInterrupt>(OneTask { task }).await.code,
        Code::Precondition,
        "nobody is at work"
    );
    let text = Some("now in blue".to_owned());
    house.call::<TaskResume>(pilot_proto::console::Resume { task, text }).await;
    let second = runner.take().await;
    assert_eq!((second.task, second.attempt), (task, 2));
    assert_eq!(second.prompt, "now in blue");
    assert_eq!(second.resume.expect("it goes on").session, Some(session));
    runner.begin(second.run).await;
    let heard = Event::TurnStarted { turn: 1, prompt: second.prompt };
    runner.write(second.run, vec![heard]).await;
    runner.write(second.run, nothing_done()).await;
    house.until(task, "no_change").await;
    house.call::<TaskAgain>(OneTask { task }).await;
    let third = runner.take().await;
    assert_eq!((third.prompt.as_str(), third.resume), ("say x", None), "from the base");
    let detail = house.show(task).await;
    assert_eq!(detail.runs.len(), 3);
    assert_eq!(detail.task.usage.input_tokens, 5, "what it used is remembered");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_a_task_is_given_have_names_and_are_kept_by_the_hub() {
    let house = House::new().await;
    house.project().await;
    let runner = FakeRunner::connected(&house, 1).await;
    let blob = runner.store(b"a picture").await;
    let good = Attachment {
        name: "screen shot.png".to_owned(),
        media_type: "image/png".to_owned(),
        blob,
        size: 9,
    };
    let with = |attachments: Vec<Attachment>| NewTask { attachments, ..new_task("p", "fix it") };
    let named = |name: &str| Attachment { name: name.to_owned(), ..good.clone() };
    let lost = "0123456789012345678901234567890123456789".parse().expect("40 hex digits");
    for (attachments, code, said) in [
        (vec![named("../a")], Code::Invalid, "no name of a file"),
        (vec![named("a\nb")], Code::Invalid, "no name of a file"),
        (vec![named("")], Code::Invalid, "no name of a file"),
        (vec![good.clone(), good.clone()], Code::Invalid, "two called"),
        (vec![Attachment { blob: lost, ..good.clone() }], Code::NotFound, "no bytes"),
        (vec![good.clone(); 21], Code::Invalid, "20 at most"),
    ] {
        let problem = house.refused::<TaskNew>(with(attachments.clone())).await;
        assert_eq!(problem.code, code, "{problem}");
        assert!(problem.message.contains(said), "{said}: {problem}");
        let many = NewTasks { tasks: vec![with(attachments)], batch: None };
        assert_eq!(house.refused::<TaskNewMany>(many).await.code, code);
    }
    house.call::<TaskNew>(with(vec![good.clone()])).await;
    let mut runner = runner;
    assert_eq!(runner.take().await.attachments, [good], "they go along");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_steers_a_task_that_is_not_there() {
    let house = House::new().await;
    let task = TaskId(Uuid::from_u128(1));
    for problem in [
        house.refused::<TaskStop>(Stop { task, keep_children: None }).await,
        house.refused::<TaskAgain>(OneTask { task }).await,
        house.refused::<TaskSay>(Say { task, text: "x".to_owned(), now: false }).await,
    ] {
        assert_eq!(problem.code, Code::NotFound, "{problem}");
    }
    house.hub.stop().await;
}
