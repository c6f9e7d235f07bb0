//! All that the double remembers, and how it changes.

use super::rows::{Access, Comment, Item, Label, Pull, Repo, Status, TokenRow};
use crate::repo::BareRepo;
use pilot_proto::ForgeKind;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything.
#[derive(Debug)]
pub(super) struct World {
    root: PathBuf,
    pub(super) kind: ForgeKind,
    /// Address of its web interface.
    pub(super) url: String,
    users: BTreeMap<String, u64>,
    pub(super) tokens: BTreeMap<String, TokenRow>,
    repos: BTreeMap<String, Repo>,
    pub(super) latency: Duration,
    pub(super) stale_reads: u32,
    pub(super) max_page: usize,
    /// What it says when asked for its version.
    pub(super) version: String,
    /// Requests left (GitHub and GitLab), and whether they are counted.
    pub(super) remaining: u64,
    /// Where renamed repositories are now.
    pub(super) renamed: BTreeMap<String, String>,
    apart: bool,
    clock: u64,
    next_id: u64,
}

impl World {
    pub(super) fn new(root: &Path, kind: ForgeKind, url: &str) -> Self {
        let version = match kind {
            ForgeKind::Gitea => "1.22.0+dev-double",
            ForgeKind::Forgejo => "12.0.1+gitea-1.22.0",
            ForgeKind::GitHub => "3.17.2",
            ForgeKind::GitLab => "18.3.1-ee",
        };
        Self {
            root: root.to_owned(),
            kind,
            url: url.to_owned(),
            users: BTreeMap::new(),
            tokens: BTreeMap::new(),
            repos: BTreeMap::new(),
            latency: Duration::ZERO,
            stale_reads: 0,
            max_page: match kind {
                ForgeKind::Gitea | ForgeKind::Forgejo => 50,
                ForgeKind::GitHub | ForgeKind::GitLab => 100,
            },
            version: version.to_owned(),
            remaining: 5000,
            renamed: BTreeMap::new(),
            apart: kind == ForgeKind::GitLab,
            clock: 0,
            // So that no id is ever mistaken for a number.
            next_id: 1000,
        }
    }

    pub(super) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    pub(super) fn user(&mut self, login: &str) -> u64 {
        if let Some(id) = self.users.get(login) {
            return *id;
        }
        let id = self.id();
        self.users.insert(login.to_owned(), id);
        id
    }

    pub(super) fn token(&mut self, login: &str, scopes: &[&str]) -> String {
        self.user(login);
        // Forty hex digits, as the real ones have.
        let token = format!("{:040x}", u128::from(self.id()) * 0x9e37_79b9_7f4a_7c15_f39c_u128);
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.tokens.insert(token.clone(), TokenRow { login: login.to_owned(), scopes });
        token
    }

    pub(super) fn repository(&mut self, full_name: &str) {
        let (owner, name) = full_name.split_once('/').expect("`owner/name`");
        self.user(owner);
        let repo = Repo {
            id: self.id(),
            owner: owner.to_owned(),
            name: name.to_owned(),
            private: false,
            collaborators: BTreeMap::new(),
            items: Vec::new(),
            labels: Vec::new(),
            milestones: Vec::new(),
            hooks: Vec::new(),
            runs: Vec::new(),
            archived: false,
            ci: false,
            protected: false,
            fast_forward_only: false,
            apart: self.apart,
            statuses: BTreeMap::new(),
        };
        self.repos.insert(full_name.to_ascii_lowercase(), repo);
    }

    /// Where a repository is now, if it was renamed.
    pub(super) fn moved(&self, full_name: &str) -> Option<String> {
        self.renamed.get(&full_name.to_ascii_lowercase()).cloned()
    }

    pub(super) fn find(&mut self, full_name: &str) -> Option<&mut Repo> {
        self.repos.get_mut(&full_name.to_ascii_lowercase())
    }

    pub(super) fn row(&mut self, full_name: &str) -> &mut Repo {
        self.find(full_name).expect("a test names a repository that is there")
    }

    pub(super) fn bare(&self, repo: &Repo) -> BareRepo {
        BareRepo::at(self.root.join(format!("{}.git", repo.full_name())))
    }

    pub(super) fn access(&mut self, full_name: &str, login: Option<&str>) -> Access {
        let Some(repo) = self.find(full_name) else { return Access::None };
        match login {
            Some(login) if login == repo.owner => Access::Write,
            Some(login) if repo.collaborators.contains_key(login) => repo.collaborators[login],
            _ if repo.private => Access::None,
            _ => Access::Read,
        }
    }

    pub(super) fn touch(&mut self, full_name: &str, number: u64) -> &mut Item {
        let now = self.tick();
        let item = self.row(full_name).item(number);
        item.updated = now;
        item
    }

    /// The same where issues and pull requests may be numbered apart.
    pub(super) fn touch_kind(&mut self, full_name: &str, number: u64, pull: bool) -> &mut Item {
        let now = self.tick();
        let repo = self.row(full_name);
        let apart = repo.apart;
        let item = if apart { repo.find_kind(number, pull) } else { repo.find(number) };
        let item = item.expect("a test names an issue or pull request that is there");
        item.updated = now;
        item
    }

    pub(super) fn issue(&mut self, full_name: &str, author: &str, title: &str, body: &str) -> u64 {
        self.make(full_name, author, title, body, None)
    }

    fn make(
        &mut self,
        full_name: &str,
        author: &str,
        title: &str,
        body: &str,
        pull: Option<Pull>,
    ) -> u64 {
        self.user(author);
        let (id, now) = (self.id(), self.tick());
        let repo = self.row(full_name);
        let same = |item: &&Item| !repo.apart || item.pull.is_some() == pull.is_some();
        let number = u64::try_from(repo.items.iter().filter(same).count()).expect("fits") + 1;
        repo.items.push(Item {
            id,
            number,
            title: title.to_owned(),
            body: body.to_owned(),
            closed: false,
            author: author.to_owned(),
            comments: Vec::new(),
            labels: Vec::new(),
            assignees: Vec::new(),
            milestone: None,
            deleted: false,
            created: now,
            updated: now,
            pull,
        });
        number
    }

    pub(super) fn pull(
        &mut self,
        full_name: &str,
        author: &str,
        (head, base): (&str, &str),
        title: &str,
        body: &str,
    ) -> u64 {
        let number = self.open_pull(full_name, author, (head, base), title, body);
        self.follow_pushes(full_name);
        number
    }

    /// The same, before anything looks at what was pushed.
    pub(super) fn open_pull(
        &mut self,
        full_name: &str,
        author: &str,
        (head, base): (&str, &str),
        title: &str,
        body: &str,
    ) -> u64 {
        let pull = Pull {
            id: self.id(),
            head: head.to_owned(),
            base: base.to_owned(),
            merged: None,
            before: None,
            draft: false,
            reviewers: Vec::new(),
            reviews: Vec::new(),
            from_fork: false,
            topic: None,
        };
        self.make(full_name, author, title, body, Some(pull))
    }

    pub(super) fn comment(
        &mut self,
        full_name: &str,
        number: u64,
        author: &str,
        body: &str,
    ) -> Comment {
        let comment = self.said(author, body);
        self.touch(full_name, number).comments.push(comment.clone());
        comment
    }

    pub(super) fn comment_on(
        &mut self,
        full_name: &str,
        (number, pull): (u64, bool),
        author: &str,
        body: &str,
    ) -> Comment {
        let comment = self.said(author, body);
        self.touch_kind(full_name, number, pull).comments.push(comment.clone());
        comment
    }

    /// Writes another text into a comment; false if it is not this person's, and
    /// none if there is none.
    pub(super) fn edit_comment(
        &mut self,
        full_name: &str,
        (id, login): (u64, &str),
        body: &str,
    ) -> Option<bool> {
        let items = self.row(full_name).items.iter_mut();
        let comment = items.flat_map(|item| &mut item.comments).find(|one| one.id == id)?;
        let own = comment.author == login;
        if own {
            body.clone_into(&mut comment.body);
        }
        Some(own)
    }

    /// Something that somebody says now.
    pub(super) fn said(&mut self, author: &str, body: &str) -> Comment {
        let (author, body) = (author.to_owned(), body.to_owned());
        Comment { id: self.id(), author, body, written: self.tick() }
    }

    /// What a job wrote.
    pub(super) fn log(&self, job: &str) -> Option<String> {
        let mut jobs = self.repos.values().flat_map(|repo| &repo.runs).flat_map(|run| &run.jobs);
        jobs.find(|one| one.id.to_string() == job).map(|one| one.log.clone())
    }

    /// Resolves a conversation; false if there is none.
    pub(super) fn resolve(&mut self, root: u64) -> bool {
        let items = self.repos.values_mut().flat_map(|repo| &mut repo.items);
        let reviews =
            items.filter_map(|item| item.pull.as_mut()).flat_map(|pull| &mut pull.reviews);
        let mut found = false;
        for line in reviews.flat_map(|one| &mut one.lines).filter(|line| line.root == root) {
            line.resolved = true;
            found = true;
        }
        found
    }

    pub(super) fn user_named(&self, id: u64) -> Option<String> {
        self.users.iter().find(|(_, known)| **known == id).map(|(login, _)| login.clone())
    }

    pub(super) fn user_id(&self, login: &str) -> Option<u64> {
        self.users.get(login).copied()
    }

    pub(super) fn label(&mut self, full_name: &str, name: &str, color: &str) -> Label {
        let label = Label { id: self.id(), name: name.to_owned(), color: color.to_owned() };
        self.row(full_name).labels.push(label.clone());
        label
    }

    pub(super) fn milestone(&mut self, full_name: &str, title: &str) -> Label {
        let label = Label { id: self.id(), name: title.to_owned(), color: String::new() };
        self.row(full_name).milestones.push(label.clone());
        label
    }

    pub(super) fn status(&mut self, full_name: &str, commit: &str, mut status: Status) -> Status {
        status.id = self.id();
        let all = self.row(full_name).statuses.entry(commit.to_owned()).or_default();
        all.push(status.clone());
        status
    }
}
