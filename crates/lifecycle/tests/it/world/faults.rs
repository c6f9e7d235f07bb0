//! What breaks.

use super::World;
use super::hub::LEASE_SECS;
use pilot_proto::RunId;

impl World {
    pub(crate) fn fault(&mut self) {
        let machine = usize::try_from(self.dice.below(self.machines.len() as u64)).expect("few");
        match self.dice.below(100) {
            0..25 => self.cut_off(machine, 0),
            25..40 => {
                let secs = self.dice.between(10, 400);
                self.cut_off(machine, secs);
            }
            40..55 => {
                // Beyond the lease, sometimes beyond the grace as well.
                let secs = self.dice.between(LEASE_SECS - 60, LEASE_SECS + 700);
                self.cut_off(machine, secs);
            }
            55..70 => {
                if self.hub.up {
                    self.hub_down();
                }
            }
            70..80 => {
                // Shorter than the grace: it may have an orphan to kill when it is back.
                let pause = self.dice.between(100, 200_000);
                self.daemon_down(machine, pause);
            }
            80..87 => {
                // Its shims must then give up by themselves. One that also died
                // would leave an agent that nobody is there to stop.
                if !self.machines[machine].has_orphans() {
                    self.machines[machine].long_outage = true;
                    let secs = self.dice.between(LEASE_SECS, LEASE_SECS + 1_500);
                    self.daemon_down(machine, secs * 1000);
                }
            }
            _ => {
                if !self.machines[machine].long_outage {
                    let shims: Vec<RunId> = self.machines[machine].shims.keys().copied().collect();
                    let dead = self.dice.below(shims.len().max(1) as u64);
                    if let Some(run) = shims.get(usize::try_from(dead).expect("few")) {
                        self.shim_crashes(machine, *run);
                    }
                }
            }
        }
    }

    /// The machine's connection breaks, and none comes about for a while.
    fn cut_off(&mut self, machine: usize, secs: u64) {
        let until = self.now + secs * 1000;
        let here = &mut self.machines[machine];
        here.cut_off_until = here.cut_off_until.max(until);
        if let Some(connection) = here.daemon.as_ref().and_then(|daemon| daemon.connection) {
            self.cut(connection);
        }
    }
}
