//! What is passed on of a request and of an answer, and the key of the run.
//!
//! **Invariant:** nothing that shows the run's placeholder key goes out, and
//! nothing that shows the provider's goes in.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use pilot_proto::Secret;
use subtle::ConstantTimeEq;

/// Where the vendors' clients put the key. Any of them will do: it is checked,
/// not interpreted.
const KEYS: [&str; 4] = ["x-api-key", "authorization", "x-goog-api-key", "api-key"];
/// Of one connection only (RFC 9110 §7.6.1), or of our own making.
const HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// What else of a request stays here: what the client for the provider sets
/// itself, and what says who asked from where.
const REQUEST_STAYS: [&str; 9] = [
    "host",
    "content-length",
    "accept-encoding",
    "expect",
    "cookie",
    "forwarded",
    "via",
    "x-real-ip",
    "origin",
];
/// What else of an answer stays here: a session's marks, and ways around the gate.
const ANSWER_STAYS: [&str; 5] =
    ["set-cookie", "alt-svc", "strict-transport-security", "nel", "report-to"];

/// True if the request shows the run's key, as a header or as `key=`.
pub(crate) fn shows_key(headers: &HeaderMap, query: Option<&str>, key: &Secret) -> bool {
    let expected = key.expose().as_bytes();
    let same = |shown: &[u8]| bool::from(shown.ct_eq(expected));
    let in_header = KEYS.iter().flat_map(|name| headers.get_all(*name)).any(|value| {
        let value = value.as_bytes();
        let bare = match value.split_at_checked(7) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => rest.trim_ascii(),
            Some(_) | None => value,
        };
        same(bare)
    });
    in_header || pairs(query).any(|(name, value)| name == "key" && same(value.as_bytes()))
}

/// The query without the key.
pub(crate) fn query(query: Option<&str>) -> Option<String> {
    let kept: Vec<&str> = query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && *pair != "key" && !pair.starts_with("key="))
        .collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='))
}

/// What of a request goes to the provider.
pub(crate) fn request(mut headers: HeaderMap, key: &Secret) -> HeaderMap {
    drop_hop(&mut headers);
    for name in KEYS.iter().chain(&REQUEST_STAYS) {
        headers.remove(*name);
    }
    drop_if(&mut headers, |name, value| {
        name.as_str().starts_with("x-forwarded-") || contains(value, key)
    });
    // The meter has to read the answer.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

/// What of an answer goes to the agent.
pub(crate) fn answer(mut headers: HeaderMap, provider_key: &Secret) -> HeaderMap {
    drop_hop(&mut headers);
    for name in ANSWER_STAYS {
        headers.remove(name);
    }
    drop_if(&mut headers, |_, value| contains(value, provider_key));
    headers
}

fn drop_hop(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in nominated {
        headers.remove(name);
    }
    for name in HOP {
        headers.remove(name);
    }
}

fn drop_if(headers: &mut HeaderMap, goes: impl Fn(&HeaderName, &HeaderValue) -> bool) {
    let gone: Vec<HeaderName> = headers
        .iter()
        .filter(|(name, value)| goes(name, value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in gone {
        headers.remove(name);
    }
}

fn contains(value: &HeaderValue, secret: &Secret) -> bool {
    let secret = secret.expose().as_bytes();
    !secret.is_empty() && memchr::memmem::find(value.as_bytes(), secret).is_some()
}

/// The header that shows a secret. Marked, so that no log prints it.
pub(crate) fn secret_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(*name, HeaderValue::from_static(value));
            headers
        })
    }

    #[test]
    fn the_runs_key_is_known_wherever_a_client_puts_it() {
        let key = Secret::new("run-key");
        let check = |pairs: &[(&'static str, &'static str)], query: Option<&str>, expected| {
            assert_eq!(shows_key(&headers(pairs), query, &key), expected, "{pairs:?} {query:?}");
        };
        check(&[("x-api-key", "run-key")], None, true);
        check(&[("authorization", "Bearer run-key")], None, true);
        check(&[("authorization", "bearer  run-key")], None, true);
        check(&[("x-goog-api-key", "run-key")], None, true);
        check(&[], Some("alt=sse&key=run-key"), true);
        check(&[("x-api-key", "other"), ("authorization", "Bearer run-key")], None, true);
        check(&[("x-api-key", "run-ke")], None, false);
        check(&[("x-api-key", "run-key2")], None, false);
        check(&[("x-other", "run-key")], Some("keys=run-key"), false);
        check(&[], None, false);
    }

    #[test]
    fn what_shows_the_placeholder_or_belongs_to_one_connection_stays_here() {
        let key = Secret::new("run-key");
        let passed = request(
            headers(&[
                ("x-api-key", "run-key"),
                ("authorization", "Bearer run-key"),
                ("x-odd", "has run-key inside"),
                ("connection", "keep-alive, x-named"),
                ("x-named", "1"),
                ("te", "trailers"),
                ("x-forwarded-for", "10.0.0.1"),
                ("accept-encoding", "gzip, br"),
                ("anthropic-version", "2023-06-01"),
                ("user-agent", "claude-cli/2"),
            ]),
            &key,
        );
        let mut names: Vec<&str> = passed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept-encoding", "anthropic-version", "user-agent"]);
        assert_eq!(passed["accept-encoding"], "identity");
        assert_eq!(query(Some("key=run-key&alt=sse&key")).as_deref(), Some("alt=sse"));
        assert_eq!(query(Some("key=run-key")), None);
    }
}
