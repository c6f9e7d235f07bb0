//! One call that costs money, from the moment it was let in. Dropping it is
//! what ends it, whichever way it ends: it is settled and told exactly once.

use super::Owner;
use super::meter::{Form, Meter};
use super::price::{Prices, Tally};
use super::purse::{Purse, Tab, UsedUp};
use super::{News, budget_words};
use pilot_proto::model::{Dialect, ModelCall};
use pilot_proto::run::Usage;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// What all calls of a run have in common.
pub(crate) struct Books {
    pub(crate) prices: Prices,
    pub(crate) purse: Arc<Purse>,
    pub(crate) calls: mpsc::Sender<ModelCall>,
    pub(crate) owner: Owner,
}

impl Books {
    /// Tells the owner that the budget is used up, if that is news.
    pub(crate) fn used_up(&self, used_up: UsedUp) -> String {
        if used_up.news {
            (self.owner.news)(News::BudgetReached {
                spent_micros: used_up.spent,
                budget_micros: used_up.budget,
            });
        }
        budget_words(used_up.budget)
    }

    /// Tells of a call, if anybody takes it in time.
    pub(crate) fn tell(&self, call: ModelCall) {
        if self.calls.try_send(call).is_err() {
            self.purse.lose_call();
        }
    }
}

/// A call under way.
pub(crate) struct Call {
    books: Arc<Books>,
    tab: Tab,
    meter: Meter,
    /// The provider has begun to answer: from here on it costs.
    answered: bool,
    request_bytes: u64,
    began: Instant,
    first: Option<Duration>,
    finished: bool,
    told: ModelCall,
}

impl Call {
    pub(crate) fn begin(
        books: Arc<Books>,
        tab: Tab,
        dialect: Dialect,
        model: String,
        request_bytes: u64,
        began: Instant,
    ) -> Self {
        let told = ModelCall {
            provider: String::new(),
            dialect,
            model,
            // Nginx's word for a client that went away before the answer.
            status: 499,
            usage: Usage::default(),
            first_ms: 0,
            total_ms: 0,
            attempts: 0,
            problem: None,
        };
        Self {
            books,
            tab,
            meter: Meter::new(dialect, Form::Whole),
            answered: false,
            request_bytes,
            began,
            first: None,
            finished: false,
            told,
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.told.dialect
    }

    /// Who answers, and after how many requests.
    pub(crate) fn asked(&mut self, provider: &str, attempts: u32) {
        provider.clone_into(&mut self.told.provider);
        self.told.attempts = attempts;
    }

    /// The provider answers with this status, and in this form.
    pub(crate) fn answered(&mut self, status: u16, form: Form) {
        self.told.status = status;
        self.answered = (200..300).contains(&status);
        self.meter = Meter::new(self.told.dialect, form);
    }

    /// The agent is given this status, by us.
    pub(crate) fn refuse(&mut self, status: u16, problem: &str) {
        self.told.status = status;
        self.fail(problem);
    }

    pub(crate) fn fail(&mut self, problem: &str) {
        self.finished = true;
        self.told.problem = Some(problem.to_owned());
    }

    /// Meters a piece of the answer. Returns where in it an event ends.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.first.is_none() && !bytes.is_empty() {
            self.first = Some(self.began.elapsed());
        }
        self.meter.feed(bytes)
    }

    /// `Some`: were the call to end now, more than the budget would be spent,
    /// and it is worth ending. What to tell the agent.
    pub(crate) fn over(&mut self) -> Option<String> {
        let micros = self.cost(&self.meter.tally())?;
        let used_up = self.tab.hold(micros)?;
        let words = self.books.used_up(used_up);
        (!self.meter.done()).then_some(words)
    }

    /// The answer has ended as it should.
    pub(crate) fn finish(&mut self) {
        self.meter.finish();
        self.finished = true;
    }

    fn cost(&self, tally: &Tally) -> Option<u64> {
        let model = self.meter.model().unwrap_or(&self.told.model);
        // Under the name it was asked for, where the answer's has no price.
        let prices = &self.books.prices;
        prices.cost(model, tally).or_else(|| prices.cost(&self.told.model, tally))
    }

    /// Why the numbers may be wrong, if nothing else is.
    fn doubt(&self) -> Option<&'static str> {
        // Codex hangs up on the last event, and has heard everything.
        let heard = self.finished || self.meter.done();
        if self.meter.failed() {
            Some("the provider reported an error in its answer")
        } else if self.answered && !heard {
            Some("the agent hung up; what it used is partly estimated")
        } else if !heard {
            Some("the agent hung up before the answer")
        } else if self.answered && !self.meter.settled() {
            Some("the answer did not say what it used; that is estimated")
        } else {
            None
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let tally = if self.answered {
            self.meter.final_tally(self.request_bytes)
        } else {
            Tally::default()
        };
        let mut usage = tally.usage;
        usage.cost_micros = self.cost(&tally);
        self.tab.settle(usage);
        let doubt = self.doubt().map(str::to_owned);
        let mut told = self.told.clone();
        told.problem = told.problem.or(doubt);
        if let Some(model) = self.meter.model() {
            model.clone_into(&mut told.model);
        }
        told.usage = usage;
        let total = self.began.elapsed();
        told.first_ms = millis(self.first.unwrap_or(total));
        told.total_ms = millis(total);
        self.books.tell(told);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
