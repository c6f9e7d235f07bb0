//! Commands, refusals and downloads over HTTP.

use crate::hub::{HubDouble, RUN, Says, TOKEN, run};
use pilot_client::{Client, ClientError, Endpoint, discovered};
use pilot_proto::console::{
    HubStatus, JournalQuery, LogSearch, Named, Nothing, OneTask, ProjectRemove, Say, TaskJournal,
    TaskLogSearch, TaskSay, TaskShow,
};
use pilot_proto::{Code, Problem, Secret, TaskId};

fn task() -> TaskId {
    RUN.parse().expect("an id")
}

#[tokio::test]
async fn a_command_goes_out_as_its_row_says() {
    let hub = HubDouble::start().await;
    let client = hub.client();
    let search = LogSearch {
        task: task(),
        run: None,
        pattern: "a b&c=1/ü".to_owned(),
        regex: true,
        ignore_case: false,
        from: Some(7),
        limit: None,
    };
    hub.will_say(Says::new(200, r#"{"hits":[]}"#));
    client.call::<TaskLogSearch>(search).await.expect("it answers");
    client.call::<ProjectRemove>(Named { name: "a/b ü?%".to_owned() }).await.expect("it answers");
    let say = Say { task: task(), text: "go on\n".to_owned(), now: false };
    let refused = client.call::<TaskSay>(say).await.expect_err("`{}` is no task");
    assert!(matches!(refused, ClientError::NotAHub { .. }), "{refused:?}");

    let asked = hub.asked();
    let seen: Vec<_> = asked
        .iter()
        .map(|one| (one.method.as_str(), one.uri.as_str(), one.body.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (
                "GET",
                "/api/tasks/0190b1de-0000-7000-8000-00000000002a/log/search\
                 ?from=7&ignore_case=false&pattern=a+b%26c%3D1%2F%C3%BC&regex=true",
                ""
            ),
            ("DELETE", "/api/projects/a%2Fb%20%C3%BC%3F%25", ""),
            (
                "POST",
                "/api/tasks/0190b1de-0000-7000-8000-00000000002a/say",
                r#"{"now":false,"text":"go on\n"}"#
            ),
        ]
    );
    assert!(asked.iter().all(|one| one.authorization == format!("Bearer {TOKEN}")));
}

#[tokio::test]
async fn an_answer_is_read_as_its_row_says() {
    let hub = HubDouble::start().await;
    hub.will_say(Says::new(
        200,
        &format!(r#"{{"run":"{RUN}","records":[],"end":{{"epoch":1,"seq":9}}}}"#),
    ));
    let query = JournalQuery {
        task: task(),
        run: None,
        after: None,
        before: None,
        part: None,
        limit: None,
    };
    let page = hub.client().call::<TaskJournal>(query).await.expect("it answers");
    assert_eq!((page.run, page.end.seq), (Some(run()), 9));
}

#[tokio::test]
async fn a_name_that_would_change_the_path_is_not_sent() {
    let hub = HubDouble::start().await;
    for name in ["", ".", ".."] {
        let named = Named { name: name.to_owned() };
        let error = hub.client().call::<ProjectRemove>(named).await.expect_err("no such path");
        assert!(matches!(error, ClientError::Request { .. }), "{name}: {error:?}");
    }
    assert_eq!(hub.asked(), []);
}

#[tokio::test]
async fn a_refusal_is_the_hubs_own_problem() {
    let hub = HubDouble::start().await;
    let problem = Problem::new(Code::NotFound, "No such task.").hint("Look at `pilot task list`.");
    hub.will_say(Says::new(404, &serde_json::to_string(&problem).expect("JSON")));
    let error = hub.client().call::<TaskShow>(OneTask { task: task() }).await.expect_err("refused");
    assert_eq!(Problem::from(error), problem);
}

#[tokio::test]
async fn what_is_not_a_hub_is_told_from_one_that_is_away() {
    for (status, body, passing) in [
        (200, "<html>hello</html>", false),
        (404, "<html>not found</html>", false),
        (302, "", false),
        (502, "<html>bad gateway</html>", true),
    ] {
        let hub = HubDouble::start().await;
        hub.will_say(Says::new(status, body));
        let error = hub.client().call::<HubStatus>(Nothing {}).await.expect_err("no hub");
        assert_eq!(error.is_passing(), passing, "{status}: {error:?}");
        let problem = Problem::from(error);
        assert!(problem.message.contains(&hub.url()), "{problem}");
        assert!(!problem.hint.is_empty(), "{problem}");
    }
}

#[tokio::test]
async fn a_hub_that_is_not_there_is_unreachable() {
    let hub = HubDouble::start().await;
    let client = hub.client();
    hub.kill().await;
    let error = client.call::<HubStatus>(Nothing {}).await.expect_err("nobody listens");
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
    let shown = format!("{client:?} {error:?} {error}");
    assert!(!shown.contains(TOKEN), "{shown}");
    let problem = Problem::from(error);
    assert_eq!(problem.code, Code::Precondition);
    assert!(problem.message.to_lowercase().contains("refused"), "it says how: {problem}");
    let error = client.live().await.expect_err("nobody listens");
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_rescue_bundle_arrives_whole_or_not_at_all() {
    let hub = HubDouble::start().await;
    let bundle = "# v2 git bundle\n".repeat(10_000);
    hub.will_say(Says::new(200, &bundle));
    let mut file = Vec::new();
    let size = hub.client().rescue(task(), &mut file).await.expect("it answers");
    assert_eq!((size, file.len()), (160_000, 160_000));
    assert_eq!(hub.asked()[0].uri, format!("/api/tasks/{RUN}/rescue"));

    hub.will_say(Says { length: Some(200_000), ..Says::new(200, &bundle) });
    let error = hub.client().rescue(task(), &mut Vec::new()).await.expect_err("cut off");
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");

    let problem = Problem::new(Code::NotFound, "Nothing was rescued.");
    hub.will_say(Says::new(404, &serde_json::to_string(&problem).expect("JSON")));
    let error = hub.client().rescue(task(), &mut Vec::new()).await.expect_err("nothing there");
    assert_eq!(Problem::from(error), problem);
}

#[test]
fn the_local_hub_is_found_by_the_files_it_leaves() {
    let data = tempfile::tempdir().expect("a temporary directory can be made");
    assert_eq!(discovered(data.path()).expect("reads"), None, "no hub ever ran");
    let hub = data.path().join("hub");
    std::fs::create_dir(&hub).expect("writable");
    std::fs::write(hub.join("address"), "http://127.0.0.1:7777\n").expect("writable");
    assert_eq!(discovered(data.path()).expect("reads"), None, "it did not come up");
    std::fs::write(hub.join("owner-token"), "abc\n").expect("writable");
    let found = discovered(data.path()).expect("reads").expect("it is there");
    let expected = Endpoint {
        url: "http://127.0.0.1:7777".to_owned(),
        token: Secret::new("abc"),
        fingerprint: None,
    };
    assert_eq!(found, expected);
    std::fs::remove_file(hub.join("owner-token")).expect("writable");
    std::fs::create_dir(hub.join("owner-token")).expect("writable");
    let error = discovered(data.path()).expect_err("a directory is no token");
    assert!(Problem::from(error).message.contains("owner-token"), "it names the file");
}

#[test]
fn a_token_is_not_sent_in_clear_to_another_machine() {
    for (url, good) in [
        ("http://127.0.0.1:7777", true),
        ("http://localhost:7777/", true),
        ("http://[::1]:7777", true),
        ("https://hub.example.org/pilot", true),
        ("http://hub.example.org", false),
        ("http://10.0.0.1:7777", false),
        ("http://127.0.0.1.example.org", false),
        ("https://me:hunter2@hub.example.org", false),
        ("ftp://127.0.0.1", false),
        ("hunter2", false),
    ] {
        let endpoint = Endpoint {
            url: url.to_owned(),
            token: Secret::new("t"),
            fingerprint: Some("ab".into()),
        };
        match Client::new(&endpoint) {
            Ok(_) => assert!(good, "{url} must be refused"),
            Err(error) => {
                assert!(!good, "{url}: {error:?}");
                assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
            }
        }
    }
}
