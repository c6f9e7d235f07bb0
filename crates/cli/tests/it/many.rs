//! Forty tasks at once on four workers.

use crate::world::World;
use pilot_proto::console::TaskDetail;
use pilot_proto::{Task, TaskId};
use std::collections::BTreeSet;

const TASKS: usize = 40;

#[test]
fn forty_tasks_each_run_once_and_leave_a_clean_machine() {
    let world = World::with_runner(4);
    let counter = world.path("ran");
    std::fs::create_dir(&counter).expect("a directory to count in");
    let filed: Vec<TaskId> = (0..TASKS)
        .map(|number| {
            // Each run leaves one file of a name of its own: two runs of one
            // task leave two.
            let mark = format!("run touch {}/{number}-$$", counter.to_string_lossy());
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

    let marks = std::fs::read_dir(&counter).expect("it is there").count();
    assert_eq!(marks, TASKS, "each task's agent ran exactly once");
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
