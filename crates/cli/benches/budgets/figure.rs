//! One measured figure.

use serde::Serialize;
use std::time::{Duration, Instant};

#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What it was compared with, in the same run.
    pub(crate) against: String,
    /// Value over that, where there is one.
    pub(crate) ratio: Option<f64>,
    /// What was promised, in words.
    pub(crate) budget: Option<&'static str>,
    pub(crate) met: Option<bool>,
}

impl Figure {
    pub(crate) fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit, against: String::new(), ratio: None, budget: None, met: None }
    }

    pub(crate) fn against(mut self, what: &str, floor: f64) -> Self {
        self.against = format!("{what}: {floor:.2} {}", self.unit);
        self.ratio = Some(self.value / floor);
        self
    }

    pub(crate) fn budget(mut self, budget: &'static str, met: bool) -> Self {
        self.budget = Some(budget);
        self.met = Some(met);
        self
    }

    #[expect(clippy::print_stdout, reason = "figures are what this program prints")]
    pub(crate) fn print(&self, json: bool) {
        if json {
            println!("{}", serde_json::to_string(self).expect("numbers and words"));
            return;
        }
        let ratio = self.ratio.map(|ratio| format!("  ratio {ratio:.2}")).unwrap_or_default();
        let against = match self.against.as_str() {
            "" => String::new(),
            against => format!("  ({against})"),
        };
        let budget = match (self.budget, self.met) {
            (Some(budget), Some(true)) => format!("  budget {budget}: met"),
            (Some(budget), _) => format!("  budget {budget}: NOT MET"),
            (None, _) => String::new(),
        };
        println!("{:<34} {:>10.2} {:<6}{ratio}{against}{budget}", self.name, self.value, self.unit);
    }
}

/// The middle one of several tries; the machine is shared and noisy.
pub(crate) fn median(tries: usize, mut measure: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..tries).map(|_| measure()).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

pub(crate) fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// The value that `share` of them do not exceed.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len() - 1;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index between 0 and last"
    )]
    let index = (last as f64 * share).round() as usize;
    sorted[index.min(last)]
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
