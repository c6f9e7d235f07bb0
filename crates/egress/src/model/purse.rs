//! The money of a run: what was spent, what the calls under way are about to
//! spend, and whether there is any left.
//!
//! **Invariant:** a call that has begun is either open, with its running
//! estimate, or settled, with what it cost; never both and never neither.

use pilot_proto::run::Usage;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a run has used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Since the last [`super::Gateway::begin_turn`].
    pub turn: Usage,
    /// Since the run began.
    pub run: Usage,
    /// Micro-dollars of the whole task: its earlier runs, this one, and the
    /// running estimate of the calls under way.
    pub task_micros: u64,
    /// Calls that ended.
    pub calls: u64,
    /// So many of them could not be told, because nobody took them in time.
    /// Their money is in the sums all the same.
    pub calls_lost: u64,
}

/// The purse of one run.
#[derive(Debug)]
pub(crate) struct Purse(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    before: u64,
    budget: Option<u64>,
    turn: Usage,
    run: Usage,
    open: u64,
    calls: u64,
    calls_lost: u64,
    /// The owner knows that this budget is used up.
    told: bool,
}

/// There is no money left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsedUp {
    pub(crate) spent: u64,
    pub(crate) budget: u64,
    /// Nobody has been told yet.
    pub(crate) news: bool,
}

impl Inner {
    fn total(&self) -> u64 {
        let settled = self.run.cost_micros.unwrap_or_default();
        self.before.saturating_add(settled).saturating_add(self.open)
    }

    fn used_up(&mut self, over: impl Fn(u64, u64) -> bool) -> Option<UsedUp> {
        let budget = self.budget?;
        let spent = self.total();
        over(spent, budget).then(|| {
            let news = !std::mem::replace(&mut self.told, true);
            UsedUp { spent, budget, news }
        })
    }
}

impl Purse {
    pub(crate) fn new(before: u64, budget: Option<u64>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner { before, budget, ..Inner::default() })))
    }

    /// Begins a call, if there is anything left for it.
    pub(crate) fn open(self: &Arc<Self>) -> Result<Tab, UsedUp> {
        match self.lock().used_up(|spent, budget| spent >= budget) {
            Some(used_up) => Err(used_up),
            None => Ok(Tab { purse: Arc::clone(self), held: 0, settled: false }),
        }
    }

    pub(crate) fn raise(&self, budget: u64) {
        let mut inner = self.lock();
        inner.budget = Some(budget);
        inner.told = false;
    }

    pub(crate) fn begin_turn(&self) {
        self.lock().turn = Usage::default();
    }

    /// A call could not be told.
    pub(crate) fn lose_call(&self) {
        self.lock().calls_lost += 1;
    }

    pub(crate) fn spent(&self) -> Spent {
        let inner = self.lock();
        Spent {
            turn: inner.turn,
            run: inner.run,
            task_micros: inner.total(),
            calls: inner.calls,
            calls_lost: inner.calls_lost,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The sums are whole after every statement that changes them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call's place in the purse. Dropped unsettled, it cost nothing.
#[derive(Debug)]
pub(crate) struct Tab {
    purse: Arc<Purse>,
    held: u64,
    settled: bool,
}

impl Tab {
    /// The call will have cost so much, if it ended now. `Some`: with that,
    /// more than the budget is spent.
    pub(crate) fn hold(&mut self, micros: u64) -> Option<UsedUp> {
        let mut inner = self.purse.lock();
        inner.open = inner.open.saturating_sub(self.held).saturating_add(micros);
        self.held = micros;
        inner.used_up(|spent, budget| spent > budget)
    }

    /// The call has ended and cost this.
    pub(crate) fn settle(&mut self, usage: Usage) {
        let mut inner = self.purse.lock();
        inner.open = inner.open.saturating_sub(self.held);
        inner.turn = inner.turn.plus(usage);
        inner.run = inner.run.plus(usage);
        inner.calls += 1;
        self.held = 0;
        self.settled = true;
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        if !self.settled {
            let mut inner = self.purse.lock();
            inner.open = inner.open.saturating_sub(self.held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(micros: u64) -> Usage {
        Usage { cost_micros: Some(micros), ..Usage::default() }
    }

    #[test]
    fn calls_under_way_count_together_and_the_news_is_told_once() {
        let purse = Purse::new(40, Some(100));
        let mut first = purse.open().expect("there is money");
        let mut second = purse.open().expect("there is money");
        assert_eq!(first.hold(30), None);
        assert_eq!(second.hold(30), None, "exactly the budget may be spent");
        let used_up = second.hold(31).expect("one more than the budget");
        assert_eq!(used_up, UsedUp { spent: 101, budget: 100, news: true });
        second.settle(cost(31));
        assert!(!first.hold(30).expect("it still is").news, "the owner knows already");
        drop(first);
        assert_eq!(purse.spent().task_micros, 71, "what ended without a cost is not counted");
    }

    #[test]
    fn a_raised_budget_lets_go_on_and_can_be_reached_again() {
        let purse = Purse::new(0, Some(10));
        purse.open().expect("there is money").settle(cost(10));
        assert!(purse.open().expect_err("none is left").news);
        purse.raise(20);
        purse.open().expect("there is money again").settle(cost(10));
        assert!(purse.open().expect_err("none is left again").news, "this is news again");
        assert_eq!(purse.spent().run, cost(20));
        assert_eq!(purse.spent().calls, 2);
    }

    #[test]
    fn a_turn_is_counted_from_its_beginning() {
        let purse = Purse::new(5, None);
        purse.open().expect("no budget").settle(cost(1));
        purse.begin_turn();
        purse.open().expect("no budget").settle(cost(2));
        let spent = purse.spent();
        assert_eq!((spent.turn, spent.run, spent.task_micros), (cost(2), cost(3), 8));
    }
}
