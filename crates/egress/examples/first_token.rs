//! What the model gateway adds to the time to the first token: the same call
//! to a provider on loopback, straight and through the gateway in turns, so
//! that whatever else the machine does meets both alike. For a release build.
#![expect(clippy::print_stdout, reason = "it is a program for a terminal")]

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use pilot_egress::model::{Gateway, Patience, Settings};
use pilot_proto::project::{ProviderGrant, ProviderLogin};
use pilot_proto::{ProviderKind, Secret, Timestamp};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Enough for a 99th percentile.
const CALLS: usize = 1000;
/// About 50,000 tokens: a conversation that has gone on for a while.
const REQUEST: usize = 200 * 1024;
const ANSWER: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":\
    {\"model\":\"claude-sonnet-4-5\",\"usage\":{\"input_tokens\":50000,\"output_tokens\":1}}}\n\n";

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A thread of its own for each side, as they are processes of their own.
fn serve<F, S>(on_connection: F) -> Result<SocketAddr, Error>
where
    F: Fn(TcpStream) -> S + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener)?;
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                connections.spawn(on_connection(stream));
            }
            #[expect(unreachable_code, reason = "it says what the question marks give")]
            Ok::<(), std::io::Error>(())
        })
    });
    Ok(address)
}

async fn provider(stream: TcpStream) {
    let service = service_fn(|request: Request<Incoming>| async {
        let read = request.into_body().collect().await;
        let body = if read.is_ok() { ANSWER } else { "" };
        let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
        let kind = hyper::header::HeaderValue::from_static("text/event-stream");
        response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
        Ok::<_, Infallible>(response)
    });
    let http = hyper::server::conn::http1::Builder::new();
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        println!("the provider's side broke: {error}");
    }
}

async fn first_token(client: &reqwest::Client, url: &str, key: &str) -> Result<Duration, Error> {
    let filling = "x".repeat(REQUEST);
    let body =
        format!("{{\"model\":\"claude-sonnet-4-5\",\"stream\":true,\"messages\":\"{filling}\"}}");
    let request = client.post(format!("{url}/v1/messages")).header("x-api-key", key).body(body);
    let began = Instant::now();
    let mut response = request.send().await?.error_for_status()?;
    response.chunk().await?.ok_or("an answer without a token")?;
    let took = began.elapsed();
    while response.chunk().await?.is_some() {}
    Ok(took)
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let direct = format!("http://{}", serve(provider)?);
    let (calls, mut told) = mpsc::channel(64);
    let gateway = Gateway::new(Settings {
        providers: vec![ProviderGrant {
            name: "bench".to_owned(),
            kind: ProviderKind::Anthropic,
            base_url: Some(direct.clone()),
            key: Secret::new("sk-bench"),
            login: ProviderLogin::Key,
            oauth: None,
        }],
        prices: Vec::new(),
        spent_micros: 0,
        budget_micros: Some(u64::MAX),
        patience: Patience::default(),
        calls,
        news: Arc::new(|news| println!("{news:?}")),
        clock: Arc::new(Timestamp::default),
    })?;
    let key = gateway.key().expose().to_owned();
    let address = serve(move |stream| {
        let gateway = gateway.clone();
        async move { gateway.serve(stream).await }
    })?;
    let through = format!("http://{address}");
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()?
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    let client =
        reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().tcp_nodelay(true);
    let client = client.build()?;
    let mut times = [Vec::new(), Vec::new()];
    for call in 0..CALLS + 20 {
        for (times, url) in times.iter_mut().zip([&direct, &through]) {
            let took = first_token(&client, url, &key).await?;
            // The first ones open connections and fill caches.
            if call >= 20 {
                times.push(took);
            }
        }
        while told.try_recv().is_ok() {}
    }
    let [mut direct, mut through] = times;
    for percent in [50, 90, 99] {
        let (direct, through) =
            (percentile(&mut direct, percent), percentile(&mut through, percent));
        let added = through.saturating_sub(direct);
        println!("p{percent}: straight {direct:?}, through {through:?}, added {added:?}");
    }
    Ok(())
}
