//! A journal over a line that is cut again and again, at any byte.

use crate::peers::{endpoint, enrolled, greet_as_hub, greeting, key, listen, patient, run_id};
use pilot_link::{Accepted, Dialled, Incoming, Live, Outbox, RunnerKey, dial};
use pilot_proto::Cursor;
use pilot_proto::runner::{BulkHead, Known, ToHub, ToRunner, VERSION, Verdict};
use pilot_testkit::faults::FaultProxy;
use tokio::net::TcpListener;

const RECORDS: u64 = 30_000;
const CUTS: usize = 60;

fn at(seq: u64) -> Cursor {
    Cursor { epoch: 1, seq }
}

/// As long as its number says, up to about 200 bytes.
fn record(seq: u64) -> String {
    let padding = usize::try_from(seq % 190).expect("small");
    format!("{{\"seq\":{seq},\"text\":\"{:padding$}\"}}\n", "")
}

/// The hub: one connection at a time, and the journal it committed.
struct Hub {
    listener: TcpListener,
    committed: u64,
    received: u64,
}

impl Hub {
    /// Until it is dropped: the last acknowledgement may be cut off too.
    async fn serve(&mut self, key: &RunnerKey) {
        loop {
            let accepted = greet_as_hub(&self.listener, enrolled(key), patient()).await;
            // A line that is cut during the greeting is one more cut.
            if let Ok(accepted) = accepted {
                self.listen(accepted).await;
            }
        }
    }

    async fn listen(&mut self, accepted: Accepted) {
        let Accepted { mut live, .. } = accepted;
        let known = Known { run: run_id(), acked: at(self.committed), verdict: Verdict::Keep };
        let welcome = ToRunner::Welcome { version: VERSION, runs: vec![known] };
        let sender = live.sender();
        let mut said = sender.send(&welcome).await;
        while said.is_ok() {
            let Ok(incoming) = live.recv().await else { return };
            let Incoming::Bulk(BulkHead::Journal { first, .. }, bytes) = incoming else {
                panic!("only whole frames arrive: {incoming:?}")
            };
            assert_eq!(first, at(self.committed + 1), "no hole, nothing twice");
            for line in std::str::from_utf8(&bytes).expect("text").split_inclusive('\n') {
                self.committed += 1;
                assert_eq!(line, record(self.committed), "as it was written");
            }
            self.received += bytes.len() as u64;
            let acked = ToRunner::Acked { run: run_id(), cursor: at(self.committed) };
            said = sender.send(&acked).await;
        }
    }
}

/// The daemon: the file is [`record`].
struct Runner {
    outbox: Outbox,
    sent: u64,
    cuts: usize,
}

impl Runner {
    /// Ships until the hub has everything or the line is cut.
    async fn ship(&mut self, mut live: Live<ToRunner, ToHub>) {
        loop {
            if self.outbox.acked() == at(RECORDS) || self.send(&live).await.is_err() {
                return;
            }
            match live.recv().await {
                Ok(Incoming::Message(ToRunner::Acked { cursor, .. })) => self.outbox.ack(cursor),
                Ok(other) => panic!("{other:?}"),
                Err(_cut) => return,
            }
        }
    }

    async fn send(&mut self, live: &Live<ToRunner, ToHub>) -> Result<(), pilot_link::SendError> {
        loop {
            let first = self.outbox.position().seq + 1;
            let (mut last, mut batch) = (first - 1, String::new());
            while last < RECORDS && batch.len() < 8 * 1024 {
                last += 1;
                batch.push_str(&record(last));
            }
            if batch.is_empty() || !self.outbox.admits(batch.len()) {
                return Ok(());
            }
            let head = BulkHead::Journal { run: run_id(), first: at(first) };
            live.sender().send_bulk(&head, batch.as_bytes()).await?;
            self.outbox.sent(at(last), batch.len());
            self.sent += batch.len() as u64;
        }
    }
}

#[tokio::test]
async fn a_journal_gets_through_a_line_that_is_cut_at_any_byte() {
    let (key, (listener, address)) = (key(), listen().await);
    let proxy = FaultProxy::start(address).await.expect("a proxy");
    let mut hub = Hub { listener, committed: 0, received: 0 };
    let window = 256 * 1024;
    let mut runner = Runner { outbox: Outbox::with_window(at(0), window), sent: 0, cuts: 0 };
    let endpoint = endpoint(proxy.address());
    let drive = async {
        // Any numbers would do; these are the same in every run.
        let mut chance: u64 = 0x2545_f491_4f6c_dd1d;
        while runner.outbox.acked() < at(RECORDS) {
            if runner.cuts < CUTS {
                chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Every fourth within the upgrade or the greeting.
                let bits = if runner.cuts.is_multiple_of(4) { 10 } else { 17 };
                proxy.cut_after(chance >> (64 - bits));
                runner.cuts += 1;
            }
            let dialled = dial(&endpoint, &key, greeting(), patient()).await;
            let Ok(Dialled { live, runs, .. }) = dialled else { continue };
            runner.outbox.resume(runs[0].acked);
            runner.ship(live).await;
        }
    };
    tokio::select! {
        () = drive => {}
        () = hub.serve(&key) => {}
    }
    assert_eq!(hub.committed, RECORDS);
    assert_eq!(runner.cuts, CUTS, "every cut happened before the end");
    let total: u64 = (1..=RECORDS).map(|seq| record(seq).len() as u64).sum();
    assert_eq!(hub.received, total, "the hub committed each byte once");
    let again = runner.sent - total;
    assert!(again <= (CUTS * window) as u64, "{again} bytes sent again");
    let carried = proxy.carried();
    assert!(carried.up >= total && carried.down > 0, "{carried:?}");
    assert!(proxy.connections().len() > CUTS / 2, "{} connections", proxy.connections().len());
}

#[tokio::test]
async fn a_line_that_went_silent_is_noticed_and_heals() {
    let (key, (listener, address)) = (key(), listen().await);
    let proxy = FaultProxy::start(address).await.expect("a proxy");
    let endpoint = endpoint(proxy.address());
    let silence = std::time::Duration::from_millis(300);
    let deadlines = pilot_link::Deadlines { silence, ..patient() };
    let hub = async {
        let accepted = greet_as_hub(&listener, enrolled(&key), patient()).await.expect("a hello");
        let welcome = ToRunner::Welcome { version: VERSION, runs: vec![] };
        accepted.live.sender().send(&welcome).await.expect("queued");
        accepted
    };
    let (dialled, mut hub) = tokio::join!(dial(&endpoint, &key, greeting(), deadlines), hub);
    let mut runner = dialled.expect("welcomed").live;
    proxy.stall();
    let sent = hub.live.sender().send(&ToRunner::Missing { blobs: vec![] }).await;
    sent.expect("the hub cannot know");
    let closed = runner.recv().await.expect_err("nothing comes through");
    assert!(matches!(closed, pilot_link::Closed::Silent { .. }), "{closed:?}");
    drop(runner);
    proxy.heal();
    let closed = hub.live.recv().await.expect_err("the news arrives");
    assert!(!matches!(closed, pilot_link::Closed::Silent { .. }), "{closed:?}");
}
