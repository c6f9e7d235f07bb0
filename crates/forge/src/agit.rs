//! Pushes for review (AGit): how somebody who may only read makes a pull
//! request on Gitea and Forgejo, without a fork, so that every run of it waits
//! for a person. Nothing here is asked of a forge: git pushes.

use pilot_proto::ForgeKind;

/// A push for review: what to push to, and with which options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewPush {
    /// The right side of the refspec: `HEAD:refs/for/main`.
    pub refspec: String,
    /// Push options (`-o`), each `name=value`.
    pub options: Vec<String>,
}

/// How `commit` is pushed for review into `base`; none where the forge does
/// not know such pushes. The `topic` is the key of the pull request: the same
/// topic by the same user updates it.
pub fn review_push(
    kind: ForgeKind,
    commit: &str,
    base: &str,
    topic: &str,
    (title, description): (&str, &str),
) -> Option<ReviewPush> {
    match kind {
        ForgeKind::Gitea | ForgeKind::Forgejo => {}
        ForgeKind::GitHub | ForgeKind::GitLab => return None,
    }
    let mut options = vec![format!("topic={}", one_line(topic))];
    // A push option ends with its line, and a server takes no more than a few
    // kilobytes of them: the body is written when the pull request is there.
    let title = one_line(title);
    if !title.is_empty() {
        options.push(format!("title={title}"));
    }
    let description = one_line(description);
    if !description.is_empty() {
        options.push(format!("description={description}"));
    }
    Some(ReviewPush { refspec: format!("{commit}:refs/for/{base}"), options })
}

/// The number of the pull request that a push for review made, from what the
/// forge wrote to git's standard error: `remote: …/pulls/11`.
pub fn pushed_number(remote: &str) -> Option<u64> {
    remote.lines().rev().find_map(|line| {
        let (_, number) = line.trim_end().rsplit_once("/pulls/")?;
        number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    })
}

fn one_line(text: &str) -> String {
    const MOST: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_for_review_carries_topic_and_title_on_gitea_and_forgejo_only() {
        let push = |kind| review_push(kind, "HEAD", "main", "task-42", ("Add\n a test", ""));
        let expected = ReviewPush {
            refspec: "HEAD:refs/for/main".into(),
            options: vec!["topic=task-42".into(), "title=Add a test".into()],
        };
        assert_eq!(push(ForgeKind::Gitea), Some(expected.clone()));
        assert_eq!(push(ForgeKind::Forgejo), Some(expected));
        assert_eq!(push(ForgeKind::GitHub), None);
        assert_eq!(push(ForgeKind::GitLab), None);
    }

    #[test]
    fn the_number_is_read_off_the_remote_message() {
        let said = "remote: \nremote: Visit the existing pull request:        \n\
                    remote:   http://127.0.0.1:3000/alice/site/pulls/11 merges into main        \n";
        assert_eq!(pushed_number(said), Some(11));
        assert_eq!(pushed_number("remote: . Processed 1 references in total"), None);
    }
}
