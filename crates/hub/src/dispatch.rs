//! The command table made into routes. A command that [`Parts`] does not
//! answer does not compile.

use crate::gate::Principal;
use crate::http::{refusal, too_large};
use crate::hub::Parts;
use crate::request;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, RawPathParams, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use axum::{Json, Router};
use pilot_proto::console::{Command, Method};
use pilot_proto::{Code, Problem, console};
use std::future::Future;
use std::sync::Arc;

/// Answers one command.
pub(crate) trait Answers<C: Command> {
    /// Whoever asks has the role that the table wants; everything else about
    /// the request is checked here.
    fn answer(
        &self,
        who: &Principal,
        request: C::Request,
    ) -> impl Future<Output = Result<C::Response, Problem>> + Send;
}

macro_rules! route_each {
    ($($command:ident),+) => {
        /// A route for each row of the table.
        pub(crate) fn routes() -> Router<Arc<Parts>> {
            Router::new()
                $(.route(
                    <console::$command as Command>::ENTRY.path,
                    on(filter::<console::$command>(), carry::<console::$command>),
                ))+
        }
    };
}
pilot_proto::for_each_command!(route_each);

fn filter<C: Command>() -> MethodFilter {
    match C::ENTRY.method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Delete => MethodFilter::DELETE,
    }
}

async fn carry<C: Command>(
    State(parts): State<Arc<Parts>>,
    Extension(who): Extension<Principal>,
    path: RawPathParams,
    RawQuery(query): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Response
where
    Parts: Answers<C>,
{
    let answered = async {
        who.require(C::ENTRY.role)?;
        let path: Vec<(String, String)> =
            path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let request = match C::ENTRY.method {
            Method::Get | Method::Delete => {
                request::from_query(&path, query.as_deref().unwrap_or_default())?
            }
            Method::Post => request::from_body(&path, &body.map_err(|error| unread(&error))?)?,
        };
        <Parts as Answers<C>>::answer(&parts, &who, request).await
    };
    match answered.await {
        Ok(response) => Json(response).into_response(),
        Err(problem) => {
            log(C::ENTRY.name, &who, &problem);
            refusal(&problem)
        }
    }
}

fn unread(error: &BytesRejection) -> Problem {
    if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        too_large()
    } else {
        Problem::new(Code::Invalid, format!("The body could not be read: {error}."))
    }
}

fn log(command: &str, who: &Principal, problem: &Problem) {
    match problem.code {
        Code::Internal | Code::DiskFull => {
            tracing::error!(command, who = who.name, %problem, "a command failed");
        }
        _ => tracing::debug!(command, who = who.name, %problem, "a command was refused"),
    }
}
