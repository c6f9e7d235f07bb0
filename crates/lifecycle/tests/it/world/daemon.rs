//! A runner's machine: its disk, its daemon, and what lives on it.

use super::shim::{Shim, Workspace};
use super::wire::{Down, Up};
use super::{Happening, World};
use pilot_lifecycle::{Past, RunEvent, RunMachine};
use pilot_proto::event::{Cursor, Event, Record};
use pilot_proto::run::RunSpec;
use pilot_proto::runner::{Act, Held, Verdict};
use pilot_proto::{OrderId, RunId, RunnerId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// What a heartbeat stands for here; a tenth of the lease is often enough.
const BEAT: u64 = 60_000;
/// Records per batch, and batches that may be under way.
const BATCH: usize = 8;
const WINDOW: u64 = 24;

/// One machine.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) runner: RunnerId,
    /// The disk: what every process finds again.
    pub(crate) disk: BTreeMap<RunId, RunDirectory>,
    pub(crate) workspaces: BTreeMap<RunId, Workspace>,
    pub(crate) shims: BTreeMap<RunId, Shim>,
    pub(crate) daemon: Option<Daemon>,
    /// Counts the daemon's lives.
    pub(crate) life: u64,
    /// Nothing comes through before this.
    pub(crate) cut_off_until: u64,
    /// The daemon is gone for longer than a lease.
    pub(crate) long_outage: bool,
}

/// What is kept of a run, until the hub has it all.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    pub(crate) spec: RunSpec,
    pub(crate) journal: Vec<Record>,
    pub(crate) epoch: u32,
}

impl RunDirectory {
    pub(crate) fn finished(&self) -> bool {
        matches!(self.journal.last(), Some(Record { event: Event::Finished(_), .. }))
    }

    fn end(&self) -> Cursor {
        self.journal.last().map_or_else(Cursor::default, Record::cursor)
    }
}

/// The daemon's memory.
#[derive(Debug, Default)]
pub(crate) struct Daemon {
    pub(crate) connection: Option<usize>,
    welcome: bool,
    /// When the hello and the beats that are not answered yet were sent.
    hello_sent: Timestamp,
    beats: VecDeque<Timestamp>,
    /// How far each journal was sent over this connection, and acked.
    sent: BTreeMap<RunId, (u64, u64)>,
    /// What was declined once is declined for good: an assignment may come twice,
    /// and the hub gives the task away at the first no.
    declined: BTreeSet<RunId>,
    /// Orders for shims, kept so that one that is just recovering gets them.
    orders: BTreeMap<RunId, Vec<(OrderId, Act)>>,
}

impl Machine {
    pub(crate) fn new(runner: RunnerId) -> Self {
        Self {
            runner,
            disk: BTreeMap::new(),
            workspaces: BTreeMap::new(),
            shims: BTreeMap::new(),
            daemon: None,
            life: 0,
            cut_off_until: 0,
            long_outage: false,
        }
    }

    /// A shim died and nobody has taken over yet.
    pub(crate) fn has_orphans(&self) -> bool {
        self.disk.iter().any(|(run, kept)| !kept.finished() && !self.shims.contains_key(run))
    }
}

impl World {
    pub(crate) fn daemon_up(&mut self, machine: usize) {
        let here = &mut self.machines[machine];
        here.long_outage = false;
        here.life += 1;
        let life = here.life;
        here.daemon = Some(Daemon::default());
        let orphans: Vec<RunId> = here
            .disk
            .iter()
            .filter(|(run, kept)| !kept.finished() && !here.shims.contains_key(run))
            .map(|(run, _)| *run)
            .collect();
        for run in orphans {
            self.recover(machine, run);
        }
        self.schedule(1, Happening::Dial { machine, life });
    }

    pub(crate) fn daemon_down(&mut self, machine: usize, pause: u64) {
        if let Some(daemon) = self.machines[machine].daemon.take() {
            if let Some(connection) = daemon.connection {
                self.cut(connection);
            }
            self.schedule(pause, Happening::DaemonUp { machine });
        }
    }

    pub(crate) fn shim_died(&mut self, machine: usize, life: u64, run: RunId) {
        let here = &self.machines[machine];
        let unfinished = here.disk.get(&run).is_some_and(|kept| !kept.finished());
        if here.daemon.is_some()
            && here.life == life
            && unfinished
            && !here.shims.contains_key(&run)
        {
            self.recover(machine, run);
        }
        // It may have died between its last record and waking the daemon.
        self.ship(machine, run);
    }

    fn recover(&mut self, machine: usize, run: RunId) {
        let now = self.clock();
        let Some(kept) = self.machines[machine].disk.get_mut(&run) else { return };
        kept.epoch += 1;
        let mut past = Past::default();
        for record in &kept.journal {
            past.fold(&record.event);
        }
        let shim = Shim::new(RunMachine::recover(now, &kept.spec, past), kept.epoch);
        self.start_shim(machine, run, shim);
    }

    fn start_shim(&mut self, machine: usize, run: RunId, shim: Shim) {
        let epoch = shim.epoch;
        self.machines[machine].shims.insert(run, shim);
        self.shim_hears(machine, run, epoch, RunEvent::Start);
        let daemon = self.machines[machine].daemon.as_ref();
        let orders = daemon.and_then(|daemon| daemon.orders.get(&run)).cloned();
        for (order, act) in orders.unwrap_or_default() {
            self.shim_hears(machine, run, epoch, RunEvent::Order { order, act });
        }
    }

    pub(crate) fn dial(&mut self, machine: usize, life: u64) {
        let now = self.clock();
        let here = &self.machines[machine];
        if here.life != life
            || here.daemon.as_ref().is_none_or(|daemon| daemon.connection.is_some())
        {
            return;
        }
        if self.now < here.cut_off_until || !self.hub.up {
            let wait = self.dice.between(1_000, 30_000);
            return self.schedule(wait, Happening::Dial { machine, life });
        }
        let connection = self.connect(machine);
        let here = &mut self.machines[machine];
        let held = here
            .disk
            .iter()
            .map(|(run, kept)| Held {
                run: *run,
                fence: kept.spec.fence,
                end: kept.end(),
                finished: kept.finished(),
            })
            .collect();
        if let Some(daemon) = &mut here.daemon {
            daemon.connection = Some(connection);
            daemon.welcome = false;
            daemon.hello_sent = now;
            daemon.beats.clear();
            daemon.sent.clear();
        }
        self.send_up(connection, &Up::Hello { held });
        self.schedule(BEAT, Happening::Beat { machine, connection });
    }

    pub(crate) fn beat(&mut self, machine: usize, connection: usize) {
        let now = self.clock();
        let here = &mut self.machines[machine];
        let Some(daemon) = &mut here.daemon else { return };
        if daemon.connection != Some(connection) {
            return;
        }
        daemon.beats.push_back(now);
        let runs =
            here.disk.iter().filter(|(_, kept)| !kept.finished()).map(|(run, _)| *run).collect();
        self.send_up(connection, &Up::Beat { runs });
        self.schedule(BEAT, Happening::Beat { machine, connection });
    }

    pub(crate) fn daemon_sees_cut(&mut self, connection: usize) {
        let machine = self.connections[connection].machine;
        let here = &mut self.machines[machine];
        let life = here.life;
        if let Some(daemon) = &mut here.daemon
            && daemon.connection == Some(connection)
        {
            daemon.connection = None;
            let wait = self.dice.between(10, 5_000);
            self.schedule(wait, Happening::Dial { machine, life });
        }
    }

    pub(crate) fn daemon_hears(&mut self, connection: usize, message: Down) {
        let machine = self.connections[connection].machine;
        let Some(daemon) = &mut self.machines[machine].daemon else { return };
        if daemon.connection != Some(connection) {
            return;
        }
        match message {
            Down::Welcome { runs } => {
                daemon.welcome = true;
                let heard = daemon.hello_sent;
                for known in &runs {
                    daemon.sent.insert(known.run, (known.acked.seq, known.acked.seq));
                }
                self.renew_leases(machine, heard);
                for known in runs {
                    self.obey(machine, known.run, known.verdict);
                }
                self.ship_all(machine);
            }
            Down::BeatHeard => {
                if let Some(sent) = daemon.beats.pop_front() {
                    self.renew_leases(machine, sent);
                }
            }
            Down::Assign { spec } => self.assigned(machine, connection, *spec),
            Down::Order { order, run, act } => {
                daemon.orders.entry(run).or_default().push((order, act.clone()));
                if let Some(epoch) = self.machines[machine].shims.get(&run).map(|shim| shim.epoch) {
                    self.shim_hears(machine, run, epoch, RunEvent::Order { order, act });
                }
            }
            Down::Acked { run, cursor } => {
                if let Some((sent, acked)) = daemon.sent.get_mut(&run) {
                    *acked = (*acked).max(cursor.seq);
                    *sent = (*sent).max(cursor.seq);
                }
                self.ship(machine, run);
            }
            Down::Verdict { run, verdict } => self.obey(machine, run, verdict),
        }
    }

    /// Only what the hub confirmed counts, and only from when it was asked.
    fn renew_leases(&mut self, machine: usize, asked: Timestamp) {
        let shims: Vec<(RunId, u32, u64)> = self.machines[machine]
            .shims
            .iter()
            .filter_map(|(run, shim)| {
                let lease = self.machines[machine].disk.get(run)?.spec.lease_secs;
                Some((*run, shim.epoch, lease))
            })
            .collect();
        for (run, epoch, lease) in shims {
            let until = asked.after(Duration::from_secs(lease));
            self.shim_hears(machine, run, epoch, RunEvent::LeaseRenewed { until });
        }
    }

    fn obey(&mut self, machine: usize, run: RunId, verdict: Verdict) {
        let here = &mut self.machines[machine];
        match verdict {
            Verdict::Keep | Verdict::Unknown => {}
            Verdict::Fenced => {
                if let Some(epoch) = here.shims.get(&run).map(|shim| shim.epoch) {
                    self.shim_hears(machine, run, epoch, RunEvent::Fenced);
                }
            }
            Verdict::Forget => {
                if here.disk.get(&run).is_some_and(RunDirectory::finished) {
                    here.disk.remove(&run);
                }
                if let Some(daemon) = &mut here.daemon {
                    daemon.orders.remove(&run);
                }
            }
        }
    }

    fn assigned(&mut self, machine: usize, connection: usize, spec: RunSpec) {
        let now = self.clock();
        let run = spec.run;
        let here = &self.machines[machine];
        if here.disk.contains_key(&run) {
            return self.send_up(connection, &Up::Taken { run });
        }
        let busy = here.disk.values().filter(|kept| !kept.finished()).count();
        let full = busy >= usize::try_from(self.setting.workers).expect("a few");
        let declined = here.daemon.as_ref().is_some_and(|daemon| daemon.declined.contains(&run));
        if declined || full || (self.faulty() && self.dice.chance(50)) {
            if let Some(daemon) = &mut self.machines[machine].daemon {
                daemon.declined.insert(run);
            }
            return self.send_up(connection, &Up::Declined { run });
        }
        let shim = Shim::new(RunMachine::new(now, &spec), 1);
        let here = &mut self.machines[machine];
        here.disk.insert(run, RunDirectory { spec, journal: Vec::new(), epoch: 1 });
        if self.faulty() && self.dice.chance(10) {
            // Killed between the ledger and the shim: whoever starts next finds
            // a run that never began.
            let pause = self.dice.between(100, 20_000);
            return self.daemon_down(machine, pause);
        }
        if self.faulty() && self.dice.chance(40) {
            // It takes the run and nobody hears of it.
            self.cut(connection);
        }
        self.send_up(connection, &Up::Taken { run });
        self.start_shim(machine, run, shim);
    }

    fn ship_all(&mut self, machine: usize) {
        let runs: Vec<RunId> = self.machines[machine].disk.keys().copied().collect();
        for run in runs {
            self.ship(machine, run);
        }
    }

    /// Sends what the window allows.
    pub(crate) fn ship(&mut self, machine: usize, run: RunId) {
        let here = &mut self.machines[machine];
        let Some(kept) = here.disk.get(&run) else { return };
        let Some(daemon) = &mut here.daemon else { return };
        let Some(connection) = daemon.connection.filter(|_| daemon.welcome) else { return };
        let (sent, acked) = daemon.sent.entry(run).or_insert((0, 0));
        let mut batches = Vec::new();
        while sent.saturating_sub(*acked) < WINDOW {
            let from = usize::try_from(*sent).expect("short");
            let records: Vec<Record> =
                kept.journal.iter().skip(from).take(BATCH).cloned().collect();
            let Some(last) = records.last() else { break };
            *sent = last.seq;
            batches.push(records);
        }
        for records in batches {
            self.send_up(connection, &Up::Journal { run, records });
        }
    }
}
