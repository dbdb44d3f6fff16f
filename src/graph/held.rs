//! A request's body that asks for its leave when the connection is there and begins to read it: to connect may take a while.
//!
//! Does not send. Invariant: a body whose leave was taken back before its first byte was read is never read, so its request is never
//! whole.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::engine::leave::Leave;

/// Why a body is not read.
#[derive(Debug, thiserror::Error)]
#[error("a pause or a stop came before it left")]
pub(super) struct TakenBack;

/// The body.
pub(super) struct Held {
    bytes: Option<Bytes>,
    leave: Leave,
    left: Left,
}

/// Whether a body was read, or there is none.
#[derive(Clone, Debug)]
pub(super) struct Left(Arc<AtomicBool>);

impl Left {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Held {
    pub(super) fn new(bytes: Bytes, leave: Leave) -> (Self, Left) {
        // Without a body there is nothing to keep back: the request leaves whole.
        let left = Left(Arc::new(AtomicBool::new(bytes.is_empty())));
        (Self { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), leave, left: left.clone() }, left)
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = TakenBack;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, TakenBack>>> {
        if self.bytes.is_some() && !self.leave.holds() {
            return Poll::Ready(Some(Err(TakenBack)));
        }
        self.left.0.store(true, Ordering::Release);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_body_that_nobody_read_was_kept_back() {
        for (body, expected) in [("{}", false), ("", true)] {
            let (_, left) = Held::new(Bytes::from_static(body.as_bytes()), Leave::default());
            assert_eq!(left.is_set(), expected, "{body:?}");
        }
    }
}
