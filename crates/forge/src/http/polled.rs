//! Answers kept with their `ETag`, so that what is looked at again and again
//! costs a 304: GitHub does not count those.

use super::reply::Reply;
use reqwest::header::{self, HeaderValue};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Looked at again and again are the pull requests of one hub: a few dozen,
/// with about four addresses each.
const MOST: usize = 256;
/// Larger answers are simply read again: 256 of these are 64 MiB at the worst.
const LARGEST: usize = 256 * 1024;

/// The answers kept, by address.
#[derive(Debug, Default)]
pub(crate) struct Polled(Mutex<BTreeMap<String, Reply>>);

impl Polled {
    /// What to ask with: the tag of the answer that is kept.
    pub(crate) fn tag(&self, url: &str) -> Option<HeaderValue> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(url)?.headers.get(header::ETAG).cloned()
    }

    /// The answer that `reply` stands for: the kept one if nothing changed.
    pub(crate) fn settle(&self, url: &str, reply: Reply) -> Reply {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reply.status == 304 {
            return kept.get(url).cloned().unwrap_or(reply);
        }
        kept.remove(url);
        if reply.is_good()
            && reply.headers.contains_key(header::ETAG)
            && reply.body.len() <= LARGEST
        {
            if kept.len() >= MOST {
                kept.pop_first();
            }
            kept.insert(url.to_owned(), reply.clone());
        }
        reply
    }
}
