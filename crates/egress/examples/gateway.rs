//! A model gateway on a loopback port, to try a real agent with: prints the
//! port and the key that the agent has to show, then every call.
//!
//! `gateway KIND BASE_URL KEY [BUDGET_MICROS]`, with `KIND` as in a project:
//! `anthropic`, `openai`, `gemini` or `ollama`.
#![expect(clippy::print_stdout, reason = "it is a program for a terminal")]

use pilot_egress::model::{Gateway, Patience, Settings};
use pilot_proto::project::{ProviderGrant, ProviderLogin};
use pilot_proto::{Secret, Timestamp};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kind, url, key, budget @ ..] = args.as_slice() else {
        return Err("usage: gateway KIND BASE_URL KEY [BUDGET_MICROS]".into());
    };
    let (sender, mut calls) = mpsc::channel(64);
    let gateway = Gateway::new(Settings {
        providers: vec![ProviderGrant {
            name: "tried".to_owned(),
            kind: serde_json::from_value(kind.as_str().into())?,
            base_url: Some(url.clone()),
            key: Secret::new(key.as_str()),
            login: ProviderLogin::Key,
            oauth: None,
        }],
        prices: Vec::new(),
        spent_micros: 0,
        budget_micros: budget.first().map(|micros| micros.parse()).transpose()?,
        patience: Patience::default(),
        calls: sender,
        news: Arc::new(|news| println!("{news:?}")),
        // No login that ends can be given here.
        clock: Arc::new(Timestamp::default),
    })?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{} {}", listener.local_addr()?.port(), gateway.key().expose());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let gateway = gateway.clone();
                let (stream, _) = accepted?;
                connections.spawn(async move { gateway.serve(stream).await });
            }
            Some(call) = calls.recv() => println!("{call:?}"),
            Some(_) = connections.join_next() => {}
        }
    }
}
