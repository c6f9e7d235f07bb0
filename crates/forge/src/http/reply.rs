//! An answer, read to its end: its status, and what its headers say about the
//! rest of a list and about how much more may be asked.
//!
//! The four forges say the same in different headers. What a header does not
//! say is none here, and never a guess.

use reqwest::Response;
use reqwest::header::{self, AsHeaderName, HeaderMap};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// GitHub asks for a minute at least when it names no time for its secondary
/// limit (its documentation on rate limits).
const SECONDARY_WAIT: Duration = Duration::from_secs(60);

/// What a forge answered, read to its end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What the headers of a list say about the rest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paging {
    next: Option<bool>,
    total: Option<usize>,
}

impl Paging {
    /// True if more than the `seen` items are to be had. A list of one page
    /// has no `Link` header; the total tells that from a proxy that eats it.
    pub(crate) fn more(self, seen: usize) -> bool {
        self.next.unwrap_or(false) || self.total.is_some_and(|total| seen < total)
    }
}

/// How much more a forge lets us ask, as its last answer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Requests left in the window.
    pub remaining: u64,
    /// Until the window ends, by the forge's own clock; none if it did not say.
    pub renews_in: Option<Duration>,
}

impl Reply {
    pub(crate) fn begin(response: &mut Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: Vec::new(),
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        (200..=299).contains(&self.status)
    }

    pub(crate) fn text(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.trim().parse().ok()
    }

    /// In seconds only: the other form needs the clocks of two machines to
    /// agree, and our own step is a fair answer to it.
    fn retry_after(&self) -> Option<Duration> {
        self.text(header::RETRY_AFTER)?.trim().parse().ok().map(Duration::from_secs)
    }

    /// `X-RateLimit-*` of GitHub, `RateLimit-*` of GitLab. A Gitea has none.
    pub(crate) fn budget(&self) -> Option<Budget> {
        let either = |name: &str| {
            self.number(&format!("x-ratelimit-{name}"))
                .or_else(|| self.number(&format!("ratelimit-{name}")))
        };
        let remaining = either("remaining")?;
        Some(Budget { remaining, renews_in: either("reset").and_then(|at| self.until(at)) })
    }

    /// From the forge's own `Date` to a second of Unix time, so that our clock
    /// does not matter.
    fn until(&self, at: u64) -> Option<Duration> {
        let now = unix_time(self.text(header::DATE)?)?;
        Some(Duration::from_secs(at.saturating_sub(now)))
    }

    /// It did not look at the request, because we ask too much: 429, or a 403
    /// that says so (GitHub's two limits). How long it wants us to wait, if it
    /// says so.
    pub(crate) fn limited(&self) -> Option<Option<Duration>> {
        let spent = self.budget().filter(|budget| budget.remaining == 0);
        let asked = self.retry_after();
        match self.status {
            429 => Some(asked.or_else(|| spent.and_then(|budget| budget.renews_in))),
            403 if asked.is_some() => Some(asked),
            403 if self.speaks_of_secondary_limit() => Some(Some(SECONDARY_WAIT)),
            403 => spent.map(|budget| budget.renews_in),
            _ => None,
        }
    }

    /// How long a forge that is out of order asks us to wait.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.limited().flatten().or_else(|| self.retry_after())
    }

    fn speaks_of_secondary_limit(&self) -> bool {
        let said = serde_json::from_slice::<Value>(&self.body).ok();
        let said = said.as_ref().and_then(|said| said["message"].as_str()).unwrap_or_default();
        let said = said.to_ascii_lowercase();
        said.contains("secondary rate limit") || said.contains("abuse detection")
    }

    pub(crate) fn paging(&self) -> Paging {
        let by_page = self.text("x-next-page").map(|page| !page.trim().is_empty());
        let by_link = self.text(header::LINK).map(has_next);
        let total = self.number("x-total-count").or_else(|| self.number("x-total"));
        Paging { next: by_link.or(by_page), total: total.and_then(|total| total.try_into().ok()) }
    }

    /// Where a redirect leads, without what may be secret in it.
    pub(crate) fn location(&self, asked: &Url) -> Option<Url> {
        asked.join(self.text(header::LOCATION)?).ok()
    }
}

/// `<https://…?page=2>; rel="next", <…>; rel="last"`.
fn has_next(link: &str) -> bool {
    link.split(',').any(|part| {
        part.split(';').skip(1).any(|parameter| {
            let parameter = parameter.trim();
            parameter.strip_prefix("rel=").is_some_and(|rel| rel.trim_matches('"') == "next")
        })
    })
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7), the one form that may be
/// sent, in seconds of Unix time.
fn unix_time(date: &str) -> Option<u64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut words = date.split_once(", ")?.1.split(' ');
    let day: u64 = words.next()?.parse().ok()?;
    let month = MONTHS.find(words.next()?)? as u64 / 3;
    let year: u64 = words.next()?.parse().ok()?;
    let mut time = words.next()?.split(':').map(str::parse::<u64>);
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    // Days since 1970-03-01 in a calendar whose years begin in March, where
    // the leap day is the last of a year.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Reply {
        let mut reply = Reply { status, body: body.into(), ..Reply::default() };
        for (name, value) in headers {
            let name = HeaderName::from_static(name);
            reply.headers.insert(name, HeaderValue::from_static(value));
        }
        reply
    }

    #[test]
    fn a_date_is_read_as_seconds() {
        for (date, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Thu, 29 Feb 2024 23:59:59 GMT", Some(1_709_251_199)),
            ("Fri, 01 Mar 2024 00:00:00 GMT", Some(1_709_251_200)),
            ("yesterday", None),
        ] {
            assert_eq!(unix_time(date), expected, "{date}");
        }
    }

    #[test]
    fn the_limits_of_every_forge_are_told_from_a_refusal() {
        let seconds = |secs| Some(Some(Duration::from_secs(secs)));
        let date = ("date", "Thu, 01 Jan 1970 00:01:00 GMT");
        let secondary = r#"{"message":"You have exceeded a secondary rate limit. Please wait."}"#;
        for (reply, expected) in [
            (reply(429, &[("retry-after", "7")], ""), seconds(7)),
            (reply(429, &[], ""), Some(None)),
            (
                reply(429, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "90"), date], ""),
                seconds(30),
            ),
            (
                reply(
                    403,
                    &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "100"), date],
                    "",
                ),
                seconds(40),
            ),
            (
                reply(403, &[("retry-after", "61"), ("x-ratelimit-remaining", "4000")], ""),
                seconds(61),
            ),
            (reply(403, &[("x-ratelimit-remaining", "4000")], secondary), seconds(60)),
            (reply(403, &[("x-ratelimit-remaining", "4000")], r#"{"message":"Not yours"}"#), None),
            (reply(404, &[("retry-after", "7")], ""), None),
        ] {
            assert_eq!(reply.limited(), expected, "{reply:?}");
        }
    }

    #[test]
    fn pages_are_told_by_any_of_the_headers() {
        let more = |headers: &[_], seen| reply(200, headers, "").paging().more(seen);
        assert!(more(
            &[("link", "<https://f/?page=2>; rel=\"next\", <https://f/?page=3>; rel=\"last\"")],
            50
        ));
        assert!(!more(&[("link", "<https://f/?q=rel=next>; rel=\"prev\"")], 50));
        assert!(more(&[("x-total-count", "51")], 50) && !more(&[("x-total-count", "50")], 50));
        assert!(more(&[("x-next-page", "2")], 1) && !more(&[("x-next-page", "")], 1));
        assert!(!more(&[], 50), "a forge that says nothing has no more");
    }
}
