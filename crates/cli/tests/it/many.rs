//! Forty tasks at once on four workers.

use crate::world::World;
use pilot_proto::console::TaskDetail;
use pilot_proto::{Task, TaskId};
use std::collections::BTreeSet;

const TASKS: usize = 40;

#[test]
fn forty_tasks_each_run_once_and_leave_a_clean_machine() {
    let world = World::with_runner(4);
    let filed: Vec<TaskId> = (0..TASKS)
        .map(|number| {
            // What a shell makes of it stands nowhere but in its output.
            let mark = format!("run echo ran $((1000 + {number}))");
            world.file(&format!("{mark}\nwrite file-{number}.txt {number}"))
        })
        .collect();
    let details: Vec<TaskDetail> = filed
        .iter()
        .map(|id| {
            world.until_state(*id, "published");
            world.json(&["task", "show", &id.to_string()])
        })
        .collect();

    for (number, id) in filed.iter().enumerate() {
        let log = world.pilot(&["task", "log", &id.to_string()]).ok();
        let marks = log.matches(&format!("ran {}", 1000 + number)).count();
        assert_eq!(marks, 1, "each task's agent ran exactly once: {log}");
    }
    for detail in &details {
        assert_eq!(detail.runs.len(), 1, "{:#?}", detail.task);
        let run = &detail.runs[0];
        let started = run.started_at.expect("it ran");
        assert!(run.leased_at >= detail.task.created_at && started >= run.leased_at);
    }
    let most = most_at_once(&details);
    assert!(most <= 4, "four workers never have more than four runs, but had {most}");

    let repository = world.demo_repository();
    let branches = world.git(&repository, &["for-each-ref", "--format=%(refname:short)"]).ok();
    let branches: BTreeSet<&str> = branches.lines().collect();
    let mut explained: BTreeSet<&str> =
        details.iter().map(|detail| detail.task.branch.as_str()).collect();
    explained.insert("main");
    assert_eq!(branches, explained, "no branch that no task explains");

    world.until("the machine is clean", || {
        (world.run_directories().is_empty() && world.stray_processes().is_empty()).then_some(())
    });
    let listed: Vec<Task> = world.json(&["task", "list", "--state", "published"]);
    assert_eq!(listed.len(), TASKS);
}

/// How many runs were under way at the same moment, by the hub's own times:
/// from the lease to the end.
fn most_at_once(details: &[TaskDetail]) -> usize {
    let spans: Vec<_> = details
        .iter()
        .flat_map(|detail| &detail.runs)
        .map(|run| (run.leased_at, run.ended_at.expect("it ended")))
        .collect();
    spans
        .iter()
        .map(|(start, _)| spans.iter().filter(|(from, to)| from <= start && start < to).count())
        .max()
        .unwrap_or(0)
}
