//! The times that a cron expression means in a time zone.
//!
//! `croner` knows the calendar; what a change of the clocks does to it is
//! decided here, as in Vixie's cron. An expression that names its hours and
//! minutes means what the clock on the wall shows: a time that is left out in
//! spring comes when the clocks have changed, and one that comes twice in
//! autumn counts once. One that repeats (`*` or `/` in minutes or hours) means
//! distances: it goes on through both.

use chrono::{
    DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta,
    TimeZone, Utc,
};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use pilot_proto::Timestamp;
use pilot_proto::schedule::SchedulePlan;

const SECOND: TimeDelta = TimeDelta::seconds(1);
/// No zone changes its clocks twice in a day.
const STRIDE: TimeDelta = TimeDelta::days(1);
/// Stretches of one offset that are looked at: the day before the one that is
/// meant, that day, and those around a change of the clocks.
const STRETCHES: usize = 8;
/// Times of an hour that came before: as many as it has minutes, and those of
/// the zones that put the clocks back by more than one.
const SAME_HOUR: usize = 181;

/// A cron expression, read in a time zone, up to its last day if it has one.
#[derive(Debug, Clone)]
pub struct Times {
    cron: Cron,
    zone: Tz,
    repeats: bool,
    end: Option<Timestamp>,
}

/// It is no such expression, or there is no such zone or day. All say it in a
/// sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadTimes {
    /// The expression.
    Cron(String),
    /// The zone.
    Zone(String),
    /// The last day.
    Day(String),
}

impl Times {
    /// Reads an expression of five fields (minute, hour, day, month, weekday)
    /// or a nickname, and the name of a time zone.
    pub fn of(cron: &str, zone: &str) -> Result<Self, BadTimes> {
        let zone: Tz = zone.parse().map_err(|_| {
            BadTimes::Zone(format!("`zone`: there is no time zone `{}`.", short(zone)))
        })?;
        let fields: Vec<&str> = cron.split_whitespace().collect();
        let is_nickname = fields.len() == 1 && fields[0].starts_with('@');
        if fields.len() != 5 && !is_nickname {
            let count = fields.len();
            return Err(BadTimes::Cron(format!(
                "`cron`: five fields are needed (minute, hour, day, month, weekday); there are {count}."
            )));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed);
        let parsed = parser.build().parse(cron).map_err(|error| {
            let why = error.to_string();
            let why = why.trim_end_matches('.');
            BadTimes::Cron(format!("`cron`: `{}` cannot be read: {why}.", short(cron)))
        })?;
        let repeats = if is_nickname {
            fields[0].eq_ignore_ascii_case("@hourly")
        } else {
            fields.iter().take(2).any(|field| field.contains(['*', '/']))
        };
        let times = Self { cron: parsed, zone, repeats, end: None };
        match times.after(Timestamp(0)) {
            Some(_) => Ok(times),
            None => {
                let cron = short(cron);
                Err(BadTimes::Cron(format!("`cron`: `{cron}` names a day that never comes.")))
            }
        }
    }

    /// The times of a schedule: none comes after its last day.
    pub fn of_plan(plan: &SchedulePlan) -> Result<Self, BadTimes> {
        let times = Self::of(&plan.cron, &plan.zone)?;
        let Some(day) = &plan.stop.last_day else { return Ok(times) };
        let no_day = || BadTimes::Day(format!("`last_day`: `{}` is no day.", short(day)));
        let end = times.end_of(day).ok_or_else(no_day)?;
        Ok(Self { end: Some(end), ..times })
    }

    /// What the expression means, in words.
    pub fn says(&self) -> String {
        self.cron.describe()
    }

    /// The first time after `at`.
    pub fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let at = DateTime::from_timestamp_micros(at.0)?;
        let next = if self.repeats { self.distance(at) } else { self.on_the_wall(at) }?;
        let next = Timestamp(next.timestamp_micros());
        self.end.is_none_or(|end| next < end).then_some(next)
    }

    /// The first `count` times after `at`.
    pub fn some_after(&self, at: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.after(at), |last| self.after(*last)).take(count).collect()
    }

    /// What the clocks of the zone show: `2026-11-22 03:00 +01:00`.
    pub fn local(&self, at: Timestamp) -> String {
        let at = DateTime::from_timestamp_micros(at.0).unwrap_or_default();
        at.with_timezone(&self.zone).format("%Y-%m-%d %H:%M %:z").to_string()
    }

    /// When a day is over in the zone; none where `day` is not `YYYY-MM-DD`.
    pub fn end_of(&self, day: &str) -> Option<Timestamp> {
        let read: NaiveDate = day.parse().ok()?;
        // What is kept is what a page can show and a person reads.
        if read.to_string() != day {
            return None;
        }
        let end = self.real(read.succ_opt()?.and_time(NaiveTime::MIN))?;
        Some(Timestamp(end.timestamp_micros()))
    }

    /// By what the clock on the wall shows.
    fn on_the_wall(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut shown = second_after(at).with_timezone(&self.zone).naive_local();
        for _ in 0..SAME_HOUR {
            let next = self.calendar(shown)?;
            let real = self.real(next)?;
            if real > at {
                return Some(real);
            }
            shown = next + SECOND;
        }
        None
    }

    /// When the clocks show it: the first time that they do, or, where they never
    /// do, when they have changed.
    fn real(&self, shown: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self.zone.from_local_datetime(&shown) {
            LocalResult::Single(time) => Some(time.to_utc()),
            LocalResult::Ambiguous(first, _) => Some(first.to_utc()),
            LocalResult::None => self.end_of_gap(shown),
        }
    }

    /// By distances: each stretch between two changes of the clocks has one
    /// offset, and is a calendar without gaps.
    fn distance(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut start = second_after(at);
        for _ in 0..STRETCHES {
            let offset = self.offset(start);
            let end = self.change_within(start, STRIDE).unwrap_or(start + STRIDE);
            let next = self.calendar(start.with_timezone(&offset).naive_local())?;
            let next = next.and_local_timezone(offset).single()?.to_utc();
            if next < end {
                return Some(next);
            }
            start = end.max(next - STRIDE);
        }
        None
    }

    fn offset(&self, at: DateTime<Utc>) -> FixedOffset {
        self.zone.offset_from_utc_datetime(&at.naive_utc()).fix()
    }

    /// When the clocks change in the time after `from`, to the second.
    fn change_within(&self, from: DateTime<Utc>, stride: TimeDelta) -> Option<DateTime<Utc>> {
        let before = self.offset(from);
        let (mut low, mut high) = (from.timestamp(), (from + stride).timestamp());
        if self.offset(DateTime::from_timestamp(high, 0)?) == before {
            return None;
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.offset(DateTime::from_timestamp(middle, 0)?) == before {
                low = middle;
            } else {
                high = middle;
            }
        }
        DateTime::from_timestamp(high, 0)
    }

    /// When the clocks have changed over a time that they never show.
    fn end_of_gap(&self, shown: NaiveDateTime) -> Option<DateTime<Utc>> {
        let around = shown.and_utc() - STRIDE;
        self.change_within(around, STRIDE + STRIDE)
    }

    /// The first that the calendar has, from this on, whatever the clocks do.
    fn calendar(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        self.cron.find_next_occurrence(&from.and_utc(), true).ok().map(|time| time.naive_utc())
    }
}

/// Cron knows nothing shorter than a second.
fn second_after(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at) + SECOND
}

/// As much of it as a message shows.
fn short(text: &str) -> String {
    text.chars().filter(|one| !one.is_control()).take(60).collect()
}
