//! A gateway on a loopback port, an agent's client before it, and what the
//! gateway's owner hears.

use super::provider::{PATIENCE, soon};
use pilot_egress::model::{Gateway, News, Patience, Settings};
use pilot_proto::model::{ModelCall, ModelPrice};
use pilot_proto::project::{ProviderGrant, ProviderLogin};
use pilot_proto::{ProviderKind, Secret, Timestamp};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What the agent must never see.
pub(super) const REAL_KEY: &str = "sk-real-0123456789abcdef";

pub(super) struct World {
    pub(super) gateway: Gateway,
    pub(super) port: u16,
    pub(super) client: Client,
    calls: mpsc::Receiver<ModelCall>,
    news: Arc<Mutex<Vec<News>>>,
    clock: Arc<AtomicI64>,
    _serving: JoinSet<()>,
}

/// How a gateway is set up, by what differs from the usual.
#[derive(Default)]
pub(super) struct Setup {
    pub(super) budget: Option<u64>,
    pub(super) prices: Vec<ModelPrice>,
    /// How many calls may wait to be taken; 0: the usual.
    pub(super) calls: usize,
}

pub(super) fn grant(kind: ProviderKind, url: &str) -> ProviderGrant {
    ProviderGrant {
        name: "main".to_owned(),
        kind,
        base_url: Some(url.to_owned()),
        key: Secret::new(REAL_KEY),
        login: ProviderLogin::Key,
        oauth: None,
    }
}

/// Round numbers: a micro-dollar for a token read, ten for one written.
pub(super) fn price() -> ModelPrice {
    ModelPrice {
        model: "m*".to_owned(),
        input: 1_000_000,
        output: 10_000_000,
        cache_read: 100_000,
        cache_write: 2_000_000,
    }
}

impl World {
    pub(super) async fn start(providers: Vec<ProviderGrant>) -> Self {
        let setup = Setup { prices: vec![price()], ..Setup::default() };
        Self::with(providers, setup).await
    }

    pub(super) async fn with(providers: Vec<ProviderGrant>, setup: Setup) -> Self {
        let (sender, calls) = mpsc::channel(if setup.calls == 0 { 64 } else { setup.calls });
        let news = Arc::new(Mutex::new(Vec::new()));
        let clock = Arc::new(AtomicI64::new(1_000_000_000));
        let gateway = Gateway::new(Settings {
            providers,
            prices: setup.prices,
            spent_micros: 0,
            budget_micros: setup.budget,
            // Waits as short as they can be: no test is about their length.
            patience: Patience {
                wait: Duration::from_millis(1),
                longest_wait: Duration::from_secs(2),
                deadline: PATIENCE,
                ..Patience::default()
            },
            calls: sender,
            news: {
                let news = Arc::clone(&news);
                Arc::new(move |one| news.lock().expect("no panic in here").push(one))
            },
            clock: {
                let clock = Arc::clone(&clock);
                Arc::new(move || Timestamp(clock.load(Ordering::SeqCst)))
            },
        })
        .expect("the settings are good");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let mut serving = JoinSet::new();
        let serving_gateway = gateway.clone();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.expect("it listens");
                let gateway = serving_gateway.clone();
                connections.spawn(async move { gateway.serve(stream).await });
            }
        });
        let client = Client::builder()
            .tls_backend_preconfigured(no_tls())
            .no_proxy()
            .build()
            .expect("a client without TLS");
        Self { gateway, port, client, calls, news, clock, _serving: serving }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A call as Claude Code makes it.
    pub(super) fn ask(&self) -> RequestBuilder {
        self.post("/v1/messages?beta=true", &json!({"model": "m-asked", "stream": true}))
            .header("anthropic-version", "2023-06-01")
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client
            .post(self.url(path))
            .header("x-api-key", self.gateway.key().expose())
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    /// The next call that the owner is told of.
    pub(super) async fn call(&mut self) -> ModelCall {
        soon("news of a call", self.calls.recv()).await.expect("the gateway lives")
    }

    pub(super) fn news(&self) -> Vec<News> {
        self.news.lock().expect("no panic in here").clone()
    }

    pub(super) fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("a short while");
        self.clock.fetch_add(micros, Ordering::SeqCst);
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::SeqCst))
    }
}

fn no_tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

pub(super) async fn sent(request: RequestBuilder) -> Response {
    soon("an answer", request.send()).await.expect("the gateway answers")
}

pub(super) async fn read(response: Response) -> Value {
    let text = soon("the answer's end", response.text()).await.expect("the answer is whole");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// An answer in one piece that says what it used.
pub(super) fn whole(input: u64, output: u64) -> String {
    let usage = json!({"input_tokens": input, "output_tokens": output});
    json!({"type": "message", "model": "m-1", "content": [], "usage": usage}).to_string()
}

pub(super) const JSON: (&str, &str) = ("content-type", "application/json");
