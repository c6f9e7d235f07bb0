//! Issues and the comments on them.

use url::Url;

/// More comments than a person reads are more than an agent should.
pub(crate) const MAX_COMMENTS: usize = 1000;

/// What a comment stands on. GitLab numbers the two apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// An issue, by its number in the repository.
    Issue(u64),
    /// A pull request, by its number in the repository.
    Pull(u64),
}

/// An issue. What it says is of whoever may write one there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Issue {
    /// Its number in the repository.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text (Markdown).
    pub body: String,
    /// Its page.
    pub url: String,
    /// It is open.
    pub open: bool,
    /// Who wrote it.
    pub author: String,
    /// Labels, by name.
    pub labels: Vec<String>,
    /// Who is to see to it.
    pub assignees: Vec<String>,
    /// Title of its milestone.
    pub milestone: Option<String>,
    /// How many comments there are.
    pub comments: u64,
    /// When it changed last, in the forge's words (RFC 3339).
    pub updated: String,
    /// It is a pull request, which Gitea, Forgejo and GitHub count among the
    /// issues.
    pub is_pull_request: bool,
}

/// A comment on an issue or pull request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comment {
    /// Its id at the forge.
    pub id: u64,
    /// Who wrote it.
    pub author: String,
    /// Markdown.
    pub body: String,
    /// Its page; empty where the forge names none.
    pub url: String,
    /// When it was written, in the forge's words (RFC 3339).
    pub written: String,
}

/// Which issues.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IssueFilter {
    /// Closed ones as well.
    pub closed_too: bool,
    /// Labels by name; an issue has to have all of them.
    pub labels: Vec<String>,
    /// Title of a milestone.
    pub milestone: Option<String>,
    /// Login of whom it is assigned to.
    pub assignee: Option<String>,
    /// Text in its title or body.
    pub text: Option<String>,
    /// Only those that changed since (RFC 3339): for polling.
    pub since: Option<String>,
    /// How many at most.
    pub most: usize,
}

impl IssueFilter {
    /// Open issues, as many as a page of ours shows.
    pub fn open() -> Self {
        Self { most: 200, ..Self::default() }
    }

    /// True for an issue that was asked for. Forges answer with more: a Gitea
    /// leaves a label that it does not know out of the question.
    pub fn admits(&self, issue: &Issue) -> bool {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        !issue.is_pull_request
            && (self.closed_too || issue.open)
            && self.labels.iter().all(|label| issue.labels.iter().any(|own| same(own, label)))
            && self
                .milestone
                .as_ref()
                .is_none_or(|title| issue.milestone.as_ref().is_some_and(|own| same(own, title)))
            && self
                .assignee
                .as_ref()
                .is_none_or(|login| issue.assignees.iter().any(|own| same(own, login)))
    }

    /// True if the text asked for stands in it. For forges whose list knows no
    /// search.
    pub(crate) fn admits_text(&self, issue: &Issue) -> bool {
        let Some(text) = &self.text else { return true };
        let text = text.to_lowercase();
        [&issue.title, &issue.body].iter().any(|part| part.to_lowercase().contains(&text))
    }
}

/// Images that a text links to, at most 32, each once: `![](…)` and
/// `<img src="…">`. Addresses without a host are the forge's own (`base`);
/// whoever fetches one sends the token to that forge only.
pub fn image_links(base: &Url, text: &str) -> Vec<Url> {
    const MOST: usize = 32;
    let mut found: Vec<Url> = Vec::new();
    let mut add = |target: &str| {
        let url = base.join(target.trim()).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
        if let Some(url) = url.filter(|url| !found.contains(url) && found.len() < MOST) {
            found.push(url);
        }
    };
    let mut rest = text;
    while let Some(at) = rest.find(['!', '<']) {
        rest = &rest[at..];
        if let Some(target) = markdown_image(rest).or_else(|| html_image(rest)) {
            add(target);
        }
        rest = &rest[1..];
    }
    found
}

/// `![alternative](target "title")`, on one line.
fn markdown_image(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("![")?;
    let (alternative, after) = inside.split_once("](")?;
    if alternative.contains('\n') {
        return None;
    }
    let (target, _) = after.split_once(')')?;
    let target = target.trim().trim_start_matches('<');
    let target = target.split_whitespace().next()?.trim_end_matches('>');
    (!target.is_empty()).then_some(target)
}

/// `<img … src="target" …>`.
fn html_image(text: &str) -> Option<&str> {
    let head = text.get(..4)?;
    if !head.eq_ignore_ascii_case("<img") {
        return None;
    }
    let tag = &text[..text.find('>')?];
    let (_, after) = tag.split_once("src=")?;
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    after[1..].split(quote).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_in_both_spellings_and_once() {
        let base = Url::parse("https://git.example.org/alice/site/").expect("a URL");
        let text = "See ![a](/attachments/1 \"shot\") and ![b](https://x.example/2.png).\n\
                    <IMG width=3 src='/attachments/3'> ![again](/attachments/1)\n\
                    ![bad](javascript:alert(1)) ![](data:image/png;base64,AA) ! <b> [x](y)";
        let found: Vec<_> = image_links(&base, text).iter().map(Url::to_string).collect();
        assert_eq!(
            found,
            [
                "https://git.example.org/attachments/1",
                "https://x.example/2.png",
                "https://git.example.org/attachments/3"
            ]
        );
        assert_eq!(
            image_links(&base, &"![x](/a) é<img ".repeat(50_000)).len(),
            1,
            "in linear time"
        );
    }
}
