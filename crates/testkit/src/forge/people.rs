//! What people say about a pull request.

use super::ForgeDouble;
use super::rows::{Line, Review};

impl ForgeDouble {
    /// Somebody comments on a pull request.
    pub fn say(&self, repository: &str, number: u64, login: &str, body: &str) {
        let mut world = self.core.world();
        world.user(login);
        world.comment_on(repository, (number, true), login, body);
    }

    /// Somebody reviews a pull request: `APPROVED`, `REQUEST_CHANGES` or
    /// `COMMENT`, with comments on lines of files.
    pub fn review(
        &self,
        repository: &str,
        number: u64,
        login: &str,
        (state, body): (&str, &str),
        lines: &[(&str, u64, &str)],
    ) {
        let mut world = self.core.world();
        world.user(login);
        let said = world.said(login, body);
        let lines = lines.iter().map(|(path, line, body)| {
            let said = world.said(login, body);
            let (root, path) = (said.id, (*path).to_owned());
            Line { said, path, line: *line, root, resolved: false }
        });
        let review = Review { said, state: state.to_owned(), lines: lines.collect() };
        let item = world.touch_kind(repository, number, true);
        item.pull.as_mut().expect("it is a pull request").reviews.push(review);
    }

    /// Logins of who was asked for a review, labels and assignees, by name.
    pub fn asked_of(&self, repository: &str, number: u64) -> [Vec<String>; 3] {
        let mut world = self.core.world();
        let row = world.row(repository);
        let labels = row.labels.clone();
        let item = row.pull(number);
        let name = |id: &u64| labels.iter().find(|one| one.id == *id).map(|one| one.name.clone());
        let named = item.labels.iter().filter_map(name).collect();
        let reviewers = item.pull.as_ref().map(|pull| pull.reviewers.clone());
        [reviewers.unwrap_or_default(), named, item.assignees.clone()]
    }

    /// There is a label of this name.
    pub fn label(&self, repository: &str, name: &str) {
        self.core.world().label(repository, name, "ff0000");
    }

    /// Somebody forks a repository, under the same name.
    pub fn fork(&self, repository: &str, login: &str) {
        let (_, name) = repository.split_once('/').expect("`owner/name`");
        let fork = self.repository(&format!("{login}/{name}"));
        let path = self.bare(repository).path().to_string_lossy().into_owned();
        fork.git(&["fetch", "--quiet", "--force", "--update-head-ok", &path, "+main:main"]);
    }

    /// Somebody deletes a branch.
    pub fn delete_branch(&self, repository: &str, branch: &str) {
        self.bare(repository).git(&["update-ref", "-d", &format!("refs/heads/{branch}")]);
    }
}
