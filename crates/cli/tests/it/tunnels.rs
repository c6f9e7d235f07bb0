//! Terminals and ports of a run, through hub and runner, with a real shell.

use crate::world::{PATIENCE, World};
use pilot_client::{Client, Endpoint, TunnelFrame, TunnelReceiver, TunnelSender};
use pilot_proto::console::{Stop, TaskStop};
use pilot_proto::tunnel::{FromTerminal, ToTerminal, TunnelQuery};
use pilot_proto::{Secret, TaskId};
use std::collections::BTreeSet;
use tokio::time::timeout;

/// A person at a terminal.
pub(crate) struct Seat {
    sender: TunnelSender,
    receiver: TunnelReceiver,
    pub(crate) shown: String,
    state: Option<FromTerminal>,
}

impl Seat {
    pub(crate) async fn take(client: &Client, task: TaskId, view: bool) -> Self {
        let query = TunnelQuery { task, port: None, screen: None, view: Some(view) };
        let (sender, receiver) = client.tunnel(&query).await.expect("the hub lets us in");
        let mut seat = Self { sender, receiver, shown: String::new(), state: None };
        seat.until("it is let in", |seat| seat.state.is_some()).await;
        seat
    }

    pub(crate) async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let waited = timeout(PATIENCE, async {
            while !done(self) {
                match self.receiver.next().await.expect("the hub stays") {
                    Some(TunnelFrame::Bytes(bytes)) => {
                        self.shown.push_str(&String::from_utf8_lossy(&bytes));
                    }
                    Some(TunnelFrame::Text(text)) => {
                        self.state = serde_json::from_str(&text).ok();
                    }
                    None => {
                        panic!("{what}: the tunnel has ended: {:?}\n{}", self.state, self.shown)
                    }
                }
            }
        });
        assert!(waited.await.is_ok(), "{what}: never\n{:?}\n{}", self.state, self.shown);
    }

    pub(crate) async fn types(&mut self, text: &str) {
        let bytes = text.to_owned().into_bytes().into();
        self.sender.send(TunnelFrame::Bytes(bytes)).await.expect("it is taken");
    }

    async fn says(&mut self, message: &ToTerminal) {
        let text = serde_json::to_string(message).expect("JSON");
        self.sender.send(TunnelFrame::Text(text)).await.expect("it is taken");
    }

    pub(crate) fn drives(&self) -> bool {
        matches!(self.state, Some(FromTerminal::State { yours: true, .. }))
    }

    fn ended(&self) -> bool {
        matches!(self.state, Some(FromTerminal::Ended { .. }))
    }
}

pub(crate) fn client(world: &World, token: &str) -> Client {
    let url = format!("http://127.0.0.1:{}", world.port());
    Client::new(&Endpoint { url, token: Secret::new(token), fingerprint: None }).expect("a client")
}

pub(crate) fn owner(world: &World) -> Client {
    let token = std::fs::read_to_string(world.data().join("hub/owner-token")).expect("a token");
    client(world, token.trim())
}

/// A task whose agent waits for an answer.
pub(crate) fn waiting(world: &World) -> TaskId {
    let task = world.file("write seen.txt from-the-agent\nask Ready? | Yes | No");
    world.until_state(task, "needs_you");
    task
}

/// Every TCP port of this machine that a process of this world listens on.
/// Other tests have ports of their own meanwhile.
pub(crate) fn listening(world: &World) -> BTreeSet<String> {
    let sockets = sockets(world);
    let mut ports = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in std::fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            // proc_net(5): local address, state, inode.
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, state, _, _, _, _, _, inode, ..] = fields.as_slice() else {
                continue;
            };
            if *state == "0A" && sockets.contains(&format!("socket:[{inode}]")) {
                ports.insert((*local).to_owned());
            }
        }
    }
    ports
}

/// What the world's processes have open, as their descriptors name it.
fn sockets(world: &World) -> BTreeSet<String> {
    let own = world.pids().into_iter().flatten().map(|pid| pid.to_string());
    let strays = world.stray_processes();
    let of_runs = strays.iter().filter_map(|line| line.split(' ').next().map(str::to_owned));
    let open = own.chain(of_runs).flat_map(|pid| {
        // Some of them may end meanwhile.
        std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten()
    });
    open.filter_map(|one| std::fs::read_link(one.path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .collect()
}

#[tokio::test]
async fn a_terminal_in_the_runs_walls_has_one_driver_and_outlives_the_runners_daemon() {
    let mut world = World::with_runner(1);
    let task = waiting(&world);
    let client = owner(&world);
    let before = listening(&world);

    let mut first = Seat::take(&client, task, false).await;
    first.until("the first types", Seat::drives).await;
    first.types("MARK=ab; cat seen.txt; echo $((6 * 7))$MARK\n").await;
    first
        .until("the shell is in the tree", |seat| {
            seat.shown.contains("from-the-agent") && seat.shown.contains("42ab")
        })
        .await;
    first.says(&ToTerminal::Resize { columns: 101, rows: 31 }).await;
    first.types("stty size\n").await;
    first.until("it has that size", |seat| seat.shown.contains("31 101")).await;
    first
        .types("(echo > /dev/tcp/192.0.2.1/80) 2>&1 | tail -1; id -u > /proc/1/comm; echo walls\n")
        .await;
    first.until("it is inside", |seat| seat.shown.contains("\nwalls")).await;

    let mut looker = Seat::take(&client, task, true).await;
    looker.until("what was is shown", |seat| seat.shown.contains("42ab")).await;
    looker.says(&ToTerminal::Drive).await;
    looker.types("echo 'I was not' allowed\n").await;
    let mut second = Seat::take(&client, task, false).await;
    assert!(!second.drives(), "there is one driver");
    second.types("echo 'not yet' mine\n").await;
    second.says(&ToTerminal::Drive).await;
    second.until("it is given over", Seat::drives).await;
    first.until("the first is told", |seat| !seat.drives()).await;
    second.types("echo given $MARK over\n").await;
    first.until("both see the same", |seat| seat.shown.contains("given ab over")).await;
    assert!(!first.shown.contains("I was not allowed") && !first.shown.contains("not yet mine"));
    let new: Vec<String> = listening(&world).difference(&before).cloned().collect();
    assert!(new.is_empty(), "a terminal opens no port: {new:?}");

    world.kill_runner();
    world.start_runner();
    let mut back = Seat::take(&client, task, false).await;
    back.until("it is the same shell", |seat| seat.shown.contains("given ab over")).await;
    back.says(&ToTerminal::Drive).await;
    back.until("it can be typed in", Seat::drives).await;
    back.types("echo still $MARK here; exit\n").await;
    back.until("it lives", |seat| seat.shown.contains("still ab here")).await;
    back.until("it ends with its shell", Seat::ended).await;

    // What nobody reads comes a moment later.
    world.until("who drove is in the log", || {
        let log = world.pilot(&["task", "log", &task.to_string()]).ok();
        log.contains("owner types in the terminal.").then_some(())
    });
    client.call::<TaskStop>(Stop { task, keep_children: None }).await.expect("it stops");
    world.until_state(task, "cancelled");
    let records = world.pilot(&["task", "log", "--records", "--json", &task.to_string()]).ok();
    assert!(records.contains("terminal-1.cast"), "the recording is an artifact");
}

#[tokio::test]
async fn a_port_inside_is_reached_through_a_tunnel_and_by_nobody_else() {
    let world = World::with_runner(1);
    let task = waiting(&world);
    let client = owner(&world);
    let before = listening(&world);
    let mut seat = Seat::take(&client, task, false).await;
    seat.until("we type", Seat::drives).await;
    seat.types("python3 -u -m http.server 3000 --bind 127.0.0.1 &\n").await;
    seat.until("it serves", |seat| seat.shown.contains("Serving HTTP on")).await;
    assert!(listening(&world).is_subset(&before), "its port is inside and nowhere else");

    let query = TunnelQuery { task, port: Some(3000), screen: None, view: None };
    let (mut sender, mut receiver) = client.tunnel(&query).await.expect("a tunnel");
    let request = b"GET /seen.txt HTTP/1.0\r\n\r\n".to_vec();
    sender.send(TunnelFrame::Bytes(request.into())).await.expect("it is taken");
    let mut answer = Vec::new();
    let read = async {
        while let Some(TunnelFrame::Bytes(bytes)) = receiver.next().await.expect("the hub stays") {
            if bytes.is_empty() {
                break;
            }
            answer.extend_from_slice(&bytes);
        }
    };
    timeout(PATIENCE, read).await.expect("it answers");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.0 200") && answer.contains("from-the-agent"), "{answer}");

    let query = TunnelQuery { task, port: Some(3999), screen: None, view: None };
    let (_, mut receiver) = client.tunnel(&query).await.expect("a tunnel");
    let mut why = String::new();
    while let Some(frame) = receiver.next().await.expect("the hub stays") {
        if let TunnelFrame::Text(text) = frame {
            why = text;
        }
    }
    assert!(why.contains("nobody listens on port 3999"), "{why}");
}

#[tokio::test]
async fn whoever_may_not_gets_no_terminal_and_is_told_why() {
    let mut world = World::with_runner(1);
    let task = waiting(&world);
    let query = |view| TunnelQuery { task, port: None, screen: None, view: Some(view) };
    let stranger = client(&world, &"0".repeat(64));
    assert!(stranger.tunnel(&query(true)).await.is_err(), "without a token there is nothing");

    let client = owner(&world);
    let nobody = TunnelQuery {
        task: TaskId(uuid::Uuid::from_u128(7)),
        port: None,
        screen: None,
        view: None,
    };
    let error = client.tunnel(&nobody).await.expect_err("there is no such task");
    assert!(error.to_string().contains("There is no task"), "{error}");

    world.kill_runner();
    let (_, mut receiver) = client.tunnel(&query(false)).await.expect("the hub answers");
    let Some(TunnelFrame::Text(why)) = receiver.next().await.expect("it says") else {
        panic!("no reason was given")
    };
    assert!(why.contains("not connected") || why.contains("in time"), "{why}");
    world.start_runner();
    let mut seat = Seat::take(&client, task, false).await;
    seat.until("it is back", Seat::drives).await;
}
