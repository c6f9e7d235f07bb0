//! Where credentials must not be.

use crate::place::{Place, commit, grant, write};
use pilot_git::Push;
use pilot_proto::code::Code;
use pilot_testkit::git_http::GitHttp;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const TOKEN: &str = "t0ken-that-nobody-may-see";

#[tokio::test]
async fn a_wrong_token_is_refused_and_appears_nowhere() {
    let place = Place::new();
    place.world.demo("demo.git");
    let server = GitHttp::start(place.world.root()).await.with_token("the right one");
    let plain = server.url("demo.git");
    let inside = plain.replace("http://", &format!("http://pilot:{TOKEN}@"));
    let granted = grant(TOKEN);
    for (repo, grant) in [(&plain, Some(&granted)), (&inside, None), (&plain, None)] {
        let error = place
            .try_tree(repo, Some("main"), &place.path("tree"), grant)
            .await
            .expect_err("the token is wrong");
        let problem = error.problem();
        assert_eq!(problem.code, Code::RepositoryRefused, "{problem:?}");
        let shown = format!("{problem:?} {error:?}");
        assert!(!shown.contains(TOKEN), "a message must not show the token: {shown}");
    }
    place.assert_scratch_is_empty();
}

#[tokio::test]
async fn a_login_in_the_url_works_and_stays_out_of_the_tree() {
    let place = Place::new();
    place.world.demo("demo.git");
    let server = GitHttp::start(place.world.root()).await.with_token(TOKEN);
    let url = server.url("demo.git").replace("http://", &format!("http://pilot:{TOKEN}@"));
    let (tree, done) = place.tree(&url, "tree").await;
    write(&tree, "new", "new");
    let tip = commit(&tree, "new");
    let push = Push {
        tree: &tree,
        repo: &url,
        branch: "w",
        commit: &tip,
        expected: None,
        grant: None,
        signing_key: None,
    };
    place.git.push(&push).await.expect("the push works");
    assert_eq!(
        place.git.remote_head(&url, "w", None).await.expect("it can be asked"),
        Some(tip),
        "read back from base {}",
        done.base_commit
    );
    assert_nowhere(&place.path(""));
}

#[tokio::test]
async fn a_redirect_to_another_host_gets_no_credential() {
    let place = Place::new();
    place.world.demo("demo.git");
    let thief = GitHttp::start(place.world.root()).await.with_token("something else");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/demo.git", listener.local_addr().expect("it is bound"));
    let target = format!("{}/info/refs?service=git-upload-pack", thief.url("demo.git"));
    let redirect = async {
        loop {
            let (mut client, _) = listener.accept().await.expect("it listens");
            let mut request = vec![0; 8192];
            let _read = client.read(&mut request).await.expect("git asks");
            let answer = format!(
                "HTTP/1.1 301 Moved Permanently\r\nLocation: {target}\r\n\
                 Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
            client.write_all(answer.as_bytes()).await.expect("git listens");
        }
    };
    let granted = grant(TOKEN);
    let tree = place.path("tree");
    let error = tokio::select! {
        done = place.try_tree(&url, Some("main"), &tree, Some(&granted)) => {
            done.expect_err("there is no login for that host")
        }
        () = redirect => unreachable!("it never ends"),
    };
    assert_eq!(error.problem().code, Code::RepositoryRefused, "{error}");
    let requests = thief.requests();
    assert!(!requests.is_empty(), "git followed");
    assert!(requests.iter().all(|request| request.login.is_none()), "{requests:?}");
}

#[tokio::test]
async fn a_token_is_in_no_command_line_and_no_file() {
    let place = Place::new();
    place.world.demo("demo.git");
    let server = GitHttp::start(place.world.root()).await.with_token(TOKEN);
    let url = server.url("demo.git");
    let done = AtomicBool::new(false);
    let work = async {
        let granted = grant(TOKEN);
        for number in 0..5 {
            let tree = place.path(&format!("tree-{number}"));
            place.try_tree(&url, None, &tree, Some(&granted)).await.expect("it works");
            write(&tree, "new", number.to_string());
            let tip = commit(&tree, "new");
            let branch = format!("w{number}");
            let push = Push {
                tree: &tree,
                repo: &url,
                branch: &branch,
                commit: &tip,
                expected: None,
                grant: Some(&granted),
                signing_key: None,
            };
            place.git.push(&push).await.expect("the push works");
        }
        done.store(true, Ordering::Relaxed);
    };
    let watch = async {
        let mut seen = 0;
        while !done.load(Ordering::Relaxed) {
            seen += command_lines(&url);
            tokio::task::yield_now().await;
        }
        seen
    };
    let ((), seen) = tokio::join!(work, watch);
    assert!(seen > 0, "the watch saw git at work");
    assert_nowhere(&place.path(""));
    place.assert_scratch_is_empty();
}

/// Looks at all command lines; gives how many were of a git that dials `url`.
fn command_lines(url: &str) -> usize {
    let mut seen = 0;
    for process in std::fs::read_dir("/proc").expect("this is Linux").flatten() {
        let Ok(line) = std::fs::read(process.path().join("cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line);
        assert!(!line.contains(TOKEN), "anybody can read a command line: {line}");
        seen += usize::from(line.contains(url));
    }
    seen
}

fn assert_nowhere(directory: &Path) {
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).expect("it can be read").flatten() {
            let path = entry.path();
            let kind = entry.file_type().expect("it has a type");
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                let contents = std::fs::read(&path).expect("it can be read");
                let found = contents.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes());
                assert!(!found, "the token must not be in `{}`", path.display());
            }
        }
    }
}
