//! A hub in a temporary directory, with verbs.

use pilot_client::{Client, ClientError, Endpoint};
use pilot_hub::{Access, Hub, HubOptions, Running};
use pilot_proto::console::{
    Command, JoinCodeNew, NewJoinCode, NewTask, OneTask, ProjectAdd, Role, RunnerList, RunnerSeen,
    TaskDetail, TaskNew, TaskShow,
};
use pilot_proto::{Problem, Project, Secret, Task, TaskId};
use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Whatever takes longer than this will not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A token that may only look.
pub(crate) const VIEWER: &str = "viewer-token";

pub(crate) struct House {
    pub(crate) home: TempDir,
    pub(crate) options: HubOptions,
    pub(crate) hub: Running,
    pub(crate) client: Client,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut HubOptions)) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let loopback = "127.0.0.1:0".parse().expect("an address");
        let mut options = HubOptions::new(home.path().join("hub"), loopback);
        options.access.push(Access {
            name: "guest".to_owned(),
            role: Role::Viewer,
            token: Secret::new(VIEWER),
        });
        change(&mut options);
        let hub = Hub::start(options.clone()).await.expect("the hub starts");
        let client = client_of(&hub);
        Self { home, options, hub, client }
    }

    /// Stops the hub and starts it again on the same data and address.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after(async || ()).await
    }

    /// The same, with something done while it is away.
    pub(crate) async fn restart_after(self, meanwhile: impl AsyncFnOnce()) -> Self {
        let Self { home, mut options, hub, .. } = self;
        options.listen = hub.address;
        soon("the hub stops", hub.stop()).await;
        meanwhile().await;
        // Another test may have been given the port meanwhile; it ends.
        let hub =
            eventually("the hub starts again", || async { Hub::start(options.clone()).await })
                .await;
        let client = client_of(&hub);
        Self { home, options, hub, client }
    }

    pub(crate) fn token(&self) -> String {
        token_of(&self.hub)
    }

    pub(crate) async fn call<C: Command>(&self, request: C::Request) -> C::Response {
        match self.client.call::<C>(request).await {
            Ok(response) => response,
            Err(error) => panic!("{} was refused: {error:?}", C::ENTRY.name),
        }
    }

    pub(crate) async fn refused<C: Command>(&self, request: C::Request) -> Problem
    where
        C::Response: std::fmt::Debug,
    {
        match self.client.call::<C>(request).await {
            Err(ClientError::Refused(problem)) => problem,
            other => panic!("{} must be refused: {other:?}", C::ENTRY.name),
        }
    }

    /// A project `p` with a plain remote and the scripted agent.
    pub(crate) async fn project(&self) {
        let repo = "/srv/git/p.git".to_owned();
        self.call::<ProjectAdd>(project("p", &repo)).await;
    }

    pub(crate) async fn file(&self, prompt: &str) -> Task {
        self.call::<TaskNew>(new_task("p", prompt)).await
    }

    pub(crate) async fn show(&self, task: TaskId) -> TaskDetail {
        self.call::<TaskShow>(OneTask { task }).await
    }

    /// Waits until a task is in a state.
    pub(crate) async fn until(&self, task: TaskId, state: &str) -> TaskDetail {
        eventually(&format!("task is {state}"), || async {
            let detail = self.show(task).await;
            let found = detail.task.state.name();
            if found == state { Ok(detail) } else { Err(format!("{found}: {:?}", detail.task)) }
        })
        .await
    }

    pub(crate) async fn join_code(&self) -> Secret {
        self.call::<JoinCodeNew>(NewJoinCode::default()).await.code
    }

    pub(crate) async fn runners(&self) -> Vec<RunnerSeen> {
        self.call::<RunnerList>(pilot_proto::console::Nothing {}).await
    }

    /// One request as bytes; gives the status and the body.
    pub(crate) async fn raw(&self, request: &str) -> (u16, String) {
        let (status, _, body) = self.exchange(request).await;
        (status, body)
    }

    /// One request as bytes; gives the status, the headers and the body.
    pub(crate) async fn exchange(&self, request: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.hub.address).await.expect("the hub listens");
        stream.write_all(request.as_bytes()).await.expect("the hub reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("the hub answers");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status in {answer:?}"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        (status, head.to_owned(), body.to_owned())
    }
}

fn token_of(hub: &Running) -> String {
    let path = hub.token_path.as_ref().expect("the owner's token is in a file");
    std::fs::read_to_string(path).expect("the token").trim().to_owned()
}

pub(crate) fn client_of(hub: &Running) -> Client {
    let token = token_of(hub);
    let endpoint = Endpoint {
        url: hub.url.clone(),
        token: Secret::new(token.trim()),
        fingerprint: hub.fingerprint.clone(),
    };
    Client::new(&endpoint).expect("a client")
}

pub(crate) fn project(name: &str, repo: &str) -> Project {
    Project {
        name: name.to_owned(),
        repo: repo.to_owned(),
        forge: None,
        base: Some("main".to_owned()),
        agent: "scripted".to_owned(),
        setup: Vec::new(),
        network: Default::default(),
        walls: Default::default(),
        secrets: Vec::new(),
        permissions: Default::default(),
        profile: None,
        review: None,
        children: Default::default(),
        remote_control: false,
        actions: Vec::new(),
        pull_requests: Default::default(),
    }
}

pub(crate) fn new_task(project: &str, prompt: &str) -> NewTask {
    let minimal = serde_json::json!({ "project": project, "prompt": prompt });
    serde_json::from_value(minimal).expect("everything else has a default")
}

/// Asks again until it is so, and fails loudly if it never is.
pub(crate) async fn eventually<T, E, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    E: std::fmt::Debug,
    F: Future<Output = Result<T, E>>,
{
    let begun = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if begun.elapsed() > PATIENCE => panic!("never: {what}; last seen {seen:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Waits for something that must come.
pub(crate) async fn soon<T>(what: &str, coming: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, coming).await {
        Ok(came) => came,
        Err(_) => panic!("never came: {what}"),
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}
