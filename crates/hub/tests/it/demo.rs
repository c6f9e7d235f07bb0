//! The built-in project.

use crate::house::{House, new_task};
use crate::runner::FakeRunner;
use pilot_proto::console::{Nothing, ProjectList, TaskNew};
use pilot_testkit::repo::BareRepo;

#[tokio::test(flavor = "multi_thread")]
async fn a_first_task_needs_no_account_and_no_key() {
    let house = House::with(|options| options.demo = true).await;
    let projects = house.call::<ProjectList>(Nothing {}).await;
    assert_eq!(projects.len(), 1);
    assert_eq!((projects[0].name.as_str(), projects[0].agent.as_str()), ("demo", "scripted"));
    let repo = BareRepo::at(&projects[0].repo);
    let first = repo.head("main").expect("it has a commit");
    let task = house.call::<TaskNew>(new_task("demo", "")).await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let spec = runner.take().await;
    assert_eq!((spec.task, spec.repo.as_str()), (task.id, projects[0].repo.as_str()));
    assert!(spec.git.is_none() && spec.provider.is_none());
    // What a person changed in it stays.
    let second = repo.commit("main", "mine", &[("x", pilot_testkit::repo::Entry::file("x"))]);
    runner.hang_up();
    let house = house.restart().await;
    assert_ne!(first, second);
    assert_eq!(repo.head("main"), Some(second), "a second start makes nothing anew");
    house.hub.stop().await;
}
