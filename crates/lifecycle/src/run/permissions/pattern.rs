//! Patterns with `*`, and texts of which a part may be unknown.
//!
//! Two questions are asked of a pair of them. [`Pattern::covers`]: does the
//! pattern fit whatever the unknown parts turn out to be? [`Pattern::may_be`]:
//! could it fit for some of them?

/// One place of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Letter(char),
    /// Any letters.
    Any,
    /// Any letters of one name in a path.
    Name,
}

/// One place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letter {
    Known(char),
    /// Any letters: what a shell would put here, nobody knows.
    Unknown,
}

/// A text, with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Text(pub(super) Vec<Letter>);

impl Text {
    pub(super) fn literal(text: &str) -> Self {
        Self(text.chars().map(Letter::Known).collect())
    }

    /// A path without what does not change its meaning: `./`, `//`, `a/../`.
    pub(super) fn path(path: &str) -> Self {
        Self::literal(&normal(path))
    }

    /// The same of a text of which everything is known; else as it is.
    pub(super) fn as_path(&self) -> Self {
        self.known().map_or_else(|| self.clone(), |text| Self::path(&text))
    }

    /// All of it, if all of it is known.
    pub(super) fn known(&self) -> Option<String> {
        let letter = |letter: &Letter| match letter {
            Letter::Known(letter) => Some(*letter),
            Letter::Unknown => None,
        };
        self.0.iter().map(letter).collect()
    }

    fn starts_with(&self, letter: char) -> bool {
        self.0.first() == Some(&Letter::Known(letter))
    }
}

/// A pattern: one of several ways to spell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Vec<Place>>);

impl Pattern {
    /// `*` is any letters, `\*` an asterisk; `git push *` is also `git push`.
    pub(super) fn command(pattern: &str) -> Self {
        let places = command_places(pattern);
        let alone = match places.as_slice() {
            [alone @ .., Place::Letter(' '), Place::Any] => Some(alone.to_vec()),
            _ => None,
        };
        Self(std::iter::once(places).chain(alone).collect())
    }

    pub(super) fn covers(&self, text: &Text) -> bool {
        self.0.iter().any(|places| meets(places, &text.0, false))
    }

    pub(super) fn may_be(&self, text: &Text) -> bool {
        self.0.iter().any(|places| meets(places, &text.0, true))
    }
}

fn command_places(pattern: &str) -> Vec<Place> {
    let mut letters = pattern.trim().chars().peekable();
    let mut places = Vec::new();
    while let Some(letter) = letters.next() {
        places.push(match letter {
            '\\' if letters.next_if_eq(&'*').is_some() => Place::Letter('*'),
            '*' => Place::Any,
            other => Place::Letter(other),
        });
    }
    places
}

/// `*` is any letters of a name, `**` any path.
fn path_places(pattern: &str) -> Vec<Place> {
    let mut letters = pattern.chars().peekable();
    let mut places = Vec::new();
    while let Some(letter) = letters.next() {
        places.push(match letter {
            '*' if letters.next_if_eq(&'*').is_some() => Place::Any,
            '*' => Place::Name,
            other => Place::Letter(other),
        });
    }
    places
}

fn meets(places: &[Place], letters: &[Letter], doubt: bool) -> bool {
    if differ_at_once(places, letters) {
        return false;
    }
    // `here[j]`: the places so far can be the first `j` letters.
    let mut here = vec![false; letters.len() + 1];
    here[0] = true;
    if doubt {
        unknown_may_be_nothing(&mut here, letters);
    }
    for place in places {
        let mut next = vec![false; letters.len() + 1];
        for at in (0..here.len()).filter(|at| here[*at]) {
            step(*place, at, letters, doubt, &mut next);
        }
        run_on(*place, letters, doubt, &mut next);
        if doubt {
            unknown_may_be_nothing(&mut next, letters);
        }
        if !next.contains(&true) {
            return false;
        }
        here = next;
    }
    here.last() == Some(&true)
}

/// Most pairs differ in their first letters, and then nothing else counts.
fn differ_at_once(places: &[Place], letters: &[Letter]) -> bool {
    for (place, letter) in places.iter().zip(letters) {
        match (place, letter) {
            (Place::Letter(wanted), Letter::Known(letter)) if wanted == letter => {}
            (Place::Letter(_), Letter::Known(_)) => return true,
            _ => return false,
        }
    }
    false
}

/// From `at`, over one place.
fn step(place: Place, at: usize, letters: &[Letter], doubt: bool, next: &mut [bool]) {
    match (place, letters.get(at)) {
        (Place::Any | Place::Name, _) => next[at] = true,
        (Place::Letter(wanted), Some(Letter::Known(letter))) if wanted == *letter => {
            next[at + 1] = true;
        }
        // It is a part of what is unknown.
        (Place::Letter(_), Some(Letter::Unknown)) if doubt => {
            next[at] = true;
            next[at + 1] = true;
        }
        (Place::Letter(_), _) => {}
    }
}

/// A place that stands for any letters takes in as many as it may.
fn run_on(place: Place, letters: &[Letter], doubt: bool, next: &mut [bool]) {
    for (at, letter) in letters.iter().enumerate() {
        let takes = match (place, letter) {
            (Place::Letter(_), _) | (Place::Name, Letter::Known('/')) => false,
            (Place::Name, Letter::Unknown) => doubt,
            (Place::Any, _) | (Place::Name, Letter::Known(_)) => true,
        };
        if next[at] && takes {
            next[at + 1] = true;
        }
    }
}

fn unknown_may_be_nothing(here: &mut [bool], letters: &[Letter]) {
    for (at, letter) in letters.iter().enumerate() {
        if here[at] && *letter == Letter::Unknown {
            here[at + 1] = true;
        }
    }
}

/// A pattern that means exactly this command line.
pub(super) fn literally(line: &str) -> String {
    line.trim().replace('*', "\\*")
}

/// The pattern has no `*`, and is this very line.
pub(super) fn is(pattern: &str, line: &str) -> bool {
    let places = command_places(pattern);
    let letter = |place: &Place| match place {
        Place::Letter(letter) => Some(*letter),
        Place::Any | Place::Name => None,
    };
    let text: Option<String> = places.iter().map(letter).collect();
    text.is_some_and(|text| text == line.trim())
}

/// A path that is in the tree is covered by a relative pattern, any other by
/// an absolute one.
pub(super) fn covers_path(pattern: &str, path: &Text) -> bool {
    let pattern = normal(pattern);
    let absolute = path.starts_with('/') || path.starts_with('~');
    let outside = path.known().is_none_or(|path| path.split('/').any(|part| part == ".."));
    absolute == pattern.starts_with('/') && !outside && path_pattern(&pattern).covers(path)
}

/// Also where it stands below something unknown, such as the tree's own place.
pub(super) fn may_be_path(pattern: &str, path: &Text) -> bool {
    let pattern = normal(pattern);
    let places = path_pattern(&pattern);
    let ends = path.0.iter().enumerate().filter(|(_, letter)| **letter == Letter::Known('/'));
    let below = ends.map(|(at, _)| Text(path.0[at + 1..].to_vec()));
    let below = below.filter(|_| !pattern.starts_with('/'));
    let mut texts = std::iter::once(path.clone()).chain(below);
    texts.any(|text| places.may_be(&text))
}

/// `dir/**` is also `dir`; `**/x` is also `x`.
fn path_pattern(pattern: &str) -> Pattern {
    let itself = pattern.strip_suffix("/**").filter(|rest| !rest.is_empty());
    let top = pattern.strip_prefix("**/").filter(|rest| !rest.is_empty());
    let forms = [Some(pattern), itself, top].into_iter().flatten();
    Pattern(forms.map(path_places).collect())
}

fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.trim().split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    match (path.starts_with('/'), joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
