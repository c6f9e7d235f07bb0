//! What the double remembers: people, tokens, issues and pull requests.
//! Commits and branches are not here: the repositories have them.

use super::PullSeen;
use crate::repo::BareRepo;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What somebody may do with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    None,
    Read,
    Write,
}

#[derive(Debug, Clone)]
pub(super) struct TokenRow {
    pub(super) login: String,
    scopes: Vec<String>,
}

impl TokenRow {
    /// True if the token reaches into `category`; writing includes reading.
    pub(super) fn may(&self, category: &str, write: bool) -> bool {
        self.scopes.iter().any(|scope| match scope.split_once(':') {
            None => scope == "all",
            Some((level, of)) => of == category && (level == "write" || !write),
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) author: String,
    pub(super) body: String,
}

#[derive(Debug, Clone)]
pub(super) struct Status {
    pub(super) id: u64,
    pub(super) state: String,
    pub(super) context: String,
    pub(super) description: String,
    pub(super) target_url: String,
}

#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) color: String,
}

#[derive(Debug, Clone)]
pub(super) struct Pull {
    pub(super) id: u64,
    pub(super) head: String,
    pub(super) base: String,
    /// Who merged it, and the merge commit.
    pub(super) merged: Option<(String, String)>,
    /// What the branch was before the last push, for stale reads.
    pub(super) before: Option<String>,
}

/// An issue; a pull request is one too.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The global id, which is never the number.
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) closed: bool,
    pub(super) author: String,
    pub(super) comments: Vec<Comment>,
    pub(super) labels: Vec<u64>,
    /// Counts up with every change in the world; times are made of it.
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) pull: Option<Pull>,
}

impl Item {
    pub(super) fn state(&self) -> &'static str {
        if self.closed { "closed" } else { "open" }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Repo {
    pub(super) id: u64,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) private: bool,
    pub(super) collaborators: BTreeMap<String, Access>,
    pub(super) items: Vec<Item>,
    pub(super) labels: Vec<Label>,
    /// By commit, oldest first.
    pub(super) statuses: BTreeMap<String, Vec<Status>>,
}

impl Repo {
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(super) fn find(&mut self, number: u64) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.number == number)
    }

    pub(super) fn item(&mut self, number: u64) -> &mut Item {
        self.find(number).expect("a test names an issue or pull request that is there")
    }

    pub(super) fn pulls_seen(&self) -> Vec<PullSeen> {
        let pulls = self.items.iter().filter_map(|item| Some((item, item.pull.as_ref()?)));
        pulls
            .map(|(item, pull)| PullSeen {
                number: item.number,
                title: item.title.clone(),
                body: item.body.clone(),
                head: pull.head.clone(),
                base: pull.base.clone(),
                state: item.state().to_owned(),
                merged: pull.merged.is_some(),
                author: item.author.clone(),
            })
            .collect()
    }
}

/// Everything.
#[derive(Debug)]
pub(super) struct World {
    root: PathBuf,
    users: BTreeMap<String, u64>,
    pub(super) tokens: BTreeMap<String, TokenRow>,
    repos: BTreeMap<String, Repo>,
    pub(super) latency: Duration,
    pub(super) stale_reads: u32,
    pub(super) max_page: usize,
    clock: u64,
    next_id: u64,
}

impl World {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            users: BTreeMap::new(),
            tokens: BTreeMap::new(),
            repos: BTreeMap::new(),
            latency: Duration::ZERO,
            stale_reads: 0,
            max_page: 50,
            clock: 0,
            // So that no id is ever mistaken for a number.
            next_id: 1000,
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn tick(&mut self) -> u64 {
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
            statuses: BTreeMap::new(),
        };
        self.repos.insert(full_name.to_ascii_lowercase(), repo);
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

    pub(super) fn issue(&mut self, full_name: &str, author: &str, title: &str, body: &str) -> u64 {
        self.user(author);
        let (id, now) = (self.id(), self.tick());
        let repo = self.row(full_name);
        let number = u64::try_from(repo.items.len()).expect("fits") + 1;
        repo.items.push(Item {
            id,
            number,
            title: title.to_owned(),
            body: body.to_owned(),
            closed: false,
            author: author.to_owned(),
            comments: Vec::new(),
            labels: Vec::new(),
            created: now,
            updated: now,
            pull: None,
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
        let number = self.issue(full_name, author, title, body);
        let id = self.id();
        let pull =
            Pull { id, head: head.to_owned(), base: base.to_owned(), merged: None, before: None };
        self.row(full_name).item(number).pull = Some(pull);
        self.follow_pushes(full_name);
        number
    }

    pub(super) fn comment(
        &mut self,
        full_name: &str,
        number: u64,
        author: &str,
        body: &str,
    ) -> Comment {
        let comment = Comment { id: self.id(), author: author.to_owned(), body: body.to_owned() };
        self.touch(full_name, number).comments.push(comment.clone());
        comment
    }

    pub(super) fn label(&mut self, full_name: &str, name: &str, color: &str) -> Label {
        let label = Label { id: self.id(), name: name.to_owned(), color: color.to_owned() };
        self.row(full_name).labels.push(label.clone());
        label
    }

    pub(super) fn status(&mut self, full_name: &str, commit: &str, mut status: Status) -> Status {
        status.id = self.id();
        let all = self.row(full_name).statuses.entry(commit.to_owned()).or_default();
        all.push(status.clone());
        status
    }

    /// What the real one does after a push: the ref of every open pull request
    /// follows its branch. One that is closed keeps the commit it had.
    pub(super) fn follow_pushes(&mut self, full_name: &str) {
        let now = self.clock + 1;
        let Some(repo) = self.find(full_name).map(|repo| repo.clone()) else { return };
        let bare = self.bare(&repo);
        let refs = refs(&bare);
        let mut moved = false;
        for item in &mut self.row(full_name).items {
            let (false, Some(pull)) = (item.closed, &mut item.pull) else { continue };
            let Some(tip) = refs.get(&format!("refs/heads/{}", pull.head)) else { continue };
            let name = format!("refs/pull/{}/head", item.number);
            let present = refs.get(&name);
            if present != Some(tip) {
                pull.before = present.cloned();
                bare.git(&["update-ref", &name, tip]);
                item.updated = now;
                moved = true;
            }
        }
        self.clock += u64::from(moved);
    }
}

/// All refs of a repository.
pub(super) fn refs(bare: &BareRepo) -> BTreeMap<String, String> {
    let listing = bare.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
    let pairs = listing.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(name, commit)| (name.to_owned(), commit.to_owned())).collect()
}

/// The real one lets a reader begin a push (it might be for review) and
/// declines it in the hook, which is what git then shows.
const HOOK: &str = "#!/bin/sh
if [ -f readers ] && grep -qxF \"$REMOTE_USER\" readers; then
  cat >/dev/null
  echo 'Gitea: User permission denied for writing.' >&2
  exit 1
fi
exit 0
";

pub(super) fn install_hook(bare: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let hook = bare.join("hooks/pre-receive");
    std::fs::create_dir_all(bare.join("hooks")).expect("the repository can be written");
    std::fs::write(&hook, HOOK).expect("the repository can be written");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755))
        .expect("we own the file");
}

pub(super) fn write_readers(bare: &Path, repo: &Repo) {
    let readers = repo.collaborators.iter().filter(|(_, access)| **access < Access::Write);
    let lines: String = readers.map(|(login, _)| format!("{login}\n")).collect();
    std::fs::write(bare.join("readers"), lines).expect("the repository can be written");
}
