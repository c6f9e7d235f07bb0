//! What belongs to people: preferences, files they give, credentials.

use crate::house::{House, VIEWER, client_of, eventually, project};
use crate::runner::{FakeRunner, nothing_done};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pilot_client::{Client, Endpoint};
use pilot_hub::{CredentialStore, Hub, HubError};
use pilot_proto::console::{
    AttachmentNew, CredentialKeep, ForgeList, ForgeRemove, HubStatus, Method, Named, NewAttachment,
    NewProvider, Nothing, Preference, PreferenceGet, PreferenceKey, PreferenceSet, ProjectAdd,
    ProjectRemove, ProviderAdd, ProviderList, ProviderRemove, TaskNew,
};
use pilot_proto::runner::{Load, ToHub, ToRunner};
use pilot_proto::{Code, Event, ProviderKind, Secret};
use pilot_testkit::forge::GiteaDouble;
use serde_json::{Value, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

fn preference(key: &str, value: Value) -> Preference {
    Preference { key: key.to_owned(), value }
}

async fn kept(house: &House, key: &str) -> Value {
    house.call::<PreferenceGet>(PreferenceKey { key: key.to_owned() }).await.value
}

#[tokio::test(flavor = "multi_thread")]
async fn preferences_are_each_persons_own_and_outlive_the_hub() {
    let house = House::new().await;
    let views = json!({ "views": [1, "gr\u{fc}n"] });
    house.call::<PreferenceSet>(preference("views/a-b_1", views.clone())).await;
    let endpoint =
        Endpoint { url: house.hub.url.clone(), token: Secret::new(VIEWER), fingerprint: None };
    let guest = Client::new(&endpoint).expect("a client");
    let asked = PreferenceKey { key: "views/a-b_1".to_owned() };
    let theirs = guest.call::<PreferenceGet>(asked).await.expect("a viewer has some too");
    assert_eq!(theirs.value, Value::Null, "but not the owner's");
    let house = house.restart().await;
    assert_eq!(kept(&house, "views/a-b_1").await, views);
    house.call::<PreferenceSet>(preference("views/a-b_1", Value::Null)).await;
    assert_eq!(kept(&house, "views/a-b_1").await, Value::Null, "null removes it");
    for key in ["", "A", "a b", "a.b", &"a".repeat(101)] {
        let problem = house.refused::<PreferenceSet>(preference(key, json!(1))).await;
        assert_eq!(problem.code, Code::Invalid, "{key}: {problem}");
    }
    let large = json!("x".repeat(Preference::MAX_VALUE));
    let problem = house.refused::<PreferenceSet>(preference("a", large)).await;
    assert_eq!(problem.code, Code::TooLarge, "{problem}");
    house.hub.stop().await;
}

fn attachment(name: &str, media_type: &str, bytes: &[u8]) -> NewAttachment {
    let (name, media_type) = (name.to_owned(), media_type.to_owned());
    NewAttachment { name, media_type, base64: STANDARD.encode(bytes) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_kept_if_it_is_what_it_says() {
    let house = House::new().await;
    let kept = house.call::<AttachmentNew>(attachment("a.png", "image/png", PNG)).await;
    assert_eq!((kept.size, &kept.blob), (PNG.len() as u64, &pilot_git::blob_id(PNG)));
    let again = house.call::<AttachmentNew>(attachment("b.png", "image/png", PNG)).await;
    assert_eq!(again.blob, kept.blob, "the same bytes are kept once");
    for (new, code) in [
        (attachment("a.png", "image/jpeg", PNG), Code::Invalid),
        (attachment("a.svg", "image/svg+xml", b"<svg>"), Code::Invalid),
        (attachment("../a", "image/png", PNG), Code::Invalid),
        (attachment("a.txt", "text/plain", b""), Code::Invalid),
        (
            NewAttachment { base64: "?".to_owned(), ..attachment("a", "text/plain", b"") },
            Code::Invalid,
        ),
        (
            attachment("a.txt", "text/plain", &vec![b'x'; NewAttachment::MAX_BYTES + 1]),
            Code::TooLarge,
        ),
    ] {
        let name = (new.name.clone(), new.media_type.clone());
        assert_eq!(house.refused::<AttachmentNew>(new).await.code, code, "{name:?}");
    }
    house.hub.stop().await;
}

/// Status, headers and body of a file of a task.
async fn fetch(house: &House, task: &str, blob: &str, query: &str) -> (u16, String, String) {
    let request = format!(
        "GET /api/tasks/{task}/blobs/{blob}{query} HTTP/1.1\r\nhost: localhost\r\n\
         connection: close\r\nauthorization: Bearer {}\r\n\r\n",
        house.token()
    );
    house.exchange(&request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_gives_out_the_files_it_names_and_no_others() {
    let house = House::new().await;
    house.project().await;
    let given = house.call::<AttachmentNew>(attachment("a.png", "image/png", PNG)).await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let mut new = crate::house::new_task("p", "look");
    new.attachments = vec![given.clone()];
    let task = house.call::<TaskNew>(new).await.id;
    let run = runner.take().await.run;
    runner.begin(run).await;
    let page = "<script>alert(1)</script>";
    let left = runner.store(page.as_bytes()).await;
    let foreign = runner.store(b"of another task").await;
    let mut events = vec![Event::Artifact {
        name: "out/re\"port.html".to_owned(),
        media_type: "text/html".to_owned(),
        blob: left.clone(),
        size: page.len() as u64,
    }];
    events.extend(nothing_done());
    let end = runner.write(run, events).await;
    runner.acked(run, end).await;
    let id = task.to_string();

    let (status, head, _) = fetch(&house, &id, given.blob.as_str(), "?inline=1").await;
    let head = head.to_lowercase();
    assert_eq!(status, 200);
    assert!(head.contains("content-type: image/png"), "a picture may be shown: {head}");
    assert!(head.contains("content-disposition: inline; filename=\"a.png\""), "{head}");
    let (_, head, _) = fetch(&house, &id, given.blob.as_str(), "").await;
    assert!(head.contains("attachment; filename"), "it is a download unless asked: {head}");

    let (status, head, body) = fetch(&house, &id, left.as_str(), "?inline=1").await;
    let head = head.to_lowercase();
    assert!(status == 200 && body.contains(page), "{status} {body}");
    for said in [
        "content-type: application/octet-stream",
        "content-disposition: attachment; filename=\"re_port.html\"",
        "content-security-policy: sandbox",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
    ] {
        assert!(
            head.contains(said),
            "a page of an agent's is never shown as ours: {said} in {head}"
        );
    }
    for (task, blob) in [
        (id.as_str(), foreign.as_str()),
        (id.as_str(), &"0".repeat(40)),
        ("0190b1de-0000-7000-8000-00000000002a", given.blob.as_str()),
    ] {
        let (status, _, body) = fetch(&house, task, blob, "").await;
        assert_eq!(status, 404, "{task} {blob}: {body}");
    }
    assert_eq!(fetch(&house, &id, "../../x", "").await.0, 404);
    assert_eq!(fetch(&house, &id, "not-a-blob", "").await.0, 400);
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_goes_when_no_project_needs_it_and_takes_its_token_along() {
    let house = House::new().await;
    let forge = GiteaDouble::start().await;
    forge.repository("acme/site");
    forge.collaborator("acme/site", "bot", "write");
    let token = forge.token("bot", &["read:user", "write:repository", "write:issue"]);
    let body = json!({ "name": "home", "kind": "gitea", "url": forge.url(), "token": token });
    let added = house.client.call_raw(Method::Post, "/api/forges", Some(body.to_string())).await;
    added.expect("the forge takes the token");
    let file = house.home.path().join("hub/credentials");
    let kept = || std::fs::read_to_string(&file).expect("the file").contains(&token);
    assert!(kept());
    let mut site = project("site", &forge.clone_url("acme/site"));
    site.forge = Some("home".to_owned());
    house.call::<ProjectAdd>(site).await;
    let named = |name: &str| Named { name: name.to_owned() };
    let problem = house.refused::<ForgeRemove>(named("home")).await;
    assert_eq!(problem.code, Code::Precondition);
    assert!(problem.message.contains("`site`"), "it says who needs it: {problem}");
    assert!(kept(), "nothing was changed");
    house.call::<ProjectRemove>(named("site")).await;
    house.call::<ForgeRemove>(named("home")).await;
    assert!(!kept(), "a token nobody needs is not kept");
    let house = house.restart().await;
    assert!(house.call::<ForgeList>(Nothing {}).await.is_empty(), "nor does it come back");
    assert_eq!(house.refused::<ForgeRemove>(named("home")).await.code, Code::NotFound);
    house.hub.stop().await;
}

fn provider(key: &str) -> NewProvider {
    let (kind, key) = (ProviderKind::Anthropic, Secret::new(key));
    NewProvider {
        name: "work".to_owned(),
        kind,
        base_url: None,
        key,
        login: Default::default(),
        oauth: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_passphrase_nothing_is_in_clear_and_another_opens_nothing() {
    let sealed = |passphrase: &str| CredentialStore::Sealed {
        path: None,
        passphrase: Secret::new(passphrase),
    };
    let house = House::new().await;
    assert_eq!(house.call::<HubStatus>(Nothing {}).await.credentials, CredentialKeep::File);
    house.call::<ProviderAdd>(provider("hunter2hunter2")).await;
    let mut house = house;
    house.options.credentials = sealed("one");
    let mut house = house.restart().await;
    assert_eq!(house.call::<HubStatus>(Nothing {}).await.credentials, CredentialKeep::Sealed);
    assert!(!house.home.path().join("hub/credentials").exists(), "what was in clear was moved");
    house.options.credentials = sealed("two");
    let options = house.options.clone();
    let (address, home) = (house.hub.address, house.home);
    house.hub.stop().await;
    let refused = Hub::start(pilot_hub::HubOptions { listen: address, ..options.clone() }).await;
    let error = refused.expect_err("another passphrase");
    assert!(matches!(error, HubError::Credentials(_)), "{error:?}");
    assert_eq!(error.problem().code, Code::Unauthorized);
    let options = pilot_hub::HubOptions { credentials: sealed("one"), ..options };
    let hub = eventually("the hub starts", || async { Hub::start(options.clone()).await }).await;
    let client = client_of(&hub);
    let listed = client.call::<ProviderList>(Nothing {}).await.expect("it answers");
    assert_eq!(listed.len(), 1);
    let named = Named { name: "work".to_owned() };
    client.call::<ProviderRemove>(named).await.expect("removed");
    assert!(client.call::<ProviderList>(Nothing {}).await.expect("it answers").is_empty());
    hub.stop().await;
    drop(home);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_token_that_is_given_leaves_no_file() {
    let house = House::new().await;
    let in_file = house.token();
    let file = house.home.path().join("hub/owner-token");
    let (mut options, home) = (house.options.clone(), house.home);
    house.hub.stop().await;
    options.owner_token = Some(Secret::new("short"));
    let refused = Hub::start(options.clone()).await.expect_err("nobody's token is so short");
    assert_eq!(refused.problem().code, Code::Invalid);
    assert!(file.exists(), "nothing was changed");
    let given = Secret::new("a1".repeat(32));
    options.owner_token = Some(given.clone());
    let hub = eventually("the hub starts", || async { Hub::start(options.clone()).await }).await;
    assert!(hub.token_path.is_none() && !file.exists(), "it is kept elsewhere");
    let ask = async |token: Secret| {
        let endpoint = Endpoint { url: hub.url.clone(), token, fingerprint: None };
        Client::new(&endpoint).expect("a client").greet().await
    };
    assert_eq!(ask(given).await.expect("the owner").info.you, "owner");
    ask(Secret::new(in_file)).await.expect_err("the old one is worth nothing any more");
    hub.stop().await;
    drop(home);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_says_how_busy_it_is_and_looks_again_when_asked() {
    use pilot_proto::console::{OneRunner, RunnerLook};
    let house = House::new().await;
    let mut runner = FakeRunner::connected(&house, 1).await;
    let one = OneRunner { runner: runner.id };
    let load = Load {
        cpu_permille: 500,
        cpus: 2,
        memory_available: 1,
        memory_total: 2,
        disk_free: 3,
        disk_total: 4,
    };
    runner.say(ToHub::Beat { runs: Vec::new(), load: Some(load) }).await;
    eventually("its load is shown", || async {
        let seen = house.runners().await;
        if seen[0].load == Some(load) { Ok(()) } else { Err(seen) }
    })
    .await;
    house.call::<RunnerLook>(one).await;
    runner.until("it is asked to look", |said| matches!(said, ToRunner::Look).then_some(())).await;
    let mut about = runner.about.clone();
    about.agents[0].version = Some("9.9".to_owned());
    runner.say(ToHub::About { about }).await;
    eventually("what it found is shown", || async {
        let seen = house.runners().await;
        let version = seen[0].about.agents[0].version.clone();
        if version.as_deref() == Some("9.9") { Ok(()) } else { Err(seen) }
    })
    .await;
    runner.hang_up();
    eventually("it is away", || async {
        let seen = house.runners().await;
        if seen[0].online { Err(seen) } else { Ok(()) }
    })
    .await;
    let seen = house.runners().await;
    assert_eq!(seen[0].load, None, "how busy it was is no news");
    assert_eq!(house.refused::<RunnerLook>(one).await.code, Code::Precondition);
    let house = house.restart().await;
    let version = house.runners().await[0].about.agents[0].version.clone();
    assert_eq!(version.as_deref(), Some("9.9"), "what it found outlives the hub");
    house.hub.stop().await;
}
