//! Enrolment: one HTTP POST, over the same connector as the link.

use crate::connector::{chain, connect};
use crate::deadlines::Deadlines;
use crate::dial::DialError;
use crate::endpoint::Endpoint;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Request, Response, StatusCode, body::Incoming};
use hyper_util::rt::TokioIo;
use pilot_proto::Problem;
use pilot_proto::runner::{JOIN_PATH, Join, Joined};
use std::error::Error;
use tokio::time::timeout;

/// Why the runner is not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The hub said no.
    #[error("the hub at `{hub}` did not enrol this runner: {problem}")]
    Refused {
        /// Where.
        hub: String,
        /// Why.
        problem: Problem,
    },
}

impl JoinError {
    /// For a person.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Dial(error) => error.problem(),
            Self::Refused { problem, .. } => problem.clone(),
        }
    }
}

/// An answer is two short strings; a longer one is not a hub's.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Asks the hub to enrol this runner.
pub async fn post_join(
    endpoint: &Endpoint,
    join: &Join,
    deadlines: Deadlines,
) -> Result<Joined, JoinError> {
    let after = deadlines.dial + deadlines.greet;
    let (status, body) = timeout(after, post(endpoint, join))
        .await
        .map_err(|_elapsed| DialError::Deadline { hub: endpoint.to_string(), after })??;
    let hub = endpoint.to_string();
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|error| {
            not_a_hub(endpoint, format!("its answer is no enrolment: {error}")).into()
        });
    }
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Err(JoinError::Refused { hub, problem }),
        Err(_no_problem) => Err(not_a_hub(endpoint, format!("HTTP status {status}")).into()),
    }
}

async fn post(endpoint: &Endpoint, join: &Join) -> Result<(StatusCode, Bytes), DialError> {
    let broke = |error: &(dyn Error + 'static)| not_a_hub(endpoint, chain(error));
    let stream = connect(endpoint).await?;
    let (mut requests, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| broke(&error))?;
    let request = request(endpoint, join)?;
    // The connection makes progress only while it is polled, beside the request.
    let exchange = async {
        let response = requests.send_request(request).await.map_err(|error| broke(&error))?;
        read(response).await.map_err(|error| broke(error.as_ref()))
    };
    tokio::pin!(connection, exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        ended = &mut connection => {
            ended.map_err(|error| broke(&error))?;
            // The hub has closed it in order; what it said is already here.
            exchange.await
        }
    }
}

fn request(endpoint: &Endpoint, join: &Join) -> Result<Request<Full<Bytes>>, DialError> {
    let body = serde_json::to_vec(join).map_err(|error| not_a_hub(endpoint, chain(&error)))?;
    Request::post(endpoint.path(JOIN_PATH))
        .header(HOST, endpoint.authority())
        .header(CONTENT_TYPE, "application/json")
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| not_a_hub(endpoint, chain(&error)))
}

async fn read(
    response: Response<Incoming>,
) -> Result<(StatusCode, Bytes), Box<dyn Error + Send + Sync>> {
    let status = response.status();
    let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await?.to_bytes();
    Ok((status, body))
}

fn not_a_hub(endpoint: &Endpoint, why: String) -> DialError {
    DialError::NotAHub { hub: endpoint.to_string(), why, retry_after: None }
}
