//! The pages: the built frontend, embedded in the program.
//!
//! `/assets/*` carries its contents' hash in its name and is kept for ever;
//! every other path that is no file is the one page, which finds out by itself
//! where it is. Its `<base href="/">` is made to lead from wherever the page
//! was asked for to where the pages begin, so that they work below any path,
//! whether or not a proxy takes that path away before us.
//!
//! **Invariant:** what is here is the same for everybody and tells nothing of
//! the hub; that is why it is given without a token.

use crate::http::refusal;
use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HOST, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use pilot_proto::{Code, Problem};

mod embedded {
    use super::File;
    include!(concat!(env!("OUT_DIR"), "/frontend.rs"));
}

/// First segments of paths that are never pages.
const RESERVED: [&str; 5] = ["api", "agentapi", "runner", "session", "healthz"];
/// Deepest path that can be a page's; the deepest there is has four segments.
const MAX_DEPTH: usize = 32;
const INDEX: &str = "index.html";
const BASE: &str = "<base href=\"/\"";

/// What a checkout without a built frontend serves in its place.
const UNBUILT: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <title>Pilothouse</title>\n\
    <h1>This hub was built without its pages</h1>\n\
    <p>Everything else works: see <code>pilot --help</code>.</p>\n\
    <p><code>scripts/start</code> builds the pages and starts the hub with them. By hand: \
    <code>npm ci &amp;&amp; npm run build</code> in <code>frontend</code>, then build \
    <code>pilot</code> again.</p>\n";

/// A file of the frontend.
#[derive(Debug)]
pub(crate) struct File {
    path: &'static str,
    /// Begin of its contents' SHA-256.
    tag: &'static str,
    plain: &'static [u8],
    /// Packed, where that is worth it.
    gzip: Option<&'static [u8]>,
}

/// All of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Web {
    files: &'static [File],
}

/// True for what only pages can answer.
pub(crate) fn is_page(method: &Method, path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    matches!(*method, Method::GET | Method::HEAD) && !RESERVED.contains(&first)
}

impl Web {
    /// The ones in this program.
    pub(crate) fn embedded() -> Self {
        Self { files: embedded::FILES }
    }

    /// Answers a request for a path that [`is_page`].
    pub(crate) fn answer(self, uri: &Uri, headers: &HeaderMap) -> Response {
        let path = uri.path().strip_prefix('/').unwrap_or_default();
        let found = self.files.iter().find(|file| file.path == path && path != INDEX);
        let mut response = match found {
            Some(file) => asset(file, headers),
            None if names_a_file(path) || path.matches('/').count() > MAX_DEPTH => {
                refusal(&Problem::new(Code::NotFound, "There is no such file."))
            }
            None => self.page(path, headers),
        };
        guard(response.headers_mut(), headers);
        response
    }

    fn page(self, path: &str, headers: &HeaderMap) -> Response {
        let Some(index) = self.files.iter().find(|file| file.path == INDEX) else {
            let headers = [(CONTENT_TYPE, media_type(INDEX)), (CACHE_CONTROL, "no-store")];
            return (headers, UNBUILT).into_response();
        };
        let up = path.matches('/').count();
        let tag = format!("\"{}-{up}\"", index.tag);
        let cache = HeaderValue::from_static("no-cache");
        if is_known(headers, &tag) {
            return not_modified(&tag, cache);
        }
        let base = if up == 0 { "./".to_owned() } else { "../".repeat(up) };
        let text = String::from_utf8_lossy(index.plain);
        let text = text.replacen(BASE, &format!("<base href=\"{base}\""), 1);
        let mut response = Response::new(Body::from(text));
        set(response.headers_mut(), &tag, cache, INDEX);
        response
    }
}

fn asset(file: &File, headers: &HeaderMap) -> Response {
    let cache = if file.path.starts_with("assets/") {
        HeaderValue::from_static("public, max-age=31536000, immutable")
    } else {
        HeaderValue::from_static("no-cache")
    };
    let packed = file.gzip.filter(|_| takes_gzip(headers));
    let tag = format!("\"{}{}\"", file.tag, if packed.is_some() { "-gz" } else { "" });
    if is_known(headers, &tag) {
        return not_modified(&tag, cache);
    }
    let mut response = Response::new(Body::from(packed.unwrap_or(file.plain)));
    set(response.headers_mut(), &tag, cache, file.path);
    if packed.is_some() {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if file.gzip.is_some() {
        response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}

fn set(headers: &mut HeaderMap, tag: &str, cache: HeaderValue, name: &str) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    headers.insert(CACHE_CONTROL, cache);
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(ETAG, tag);
    }
}

fn not_modified(tag: &str, cache: HeaderValue) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    response.headers_mut().insert(CACHE_CONTROL, cache);
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let asked = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let bare = |one: &str| one.trim().trim_start_matches("W/").to_owned();
    asked.is_some_and(|tags| tags.split(',').any(|one| bare(one) == tag))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let said = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    said.unwrap_or_default().split(',').any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let never = matches!(weight.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00");
        name.trim().eq_ignore_ascii_case("gzip") && !never
    })
}

/// A file that is not there is told so; a page's path never looks like one:
/// below the first segment anything may be a name that a person chose.
fn names_a_file(path: &str) -> bool {
    path.starts_with("assets/") || (!path.contains('/') && path.contains('.') && path != INDEX)
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// What a page may do: load what is here and speak with this hub, and be shown
/// in nobody's frame. Styles in attributes are allowed, style sheets of a
/// page's own making are not.
fn guard(response: &mut HeaderMap, request: &HeaderMap) {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; \
         img-src 'self' data: blob:; font-src 'self'; connect-src 'self'{}; \
         worker-src 'self' blob:; manifest-src 'self'; base-uri 'self'; form-action 'none'; \
         frame-ancestors 'none'",
        sockets(request)
    );
    let fixed = [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ];
    for (name, value) in fixed {
        response.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.insert(CONTENT_SECURITY_POLICY, policy);
    }
}

/// Our own WebSocket by name: older WebKits take `'self'` for `http` only.
fn sockets(request: &HeaderMap) -> String {
    let host = request.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return String::new();
    }
    format!(" ws://{host} wss://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: &[File] = &[
        File { path: "assets/app-1a2b.js", tag: "aa", plain: b"let a;", gzip: Some(b"packed") },
        File { path: "icon.png", tag: "bb", plain: b"png", gzip: None },
        File {
            path: "index.html",
            tag: "cc",
            plain: b"<html><base href=\"/\" /><script src=\"./assets/app-1a2b.js\">",
            gzip: None,
        },
    ];
    const WEB: Web = Web { files: FILES };

    fn ask(web: Web, path: &str, headers: &[(&'static str, &'static str)]) -> Response {
        let mut map = HeaderMap::new();
        map.insert(HOST, HeaderValue::from_static("127.0.0.1:7000"));
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        web.answer(&path.parse().expect("a path"), &map)
    }

    fn header<'a>(response: &'a Response, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
    }

    async fn body(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("reads");
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    #[tokio::test]
    async fn every_path_that_is_no_file_is_the_page_and_finds_its_way_back() {
        for (path, base) in [
            ("/", "./"),
            ("/tasks", "./"),
            ("/tasks/", "../"),
            ("/tasks/0190b1de/diff", "../../"),
            ("/projects/my.project", "../"),
            ("/index.html", "./"),
        ] {
            let response = ask(WEB, path, &[]);
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
            assert_eq!(header(&response, "cache-control"), "no-cache", "a new build is seen");
            let said = body(response).await;
            assert!(said.contains(&format!("<base href=\"{base}\"")), "{path}: {said}");
        }
    }

    #[tokio::test]
    async fn an_asset_is_kept_for_ever_and_packed_for_whoever_unpacks() {
        let response = ask(WEB, "/assets/app-1a2b.js", &[]);
        assert_eq!(header(&response, "cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(header(&response, "content-type"), "text/javascript; charset=utf-8");
        assert_eq!(header(&response, "vary"), "accept-encoding");
        assert_eq!(header(&response, "etag"), "\"aa\"");
        assert_eq!(body(response).await, "let a;");
        let packed = ask(WEB, "/assets/app-1a2b.js", &[("accept-encoding", "br, gzip;q=0.8")]);
        assert_eq!(header(&packed, "content-encoding"), "gzip");
        assert_eq!(body(packed).await, "packed");
        let never = ask(WEB, "/assets/app-1a2b.js", &[("accept-encoding", "gzip;q=0")]);
        assert_eq!(header(&never, "content-encoding"), "");
        let known = ask(WEB, "/assets/app-1a2b.js", &[("if-none-match", "\"x\", \"aa\"")]);
        assert_eq!(known.status(), 304);
        let known = ask(WEB, "/tasks", &[("if-none-match", "\"cc-0\"")]);
        assert_eq!(known.status(), 304, "the page, too");
        let other = ask(WEB, "/tasks/1", &[("if-none-match", "\"cc-0\"")]);
        assert_eq!(other.status(), 200, "but not where it is another");
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_not_the_page() {
        for path in ["/assets/app-old.js", "/favicon.ico", "/assets/x/../../y"] {
            let response = ask(WEB, path, &[]);
            assert_eq!(response.status(), 404, "{path}");
        }
        assert_eq!(ask(WEB, &format!("/{}", "a/".repeat(40)), &[]).status(), 404, "too deep");
    }

    #[tokio::test]
    async fn without_a_built_frontend_the_page_says_how_to_build_it() {
        let response = ask(Web { files: &[] }, "/tasks/1", &[]);
        assert_eq!(response.status(), 200);
        let said = body(response).await;
        assert!(said.contains("scripts/start") && said.contains("npm run build"), "{said}");
    }

    #[test]
    fn every_answer_carries_the_strict_policy() {
        for path in ["/", "/tasks/1", "/assets/app-1a2b.js", "/assets/none.js", "/icon.png"] {
            let response = ask(WEB, path, &[]);
            let policy = header(&response, "content-security-policy");
            for part in [
                "default-src 'none'",
                "script-src 'self';",
                "connect-src 'self' ws://127.0.0.1:7000 wss://127.0.0.1:7000;",
                "frame-ancestors 'none'",
                "form-action 'none'",
            ] {
                assert!(policy.contains(part), "{path}: {part} in {policy}");
            }
            assert!(!policy.contains("unsafe-eval"), "{policy}");
            assert_eq!(header(&response, "cross-origin-opener-policy"), "same-origin");
        }
        let strange = ask(WEB, "/", &[("host", "x; script-src *")]);
        let policy = header(&strange, "content-security-policy");
        assert!(policy.contains("connect-src 'self';"), "no word of a stranger's: {policy}");
    }

    #[test]
    fn what_is_no_page_is_told_apart() {
        for path in ["/", "/tasks", "/apis", "/runners/x", "/assets/a.js"] {
            assert!(is_page(&Method::GET, path), "{path}");
            assert!(!is_page(&Method::POST, path), "pages are only looked at: {path}");
        }
        for path in ["/api", "/api/tasks", "//api/tasks", "/runner/link", "/session", "/healthz/x"]
        {
            assert!(!is_page(&Method::GET, path), "{path}");
        }
    }
}
