//! What leaves with the run's work is looked through first: the commits that
//! are to be pushed, and the rescue bundle. A secret that the run was granted
//! stops the one and is taken out of the other.
//!
//! Looked for are the granted values alone, in all the forms that the redactor
//! knows. What only looks like a key is said, and keeps nothing back: a test's
//! made-up token must not cost a run its work.

use super::steps::word;
use super::workspace::Workspace;
use pilot_git::{GitError, Kind, Part, Piece, Rewrite};
use pilot_proto::{Code, Event, Problem};
use pilot_secrets::{Redactor, Search, Sighting};
use std::collections::BTreeSet;

/// Places that a person is shown; the rest are counted.
const SHOWN: usize = 5;
/// Places that are remembered: a generated file may hold a secret on each line.
const REMEMBERED: usize = 200;
/// What looks like a key is said so often in a run.
const WARNINGS: usize = 10;

/// What was found in commits.
#[derive(Default)]
pub(super) struct Found {
    /// Secret and place, in words without the value.
    places: BTreeSet<(String, String)>,
    /// Ids of contents that hold a secret.
    contents: BTreeSet<String>,
    /// What looks like a key: rule and place.
    suspects: BTreeSet<(String, String)>,
}

/// Looks through everything of `commit` that `base` does not have.
pub(super) async fn look(
    workspace: &Workspace,
    base: &str,
    commit: &str,
) -> Result<Found, GitError> {
    let mut look = Look::new(&workspace.exact, &workspace.redactor);
    let tree = workspace.dir.tree();
    workspace.git.look_through(&tree, base, commit, &mut |piece| look.take(&piece)).await?;
    Ok(look.found)
}

impl Found {
    /// No secret was found.
    pub(super) fn is_clean(&self) -> bool {
        self.places.is_empty()
    }

    /// Why the work is not published; none if nothing speaks against it.
    pub(super) fn problem(&self) -> Option<Problem> {
        if self.is_clean() {
            return None;
        }
        let message =
            format!("The work was not published, because a secret stands in it: {}.", self.list());
        Some(Problem::new(Code::Precondition, message).hint(
            "`pilot task resume` goes on with the same work, in which `[redacted:NAME]` stands in \
             the place of each; say what should stand there instead. A value that is no secret \
             does not belong among the project's secrets.",
        ))
    }

    /// Secrets and where they stand.
    pub(super) fn list(&self) -> String {
        let places = self.places.iter().take(SHOWN);
        let mut list: Vec<_> =
            places.map(|(secret, place)| format!("`{secret}` in {place}")).collect();
        if self.places.len() > SHOWN {
            list.push(format!("and in {} more places", self.places.len() - SHOWN));
        }
        list.join(", ")
    }

    /// What is said in the log of what only looks like a key.
    pub(super) fn warnings(&self) -> impl Iterator<Item = Event> {
        self.suspects.iter().take(WARNINGS).map(|(rule, place)| {
            word(format!(
                "What looks like a secret (`{rule}`) stands in {place} and leaves with the work."
            ))
        })
    }

    /// How the work is written over so that it may leave.
    pub(super) fn rewrite<'a>(
        &'a self,
        write: &'a mut (dyn FnMut(Part<'_>, &mut Vec<u8>) + Send),
    ) -> Rewrite<'a> {
        Rewrite { contents: &self.contents, write }
    }
}

/// Writes over what was granted.
pub(super) fn writer(redactor: &Redactor) -> impl FnMut(Part<'_>, &mut Vec<u8>) + Send + use<> {
    let redactor = redactor.clone();
    let mut stream = redactor.stream();
    move |part, out| match part {
        Part::Path(path) => out.extend_from_slice(&redactor.redact_bytes(path)),
        Part::Begin => stream = redactor.stream(),
        Part::Bytes(bytes) => stream.push(bytes, out),
        Part::End => stream.finish(out),
    }
}

/// A look under way.
struct Look<'a> {
    exact: &'a Redactor,
    /// Rules find more, and hide a granted value that stands in what they found.
    all: &'a Redactor,
    object: Option<Object>,
    found: Found,
}

/// The object that is being read.
struct Object {
    kind: Kind,
    id: String,
    /// Without secrets.
    path: String,
    exact: Search,
    all: Option<Search>,
}

impl<'a> Look<'a> {
    fn new(exact: &'a Redactor, all: &'a Redactor) -> Self {
        Self { exact, all, object: None, found: Found::default() }
    }

    fn take(&mut self, piece: &Piece<'_>) {
        match *piece {
            Piece::Begin { kind, id, path } => self.begin(kind, id, path),
            Piece::Bytes(bytes) => {
                if let Some(object) = &mut self.object {
                    let granted = object.exact.push(bytes);
                    let suspects = object.all.as_mut().map(|all| all.push(bytes));
                    self.found.note(object, granted, suspects.unwrap_or_default());
                }
            }
            Piece::End => {
                if let Some(mut object) = self.object.take() {
                    let exact = std::mem::replace(&mut object.exact, self.exact.search());
                    let suspects = object.all.take().map(Search::finish);
                    self.found.note(&object, exact.finish(), suspects.unwrap_or_default());
                }
            }
        }
    }

    fn begin(&mut self, kind: Kind, id: &str, path: &[u8]) {
        let clean = self.exact.redact_bytes(path);
        let shown = String::from_utf8_lossy(&clean).into_owned();
        let mut search = self.exact.search();
        let mut seen = search.push(path);
        seen.extend(search.finish());
        for sighting in seen {
            self.found.place(sighting.name, format!("the name of `{shown}`"));
        }
        self.object = Some(Object {
            kind,
            id: id.to_owned(),
            path: shown,
            exact: self.exact.search(),
            all: (kind == Kind::Blob).then(|| self.all.search()),
        });
    }
}

impl Found {
    fn place(&mut self, secret: String, place: String) {
        if self.places.len() < REMEMBERED {
            self.places.insert((secret, place));
        }
    }

    fn note(&mut self, object: &Object, granted: Vec<Sighting>, suspects: Vec<Sighting>) {
        for sighting in granted {
            if object.kind == Kind::Blob {
                self.contents.insert(object.id.clone());
            }
            let place = object.place(sighting.line);
            self.place(sighting.name, place);
        }
        for sighting in suspects.into_iter().filter(|sighting| sighting.by_rule) {
            if self.suspects.len() < WARNINGS {
                let place = object.place(sighting.line);
                self.suspects.insert((sighting.name, place));
            }
        }
    }
}

impl Object {
    /// Where a find is, in words.
    fn place(&self, line: u64) -> String {
        let short = self.id.get(..10).unwrap_or(&self.id);
        match self.kind {
            Kind::Blob => format!("`{}`, line {line}", self.path),
            Kind::Commit => format!("the author or message of commit `{short}`"),
            Kind::Tree if self.path.is_empty() => "the name of a file".to_owned(),
            Kind::Tree => format!("the name of a file in `{}`", self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::Secret;
    use pilot_secrets::NamedSecret;

    fn redactors() -> (Redactor, Redactor) {
        let named = NamedSecret { name: "TOKEN".to_owned(), value: Secret::new("s3cr3t-of-ours") };
        (Redactor::exact(vec![named.clone()]), Redactor::new(vec![named]))
    }

    fn look(objects: &[(Kind, &str, &[&[u8]])]) -> Found {
        let (exact, all) = redactors();
        let mut look = Look::new(&exact, &all);
        for (kind, path, pieces) in objects {
            look.take(&Piece::Begin { kind: *kind, id: "0123456789abcdef", path: path.as_bytes() });
            pieces.iter().for_each(|bytes| look.take(&Piece::Bytes(bytes)));
            look.take(&Piece::End);
        }
        look.found
    }

    #[test]
    fn a_find_is_named_with_its_place_and_never_with_its_value() {
        let found = look(&[
            (Kind::Commit, "", &[b"author A <s3cr3t-of-ours@x>\n"]),
            (Kind::Tree, "src", &[b"100644 s3cr3t-of-ours\0"]),
            (Kind::Blob, "src/s3cr3t-of-ours", &[b"a"]),
            (Kind::Blob, "src/a.env", &[b"one\ntwo\nTOKEN=s3cr3", b"t-of-ours\n"]),
            (Kind::Blob, "clean", &[b"nothing\n"]),
        ]);
        let problem = found.problem().expect("there are finds");
        assert!(!format!("{problem:?}").contains("s3cr3t"), "{problem:?}");
        for place in [
            "`TOKEN` in `src/a.env`, line 3",
            "the author or message of commit `0123456789`",
            "the name of a file in `src`",
            "the name of `src/[redacted:TOKEN]`",
        ] {
            assert!(problem.message.contains(place), "{place}: {problem:?}");
        }
        assert_eq!(found.warnings().count(), 0, "a granted value is no guess");
    }

    #[test]
    fn what_a_rule_takes_for_a_key_does_not_hide_a_granted_value_in_it() {
        let found = look(&[(Kind::Blob, "a", &[b"password = \"s3cr3t-of-ours\"\n"])]);
        assert!(found.problem().is_some());
        let key: &[u8] = b"key = ghp_0123456789abcdefghijABCDEFGHIJ012345\n";
        let found = look(&[(Kind::Blob, "b", &[b"x\n", key])]);
        assert!(found.is_clean() && found.warnings().count() == 1, "a guess keeps nothing back");
    }

    #[test]
    fn very_many_finds_are_counted_and_not_listed() {
        let lines = "s3cr3t-of-ours\n".repeat(300);
        let found = look(&[(Kind::Blob, "a", &[lines.as_bytes()])]);
        assert!(found.list().ends_with("and in 195 more places"), "{}", found.list());
    }
}
