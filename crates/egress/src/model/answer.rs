//! The answer on its way to the agent: each piece as it comes, with a meter
//! beside it, and cut off where the budget ends.

use super::call::Call;
use super::dialect;
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The provider broke off; the agent's connection is broken off as well, so
/// that it does not take half an answer for a whole one.
#[derive(Debug, thiserror::Error)]
#[error("the provider broke off its answer: {0}")]
pub(crate) struct BrokenOff(String);

/// The body of an answer that is being passed on.
pub(crate) struct Answer {
    /// Gone when it was cut off.
    upstream: Option<reqwest::Body>,
    /// What is metered; none for calls that cost nothing.
    call: Option<Call>,
}

impl Answer {
    pub(crate) fn new(upstream: reqwest::Body, call: Option<Call>) -> Self {
        Self { upstream: Some(upstream), call }
    }

    /// Meters a piece; the piece to pass on, and whether it is the last.
    fn meter(&mut self, bytes: Bytes) -> (Bytes, bool) {
        let Some(call) = &mut self.call else { return (bytes, false) };
        let border = call.feed(&bytes);
        let (Some(words), Some(border)) = (call.over(), border) else { return (bytes, false) };
        let event = dialect::error_event(call.dialect(), super::BUDGET_CODE, &words);
        let mut last = BytesMut::from(&bytes[..border]);
        last.extend_from_slice(event.as_bytes());
        call.fail(&words);
        (last.freeze(), true)
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let Some(upstream) = &mut self.upstream else { return Poll::Ready(None) };
        let frame = match Pin::new(upstream).poll_frame(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(frame) => frame,
        };
        Poll::Ready(match frame {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => {
                    let (bytes, last) = self.meter(bytes);
                    if last {
                        self.upstream = None;
                        self.call = None;
                    }
                    Some(Ok(Frame::data(bytes)))
                }
                // Trailers: no vendor sends any, and none is waited for.
                Err(_) => Some(Ok(Frame::data(Bytes::new()))),
            },
            Some(Err(error)) => {
                let error = super::login::chain(&error.without_url());
                if let Some(mut call) = self.call.take() {
                    call.fail(&format!("the provider broke off its answer: {error}"));
                }
                self.upstream = None;
                Some(Err(BrokenOff(error)))
            }
            None => {
                if let Some(mut call) = self.call.take() {
                    call.finish();
                }
                self.upstream = None;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        // Not before the meter has seen the end.
        self.upstream.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.upstream, &self.call) {
            // A metered stream may be cut off.
            (Some(upstream), None) => upstream.size_hint(),
            (Some(_), Some(_)) | (None, _) => SizeHint::default(),
        }
    }
}
