//! The forge's own CI, as a test plays it.

use super::ForgeDouble;
use super::rows::{Access, JobRow, RunRow, Status};
use super::world::World;
use pilot_proto::ForgeKind;

/// A job that a test lets the CI have.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobSaid<'a> {
    /// Its name.
    pub name: &'a str,
    /// `held`, `waiting`, `running`, `success` or `failure`.
    pub state: &'a str,
    /// What it wrote.
    pub log: &'a str,
}

impl ForgeDouble {
    /// The CI has a run for a commit; its id. In the double's own words:
    /// `held` waits for a person, `waiting` for a runner.
    pub fn run(&self, repository: &str, commit: &str, name: &str, jobs: &[JobSaid<'_>]) -> u64 {
        self.run_from(repository, commit, name, jobs, true)
    }

    /// The same for a pull request from the repository itself, which a GitHub
    /// holds too if a bot made it, and does not approve.
    pub fn own_run(&self, repository: &str, commit: &str, name: &str, jobs: &[JobSaid<'_>]) -> u64 {
        self.run_from(repository, commit, name, jobs, false)
    }

    fn run_from(
        &self,
        repository: &str,
        commit: &str,
        name: &str,
        jobs: &[JobSaid<'_>],
        from_fork: bool,
    ) -> u64 {
        self.core.world().run(repository, commit, name, jobs, from_fork)
    }

    /// From now on its CI runs one job for each commit that a pull request
    /// shows; held, where its author may not write.
    pub fn has_ci(&self, repository: &str) {
        self.core.world().row(repository).ci = true;
    }

    /// Id of the first run for a commit.
    pub fn run_of(&self, repository: &str, commit: &str) -> u64 {
        let mut world = self.core.world();
        let found = world.row(repository).runs.iter().find(|run| run.commit == commit);
        found.expect("a test names a commit that has one").id
    }

    /// Runs of its CI so far: their commits and states.
    pub fn runs(&self, repository: &str) -> Vec<(String, String)> {
        let mut world = self.core.world();
        world.follow_pushes(repository);
        let runs = &world.row(repository).runs;
        runs.iter().map(|run| (run.commit.clone(), run.state.clone())).collect()
    }

    /// A person lets a run go on its page.
    pub fn approve_by_hand(&self, repository: &str, run: u64) {
        let mut world = self.core.world();
        let row = world.row(repository);
        let found = row.runs.iter_mut().find(|one| one.id == run);
        let run = found.expect("a test names a run that is there");
        run.let_go();
        let commit = run.commit.clone();
        for status in row.statuses.get_mut(&commit).into_iter().flatten() {
            if status.description == BLOCKED {
                status.description = "Waiting to run".to_owned();
            }
        }
    }

    /// The state of a run: `held`, `waiting`, ….
    pub fn run_state(&self, repository: &str, run: u64) -> String {
        let mut world = self.core.world();
        let runs = &world.row(repository).runs;
        let found = runs.iter().find(|one| one.id == run);
        found.expect("a test names a run that is there").state.clone()
    }
}

impl World {
    /// What a push to a pull request sets off.
    pub(super) fn start_ci(&mut self, repository: &str, commit: &str, author: &str) {
        let held = self.access(repository, Some(author)) < Access::Write;
        let state = if held { "held" } else { "waiting" };
        let job = JobSaid { name: "build", state, log: "" };
        self.run(repository, commit, "CI", &[job], held);
    }

    fn run(
        &mut self,
        repository: &str,
        commit: &str,
        name: &str,
        jobs: &[JobSaid<'_>],
        from_fork: bool,
    ) -> u64 {
        let id = self.id();
        let index = u64::try_from(self.row(repository).runs.len()).expect("fits") + 1;
        let held = jobs.iter().any(|job| job.state == "held");
        let worst = ["failure", "running", "waiting", "success"];
        let state = worst.into_iter().find(|state| jobs.iter().any(|job| job.state == *state));
        let state = if held { "held" } else { state.unwrap_or("success") };
        let jobs: Vec<JobRow> = jobs
            .iter()
            .map(|job| JobRow {
                id: self.id(),
                name: job.name.to_owned(),
                state: job.state.to_owned(),
                log: job.log.to_owned(),
            })
            .collect();
        let page = format!("/{repository}/actions/runs/{index}");
        if matches!(self.kind, ForgeKind::Gitea | ForgeKind::Forgejo) {
            for (at, job) in jobs.iter().enumerate() {
                // Relative to the host, with the base path.
                let base = self.url.splitn(4, '/').nth(3).map(|base| format!("/{base}"));
                let status = Status {
                    id: 0,
                    state: said(&job.state).to_owned(),
                    context: format!("{name} / {}", job.name),
                    description: if job.state == "held" {
                        BLOCKED.to_owned()
                    } else {
                        String::new()
                    },
                    target_url: format!("{}{page}/jobs/{at}", base.unwrap_or_default()),
                };
                self.status(repository, commit, status);
            }
        }
        self.row(repository).runs.push(RunRow {
            id,
            index,
            name: name.to_owned(),
            commit: commit.to_owned(),
            state: state.to_owned(),
            from_fork,
            jobs,
        });
        id
    }
}

impl RunRow {
    pub(super) fn let_go(&mut self) {
        self.state = "waiting".to_owned();
        for job in self.jobs.iter_mut().filter(|job| job.state == "held") {
            job.state = "waiting".to_owned();
        }
    }
}

/// To the letter as a Gitea 1.22 says it.
const BLOCKED: &str = "Blocked by required conditions";

fn said(state: &str) -> &'static str {
    match state {
        "success" => "success",
        "failure" => "failure",
        _ => "pending",
    }
}
