//! What a push does: the ref of a pull request follows its branch, a reader is
//! declined by the hook, and a push for review (AGit) makes a pull request.

use super::rows::{Access, Repo};
use super::world::World;
use crate::programs::write_program;
use crate::repo::BareRepo;
use std::collections::BTreeMap;
use std::path::Path;

impl World {
    /// What the real one does after a push: the ref of every open pull request
    /// follows its branch. One that is closed keeps the commit it had.
    pub(super) fn follow_pushes(&mut self, full_name: &str) {
        let Some(repo) = self.find(full_name).cloned() else { return };
        let bare = self.bare(&repo);
        self.take_reviews(full_name, &bare);
        for item in repo.items.iter().filter(|item| !item.closed) {
            if let Some(pull) = item.pull.as_ref().filter(|pull| pull.from_fork) {
                self.fork_tip(&repo, &item.author, &pull.head);
            }
        }
        let refs = refs(&bare);
        let now = self.tick();
        let mut fresh = Vec::new();
        for item in &mut self.row(full_name).items {
            let (false, Some(pull)) = (item.closed, &mut item.pull) else { continue };
            if pull.topic.is_some() {
                continue;
            }
            let from = match pull.from_fork {
                true => fork_ref(&item.author, &pull.head),
                false => format!("refs/heads/{}", pull.head),
            };
            // One that a test only calls a fork's has its branch here.
            let here = || refs.get(&format!("refs/heads/{}", pull.head));
            let Some(tip) = refs.get(&from).or_else(here) else { continue };
            let name = format!("refs/pull/{}/head", item.number);
            let present = refs.get(&name);
            if present != Some(tip) {
                pull.before = present.cloned();
                bare.git(&["update-ref", &name, tip]);
                item.updated = now;
                fresh.push((tip.clone(), item.author.clone()));
            }
        }
        for (commit, author) in fresh.into_iter().filter(|_| repo.ci) {
            self.start_ci(full_name, &commit, &author);
        }
    }

    /// Pushes for review since the last time: the hook left each in a ref of
    /// its own, `refs/for-review/<user>/<topic>/<base>`.
    fn take_reviews(&mut self, full_name: &str, bare: &BareRepo) {
        for (name, commit) in refs(bare) {
            let Some(rest) = name.strip_prefix("refs/for-review/") else { continue };
            let mut parts = rest.splitn(3, '/');
            let (Some(user), Some(topic), Some(base)) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let key = Some((user.to_owned(), topic.to_owned()));
            let items = &self.row(full_name).items;
            let known = items.iter().find(|item| {
                !item.closed && item.pull.as_ref().is_some_and(|pull| pull.topic == key)
            });
            let number = match known {
                Some(item) => item.number,
                None => self.open_pull(full_name, user, ("", base), topic, ""),
            };
            bare.git(&["update-ref", &format!("refs/pull/{number}/head"), &commit]);
            bare.git(&["update-ref", "-d", &name]);
            if self.row(full_name).ci {
                self.start_ci(full_name, &commit, user);
            }
            let item = self.touch(full_name, number);
            if let Some(pull) = &mut item.pull {
                pull.topic = key;
            }
        }
    }
}

impl World {
    /// Where a branch of somebody's fork is, brought into the repository; none
    /// if there is no such fork or branch.
    pub(super) fn fork_tip(&mut self, repo: &Repo, owner: &str, branch: &str) -> Option<String> {
        let fork = self.find(&format!("{owner}/{}", repo.name))?.clone();
        let fork = self.bare(&fork);
        let tip = fork.head(branch)?;
        let refspec = format!("+refs/heads/{branch}:{}", fork_ref(owner, branch));
        let path = fork.path().to_string_lossy().into_owned();
        self.bare(repo).git(&["fetch", "--quiet", &path, &refspec]);
        Some(tip)
    }
}

/// Where what a fork's branch shows is kept.
fn fork_ref(owner: &str, branch: &str) -> String {
    format!("refs/forks/{owner}/{branch}")
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
review=yes
while read -r _ _ name; do
  case \"$name\" in refs/for/*) ;; *) review=no ;; esac
done
if [ $review = no ] && [ -f readers ] && grep -qxF \"$REMOTE_USER\" readers; then
  echo 'Gitea: User permission denied for writing.' >&2
  exit 1
fi
exit 0
";

/// What is pushed for review is put where `take_reviews` finds it.
const AFTER: &str = "#!/bin/sh
topic=none
at=0
while [ $at -lt ${GIT_PUSH_OPTION_COUNT:-0} ]; do
  eval \"option=\\$GIT_PUSH_OPTION_$at\"
  case \"$option\" in topic=*) topic=${option#topic=} ;; esac
  at=$((at + 1))
done
while read -r _ new name; do
  case \"$name\" in refs/for/*)
    git update-ref -d \"$name\"
    git update-ref \"refs/for-review/$REMOTE_USER/$topic/${name#refs/for/}\" \"$new\" ;;
  esac
done
exit 0
";

pub(super) fn install_hook(bare: &Path) {
    for (name, script) in [("pre-receive", HOOK), ("post-receive", AFTER)] {
        write_program(&bare.join("hooks").join(name), script);
    }
    BareRepo::at(bare).git(&["config", "receive.advertisePushOptions", "true"]);
}

pub(super) fn write_readers(bare: &Path, repo: &Repo) {
    let readers = repo.collaborators.iter().filter(|(_, access)| **access < Access::Write);
    let lines: String = readers.map(|(login, _)| format!("{login}\n")).collect();
    std::fs::write(bare.join("readers"), lines).expect("the repository can be written");
}
