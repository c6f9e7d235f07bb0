//! How we talk to a forge: one client, one policy for deadlines, retries,
//! limits, sizes and redirects, and the one place that knows the token.
//!
//! Only what can be asked twice without harm is asked twice: reads, patches
//! and deletions after any failure, a `POST` only where the forge says that it
//! did not look at it (its rate limits) or was never reached.
//!
//! **Invariant:** what a forge says reaches nobody before the token was cut
//! out of it.

mod pace;
mod polled;
mod reach;
mod reply;
mod words;

pub use pace::Pace;
pub use reach::{Reach, Way};
pub(crate) use reach::{address, below, client, shown};
pub use reply::Budget;
pub(crate) use reply::Reply;

use crate::connect::TokenSource;
use crate::error::ForgeError;
use pilot_proto::{ForgeKind, Secret};
use polled::Polled;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Request};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;
use words::{missing_scopes, words};

/// A page of 50 pull requests with bodies of 64 KiB and two repositories each
/// is about 5 MiB; more than three times that is not an answer but a flood.
const MAX_REPLY: usize = 16 * 1024 * 1024;
/// What a person is shown of a forge's words.
const MAX_SAID: usize = 300;
/// Pages of one list: 20,000 items at fifty each. A forge that goes on beyond
/// is going round.
const MAX_PAGES: u32 = 400;

/// What we do when we read a picture of an issue.
pub(crate) const READING_FILE: &str = "reading a file of the issue";

/// What is different from forge to forge about a request.
#[derive(Debug)]
pub(crate) struct Dialect {
    pub(crate) kind: ForgeKind,
    /// Where its API begins.
    pub(crate) api: Url,
    /// The header that shows the token, and what stands before it there.
    pub(crate) login: (&'static str, &'static str),
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// How a list is asked for in pages: GitHub and GitLab say `per_page`.
    pub(crate) page_size: (&'static str, &'static str),
    /// Scopes that a token needs for everything we do.
    pub(crate) needs: &'static [&'static str],
}

/// One request, as often as the policy likes to make it.
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    /// For error messages: `listing pull requests`.
    pub(crate) doing: &'static str,
    pub(crate) method: Method,
    /// Below the API; each is percent-encoded.
    pub(crate) path: &'a [&'a str],
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<&'a Value>,
}

impl<'a> Call<'a> {
    pub(crate) fn get(doing: &'static str, path: &'a [&'a str]) -> Self {
        Self { doing, method: Method::GET, path, query: &[], body: None }
    }

    pub(crate) fn send(
        doing: &'static str,
        method: Method,
        path: &'a [&'a str],
        body: &'a Value,
    ) -> Self {
        Self { doing, method, path, query: &[], body: Some(body) }
    }

    pub(crate) fn post(doing: &'static str, path: &'a [&'a str], body: &'a Value) -> Self {
        Self::send(doing, Method::POST, path, body)
    }
}

/// A connection to one forge.
pub(crate) struct Http {
    client: Client,
    forge: Url,
    tokens: Arc<dyn TokenSource>,
    dialect: Dialect,
    polled: Polled,
    budget: Mutex<Option<Budget>>,
    pub(crate) pace: Pace,
    reach: Reach,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("forge", &self.forge.as_str()).finish_non_exhaustive()
    }
}

impl Http {
    pub(crate) fn new(
        forge: &Url,
        tokens: Arc<dyn TokenSource>,
        dialect: Dialect,
        reach: &Reach,
    ) -> Result<Arc<Self>, ForgeError> {
        let bad = |why: String| ForgeError::Address { url: shown(forge), why };
        let header = HeaderValue::from_str(tokens.latest().expose());
        header.map_err(|_| bad("the token has characters that no token has".to_owned()))?;
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in dialect.headers {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let client = client(forge, headers, reach).map_err(bad)?;
        let (polled, budget, pace) = (Polled::default(), Mutex::default(), reach.pace.clone());
        let (forge, reach) = (forge.clone(), reach.clone());
        Ok(Arc::new(Self { client, forge, tokens, dialect, polled, budget, pace, reach }))
    }

    pub(crate) fn forge(&self) -> &Url {
        &self.forge
    }

    pub(crate) fn kind(&self) -> ForgeKind {
        self.dialect.kind
    }

    pub(crate) fn needs(&self) -> &'static [&'static str] {
        self.dialect.needs
    }

    /// The forge's address as we show it.
    pub(crate) fn name(&self) -> String {
        shown(&self.forge)
    }

    /// The token itself, as it is now.
    pub(crate) fn token(&self) -> Secret {
        self.tokens.latest()
    }

    /// What the last answer said about its limits.
    pub(crate) fn budget(&self) -> Option<Budget> {
        *self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks until there is an answer that is neither a limit nor 5xx, or
    /// patience has run out. Other refusals are answers.
    pub(crate) async fn send(&self, call: &Call<'_>) -> Result<Reply, ForgeError> {
        let repeatable = call.method != Method::POST;
        let mut tries = 0;
        loop {
            tries += 1;
            let outcome = self.send_once(call).await;
            let wait = match &outcome {
                Ok(reply) if reply.limited().is_some() => reply.wait(),
                Ok(reply) if reply.status >= 500 && repeatable => reply.wait(),
                Err(ForgeError::Unreachable { source, .. })
                    if repeatable || source.is_connect() =>
                {
                    None
                }
                Ok(reply) if reply.status >= 500 => return Err(self.busy(call, reply, tries)),
                Ok(_) | Err(_) => return outcome,
            };
            let patient = wait.is_none_or(|wait| wait <= self.pace.longest_wait);
            if tries >= self.pace.tries || !patient {
                return outcome.and_then(|reply| Err(self.busy(call, &reply, tries)));
            }
            tracing::debug!(forge = %self.name(), call.doing, tries, "the forge is asked again");
            tokio::time::sleep(wait.unwrap_or_default()).await;
            self.pace.pause(tries).await;
        }
    }

    /// Asks, and reads the answer as `T`; anything but 2xx is an error.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, ForgeError> {
        let reply = self.send(call).await?;
        self.read(call.doing, &reply)
    }

    /// Asks, and takes any 2xx.
    pub(crate) async fn done(&self, call: &Call<'_>) -> Result<(), ForgeError> {
        let reply = self.send(call).await?;
        if reply.is_good() { Ok(()) } else { Err(self.refusal(call.doing, &reply)) }
    }

    /// All items of a list, page by page, as long as `wants` asks for more.
    /// `more` adds what was read of a page and says whether it is enough.
    pub(crate) async fn pages<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        mut enough: impl FnMut(Vec<T>) -> bool + Send,
    ) -> Result<(), ForgeError> {
        let mut seen = 0;
        for page in 1..=MAX_PAGES {
            let page = page.to_string();
            let mut query = call.query.to_vec();
            query.extend([self.dialect.page_size, ("page", page.as_str())]);
            let reply = self.send(&Call { query: &query, ..call.clone() }).await?;
            let items: Vec<T> = self.read(call.doing, &reply)?;
            seen += items.len();
            let more = !items.is_empty() && reply.paging().more(seen);
            if enough(items) || !more {
                return Ok(());
            }
        }
        Err(self.strange(call.doing, format!("there are more than {MAX_PAGES} pages of them")))
    }

    /// At most `most` items of a list.
    pub(crate) async fn list<T: DeserializeOwned + Send>(
        &self,
        call: &Call<'_>,
        most: usize,
    ) -> Result<Vec<T>, ForgeError> {
        self.gather(call, most, Some).await
    }

    /// At most `most` of what `take` makes of a list's items.
    pub(crate) async fn gather<T: DeserializeOwned, U: Send>(
        &self,
        call: &Call<'_>,
        most: usize,
        mut take: impl FnMut(T) -> Option<U> + Send,
    ) -> Result<Vec<U>, ForgeError> {
        let mut all = Vec::new();
        self.pages(call, |page: Vec<T>| {
            all.extend(page.into_iter().filter_map(&mut take));
            all.len() >= most
        })
        .await?;
        all.truncate(most);
        Ok(all)
    }

    /// Asks, and reads the answer as `T`; none where the forge refuses with one
    /// of the statuses in `absent`.
    pub(crate) async fn if_there<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        absent: &[u16],
    ) -> Result<Option<T>, ForgeError> {
        match self.json(call).await {
            Ok(seen) => Ok(Some(seen)),
            Err(ForgeError::Refused { status, .. }) if absent.contains(&status) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes. False if it was not there, which the statuses in `absent` say.
    pub(crate) async fn delete(
        &self,
        doing: &'static str,
        path: &[&str],
        absent: &[u16],
    ) -> Result<bool, ForgeError> {
        let reply = self.send(&Call { method: Method::DELETE, ..Call::get(doing, path) }).await?;
        match reply.status {
            200..=299 => Ok(true),
            status if absent.contains(&status) => Ok(false),
            _ => Err(self.refusal(doing, &reply)),
        }
    }

    /// Reads something that lies elsewhere, at an address that is itself the
    /// permission to read it: the token does not go there.
    pub(crate) async fn fetch_without_token(
        &self,
        doing: &'static str,
        url: Url,
    ) -> Result<Vec<u8>, ForgeError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(self.strange(doing, "it redirects to what is no web address".to_owned()));
        }
        // Somebody's connections to the forge lead nowhere else.
        let elsewhere = url.origin() != self.forge.origin();
        let mut reach = self.reach.clone();
        reach.way = reach.way.filter(|_| !elsewhere);
        let client = client(&url, HeaderMap::new(), &reach)
            .map_err(|why| ForgeError::Address { url: shown(&url), why })?;
        let call = Call::get(doing, &[]);
        let reply = self.exchange(&client, &call, Request::new(Method::GET, url)).await?;
        if reply.is_good() { Ok(reply.body) } else { Err(self.refusal(doing, &reply)) }
    }

    /// Reads a file of the forge's own web interface. Where that redirects to a
    /// store elsewhere, the address is the permission.
    pub(crate) async fn own_file(&self, link: &Url) -> Result<Option<Vec<u8>>, ForgeError> {
        let doing = READING_FILE;
        if link.origin() != self.forge.origin() || !link.path().starts_with(self.forge.path()) {
            return Ok(None);
        }
        let call = Call::get(doing, &[]);
        let request = Request::new(Method::GET, link.clone());
        let reply = self.exchange_as_us(&call, request).await?;
        match reply.status {
            200..=299 => Ok(Some(reply.body)),
            301 | 302 | 303 | 307 | 308 => match reply.location(link) {
                Some(to) if to.origin() != link.origin() => {
                    self.fetch_without_token(doing, to).await.map(Some)
                }
                // A login page, most likely.
                Some(_) | None => Ok(None),
            },
            _ => Err(self.refusal(doing, &reply)),
        }
    }

    /// Reads an answer as `T`; anything but 2xx is an error.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        reply: &Reply,
    ) -> Result<T, ForgeError> {
        if !reply.is_good() {
            return Err(self.refusal(doing, reply));
        }
        serde_json::from_slice(&reply.body)
            .map_err(|error| self.strange(doing, format!("its answer cannot be read ({error})")))
    }

    /// The error that an answer other than 2xx is.
    pub(crate) fn refusal(&self, doing: &'static str, reply: &Reply) -> ForgeError {
        let forge = self.name();
        let said = self.said(reply);
        let needed = self.dialect.needs;
        match reply.status {
            401 => ForgeError::Unauthorized { forge, said, needed },
            403 => match missing_scopes(&said) {
                Some(missing) => ForgeError::Scopes { forge, missing, needed },
                None => ForgeError::Refused { forge, doing, status: 403, said },
            },
            300..=399 => {
                let to = reply.location(&self.forge);
                let to = to
                    .map_or_else(|| "another page".to_owned(), |url| format!("`{}`", shown(&url)));
                self.strange(doing, format!("it redirects to {to}"))
            }
            status => ForgeError::Refused { forge, doing, status, said },
        }
    }

    pub(crate) fn strange(&self, doing: &'static str, why: String) -> ForgeError {
        ForgeError::Strange { forge: self.name(), kind: self.dialect.kind, doing, why }
    }

    async fn send_once(&self, call: &Call<'_>) -> Result<Reply, ForgeError> {
        let mut url = below(&self.dialect.api, call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        // A renamed repository answers 301 to a GET, which keeps a GET whole.
        for _ in 0..3 {
            let reply = self.ask(call, &url).await?;
            let moved = (reply.status == 301 && call.method == Method::GET)
                .then(|| reply.location(&url))
                .flatten()
                .filter(|to| to.origin() == url.origin() && *to != url);
            match moved {
                Some(to) => url = to,
                None => return Ok(reply),
            }
        }
        Err(self.strange(call.doing, "it redirects in a circle".to_owned()))
    }

    async fn ask(&self, call: &Call<'_>, url: &Url) -> Result<Reply, ForgeError> {
        let polled = call.method == Method::GET;
        let mut request = Request::new(call.method.clone(), url.clone());
        if let Some(body) = call.body {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
            *request.body_mut() = Some(body.to_string().into());
        }
        if let Some(tag) = self.polled.tag(url.as_str()).filter(|_| polled) {
            request.headers_mut().insert(header::IF_NONE_MATCH, tag);
        }
        let reply = self.exchange_as_us(call, request).await?;
        if let Some(budget) = reply.budget() {
            *self.budget.lock().unwrap_or_else(PoisonError::into_inner) = Some(budget);
        }
        Ok(if polled { self.polled.settle(url.as_str(), reply) } else { reply })
    }

    /// Shows the token. A forge that does not take it has not looked at the
    /// request, so it may be asked once more with another, if there is one.
    async fn exchange_as_us(&self, call: &Call<'_>, request: Request) -> Result<Reply, ForgeError> {
        let token = self.tokens.token().await.map_err(ForgeError::Login)?;
        let again = request.try_clone();
        let reply = self.exchange(&self.client, call, self.shown_to(request, &token)?).await?;
        let Some(again) = again.filter(|_| reply.status == 401) else { return Ok(reply) };
        match self.tokens.instead_of(&token).await.map_err(ForgeError::Login)? {
            Some(other) => self.exchange(&self.client, call, self.shown_to(again, &other)?).await,
            None => Ok(reply),
        }
    }

    fn shown_to(&self, mut request: Request, token: &Secret) -> Result<Request, ForgeError> {
        let (name, before) = self.dialect.login;
        let value = HeaderValue::from_str(&format!("{before}{}", token.expose()));
        let mut value = value.map_err(|_| ForgeError::Address {
            url: self.name(),
            why: "the token has characters that no token has".to_owned(),
        })?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
        Ok(request)
    }

    async fn exchange(
        &self,
        client: &Client,
        call: &Call<'_>,
        request: Request,
    ) -> Result<Reply, ForgeError> {
        let unreachable =
            |source: reqwest::Error| self.reach.unreachable(&self.forge, call.doing, source);
        let mut response = client.execute(request).await.map_err(unreachable)?;
        let mut reply = Reply::begin(&mut response);
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if reply.body.len() + chunk.len() > MAX_REPLY {
                return Err(self.strange(call.doing, format!("it sends over {MAX_REPLY} bytes")));
            }
            reply.body.extend_from_slice(&chunk);
        }
        Ok(reply)
    }

    fn busy(&self, call: &Call<'_>, reply: &Reply, tries: u32) -> ForgeError {
        ForgeError::Busy {
            forge: self.name(),
            doing: call.doing,
            status: reply.status,
            tries,
            wait: reply.wait(),
        }
    }

    /// The forge's own words, bounded, on one line and without our token.
    pub(crate) fn said(&self, reply: &Reply) -> String {
        let text = String::from_utf8_lossy(&reply.body);
        let text = match serde_json::from_str::<Value>(&text) {
            Ok(value) => words(&value),
            Err(_) if text.trim_start().starts_with('<') => "(a web page)".to_owned(),
            Err(_) => text.into_owned(),
        };
        let text = self.redacted(&text);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match text.char_indices().nth(MAX_SAID) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }

    /// `text` without our token.
    pub(crate) fn redacted(&self, text: &str) -> String {
        let token = self.token();
        match token.expose() {
            "" => text.to_owned(),
            token => text.replace(token, "<redacted>"),
        }
    }
}
