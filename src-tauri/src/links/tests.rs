//! Links as somebody outside would write them, good and hostile.

use super::*;

const TASK: &str = "0190b1de-0000-7000-8000-00000000002a";

#[track_caller]
fn read(link: &str) -> Link {
    parse(link).unwrap_or_else(|error| panic!("{link}: {error}"))
}

#[track_caller]
fn refused(link: &str) -> BadLink {
    match parse(link) {
        Err(error) => error,
        Ok(read) => panic!("{link} must be refused, and was read as {read:?}"),
    }
}

#[test]
fn a_new_task_is_filled_in_with_what_the_link_says() {
    let link = read(
        "pilothouse://new?project=shop&issue=17&prompt=Fix%20the%20cart%0A%0ASoon%2C%20please\
         &agent=claude&model=opus&mode=plan",
    );
    let expected = NewTask {
        project: Some("shop".into()),
        issue: Some("17".into()),
        prompt: Some("Fix the cart\n\nSoon, please".into()),
        agent: Some("claude".into()),
        model: Some("opus".into()),
        mode: Some("plan".into()),
    };
    assert_eq!(link, Link::NewTask(expected));
    assert_eq!(read("pilothouse://new"), Link::NewTask(NewTask::default()));
    assert_eq!(read("pilothouse://new/?project="), Link::NewTask(NewTask::default()));
}

#[test]
fn an_issue_is_a_number_or_a_page() {
    let page = "https%3A%2F%2Fgit.example.org%2Fa%2Fb%2Fissues%2F3";
    let Link::NewTask(new) = read(&format!("pilothouse://new?issue={page}")) else {
        panic!("a new task was expected")
    };
    assert_eq!(new.issue.as_deref(), Some("https://git.example.org/a/b/issues/3"));
    for bad in ["0", "-1", "99999999999999999999999", "javascript:alert(1)", "file:///etc/passwd"] {
        let error = refused(&format!("pilothouse://new?issue={bad}"));
        assert!(matches!(error, BadLink::Senseless { name: "issue", .. }), "{bad}: {error}");
    }
}

#[test]
fn a_task_opens_at_its_place() {
    let path = |link: &str| match read(link) {
        Link::Route { path, hub: None } => path,
        other => panic!("a route was expected: {other:?}"),
    };
    assert_eq!(path(&format!("pilothouse://task/{TASK}")), format!("/tasks/{TASK}"));
    assert_eq!(path(&format!("pilothouse://task/{TASK}/")), format!("/tasks/{TASK}"));
    for place in ["diff", "log", "screen", "timeline", "files"] {
        let link = format!("pilothouse://task/{TASK}/{place}");
        assert_eq!(path(&link), format!("/tasks/{TASK}/{place}"));
    }
}

#[test]
fn a_hub_is_named_by_an_address_that_we_would_speak_to() {
    let url = |link: &str| match read(link) {
        Link::Hub { url } => url,
        other => panic!("a hub was expected: {other:?}"),
    };
    assert_eq!(url("pilothouse://hub?url=https%3A%2F%2Fhome.lan%3A8443"), "https://home.lan:8443/");
    assert_eq!(url("pilothouse://hub?url=http://127.0.0.1:4000"), "http://127.0.0.1:4000/");
    for bad in ["http://home.lan", "ftp://home.lan", "https://me:pw@home.lan", "home.lan", "//x"] {
        let error = refused(&format!("pilothouse://hub?url={bad}"));
        assert!(matches!(error, BadLink::Senseless { name: "url", .. }), "{bad}: {error}");
    }
    assert_eq!(refused("pilothouse://hub"), BadLink::Missing("url"));
}

#[test]
fn a_code_that_no_hub_makes_is_refused() {
    assert_eq!(refused("pilothouse://join"), BadLink::Missing("code"));
    let error = refused("pilothouse://join?code=letmein");
    assert!(matches!(error, BadLink::Senseless { name: "code", .. }), "{error}");
}

#[test]
fn hostile_links_are_refused_with_a_reason() {
    let long = "a".repeat(MAX_LINK);
    let wordy = "a".repeat(MAX_PROMPT + 1);
    let table = [
        String::new(),
        "pilothouse:".into(),
        "pilothouse://".into(),
        "pilothouse:new?prompt=x".into(),
        "pilothouse:///new?prompt=x".into(),
        "https://new?prompt=x".into(),
        "javascript:alert(1)".into(),
        "pilothouse://NEW?prompt=x".into(),
        "pilothouse://new:80?prompt=x".into(),
        "pilothouse://user@new?prompt=x".into(),
        "pilothouse://user:pw@new?prompt=x".into(),
        "pilothouse://new#prompt=x".into(),
        "pilothouse://new/../task?prompt=x".into(),
        "pilothouse://new?start=now".into(),
        "pilothouse://new?prompt=a&prompt=b".into(),
        "pilothouse://new?project=a&%70roject=b".into(),
        "pilothouse://new?mode=root".into(),
        "pilothouse://new?mode=AUTO".into(),
        "pilothouse://new?prompt=%00".into(),
        "pilothouse://new?prompt=%1b%5b2J".into(),
        "pilothouse://new?prompt=%e2%80%aemoor".into(),
        "pilothouse://new?prompt=%ff%fe".into(),
        "pilothouse://new?prompt=a%f3%a0%81%81".into(),
        "pilothouse://new?project=a%0ab".into(),
        "pilothouse://new?project=%e2%80%8b".into(),
        format!("pilothouse://new?project={}", "p".repeat(MAX_NAME + 1)),
        format!("pilothouse://new?prompt={wordy}"),
        format!("pilothouse://new?prompt={long}"),
        "pilothouse://task".into(),
        "pilothouse://task/".into(),
        "pilothouse://task/42".into(),
        "pilothouse://task/../../etc/passwd".into(),
        format!("pilothouse://task/{TASK}/delete"),
        format!("pilothouse://task/{TASK}/diff/now"),
        format!("pilothouse://task//{TASK}"),
        format!("pilothouse://task/{TASK}%2fdiff"),
        format!("pilothouse://task/{TASK}?answer=allow"),
        format!("pilothouse://task/{TASK}#allow"),
        "pilothouse://answer?item=1&allow=1".into(),
        "pilothouse://quit".into(),
        "pilothouse://hub?url=https%3A%2F%2Fa&token=b".into(),
        "--pilothouse://new".into(),
        "pilothouse://new?\u{0}=x".into(),
    ];
    for link in table {
        let reason = refused(&link).to_string();
        assert!(reason.len() < 200, "a reason is a sentence, not the link: {reason}");
        assert!(!reason.chars().any(is_hidden), "a reason can be shown: {reason:?}");
    }
}

/// Every one-byte damage to good links: no panic, and never more than it said.
#[test]
fn damaged_links_never_become_something_else() {
    let good = [
        format!("pilothouse://task/{TASK}/diff"),
        "pilothouse://new?project=shop&prompt=x&mode=ask".to_owned(),
        "pilothouse://hub?url=https%3A%2F%2Fhome.lan".to_owned(),
    ];
    for link in &good {
        for at in 0..link.len() {
            for byte in [b'%', b'/', b'?', b'#', b'&', b'=', b'@', b':', b'\\', b'.', 0, 0x7f] {
                let mut damaged = link.clone().into_bytes();
                damaged[at] = byte;
                let Ok(damaged) = String::from_utf8(damaged) else { continue };
                match parse(&damaged) {
                    Ok(Link::Route { path, .. }) => {
                        assert!(path.starts_with("/tasks/"), "{damaged}: {path}");
                        assert!(!path.contains(['?', '#', '%', '.', '\\']), "{damaged}: {path}");
                    }
                    Ok(Link::Hub { url }) => assert!(url.starts_with("http"), "{damaged}: {url}"),
                    Ok(Link::NewTask(_) | Link::Join { .. }) | Err(_) => {}
                }
            }
        }
    }
}
