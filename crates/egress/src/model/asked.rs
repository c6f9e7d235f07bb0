//! The body of a request on its way to the provider: kept while it may have to
//! be sent again, as long as there is room; otherwise passed on as it comes.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A conversation that fills a context of a million tokens has 4 to 5 MiB.
const KEPT_PER_CALL: usize = 8 * 1024 * 1024;
/// For all calls of a run together: the shim is small beside its agent.
pub(crate) const KEPT: usize = 24 * 1024 * 1024;
const _: () = assert!(KEPT_PER_CALL <= KEPT && KEPT <= u32::MAX as usize);

/// A request's body.
pub(crate) enum Asked {
    /// All of it. It can be sent again while this lives.
    Kept(Bytes, #[expect(dead_code, reason = "gives the room back")] Option<OwnedSemaphorePermit>),
    /// Too long to keep; what has come of it already is in here. Taken once.
    Passing(Option<Passing>),
}

impl Asked {
    /// Takes a body in.
    pub(crate) async fn read(mut body: Incoming, room: &Arc<Semaphore>) -> hyper::Result<Self> {
        let promised = body.size_hint().exact();
        if promised.is_some_and(|size| size > KEPT_PER_CALL as u64) {
            return Ok(Self::Passing(Some(Passing::new(Bytes::new(), body, promised))));
        }
        let mut kept = BytesMut::new();
        let mut permit: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            kept.extend_from_slice(&data);
            let more = u32::try_from(data.len()).unwrap_or(u32::MAX);
            let room = Arc::clone(room).try_acquire_many_owned(more).ok();
            let Some(room) = room.filter(|_| kept.len() <= KEPT_PER_CALL) else {
                let passing = Passing::new(kept.freeze(), body, promised);
                return Ok(Self::Passing(Some(passing)));
            };
            match &mut permit {
                Some(permit) => permit.merge(room),
                None => permit = Some(room),
            }
        }
        Ok(Self::Kept(kept.freeze(), permit))
    }

    /// It can be sent more than once.
    pub(crate) fn repeatable(&self) -> bool {
        matches!(self, Self::Kept(..))
    }

    /// The body to send; `None`: it was sent already and is gone.
    pub(crate) fn body(&mut self) -> Option<reqwest::Body> {
        match self {
            Self::Kept(bytes, _) => Some(bytes.clone().into()),
            Self::Passing(passing) => passing.take().map(reqwest::Body::wrap),
        }
    }

    /// How long it is, as far as is known.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Kept(bytes, _) => bytes.len() as u64,
            Self::Passing(passing) => {
                passing.as_ref().and_then(|passing| passing.size).unwrap_or_default()
            }
        }
    }

    /// The `model` it asks for, if that stands in what is here of it.
    pub(crate) fn model(&self) -> Option<String> {
        let bytes = match self {
            Self::Kept(bytes, _) => bytes,
            Self::Passing(passing) => passing.as_ref()?.first.as_ref()?,
        };
        let mut model = None;
        let mut json = serde_json::Deserializer::from_slice(bytes);
        // A body that breaks off behind the name has said it all the same.
        if let Err(error) = json.deserialize_map(TopLevel(&mut model)) {
            tracing::trace!(%error, "a request is not read to its end");
        }
        model.map(|model| super::meter::short(&model))
    }
}

/// Reads the top level of an object as far as `model`.
struct TopLevel<'a>(&'a mut Option<String>);

impl<'de> Visitor<'de> for TopLevel<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            if key == "model" {
                *self.0 = Some(map.next_value()?);
                // serde_json complains about the unread rest, which is skipped.
                return Ok(());
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// A body that is passed on as it comes.
pub(crate) struct Passing {
    first: Option<Bytes>,
    rest: Incoming,
    /// As the agent has announced it.
    size: Option<u64>,
}

impl Passing {
    /// `first` and then `rest`. `size`: of both, if it is known.
    pub(crate) fn new(first: Bytes, rest: Incoming, size: Option<u64>) -> Self {
        Self { first: (!first.is_empty()).then_some(first), rest, size }
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.size {
            // Exact only before the first piece: that is when it is asked for.
            Some(size) if self.first.is_some() || !self.rest.is_end_stream() => {
                SizeHint::with_exact(size)
            }
            Some(_) | None => SizeHint::default(),
        }
    }
}
