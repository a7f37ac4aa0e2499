//! A phone's WebSocket: frames, keep-alive, writing, and closing it with the right code (RFC 6455,
//! RFC 7118).

use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Bytes, Message as Frame, protocol::CloseFrame};

use super::{Next, Phone};
use crate::base::limit;
use crate::engine::door::PhoneSocket;

/// Pings that may go unanswered before the socket counts as dead.
const PINGS_MISSED_MAX: u8 = 2;

impl Phone {
    /// Handles one WebSocket frame; gives the bytes back for a hand-over.
    pub(super) async fn frame(
        &mut self,
        socket: &mut PhoneSocket,
        frame: Frame,
    ) -> Result<(Next, Bytes), tungstenite::Error> {
        self.pings_missed = 0;
        let bytes = match frame {
            Frame::Text(text) => Bytes::from(text),
            Frame::Binary(bytes) => bytes,
            // The page is gone, and its audio with it: nobody comes back for these calls.
            Frame::Close(Some(frame)) if frame.code == CloseCode::Away => {
                return Ok((Next::Close(1001, "going away"), Bytes::new()));
            }
            Frame::Close(_) => return Ok((Next::Close(1006, ""), Bytes::new())),
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {
                return Ok((Next::Continue, Bytes::new()));
            }
        };
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            // RFC 7118 §7 with RFC 5626 §3.5.1: a double CRLF asks for a single one.
            if bytes.len() >= 4 {
                socket.send(Frame::text("\r\n")).await?;
            }
            return Ok((Next::Continue, bytes));
        }
        Ok((self.sip(&bytes), bytes))
    }

    pub(super) async fn timeout(
        &mut self,
        socket: &mut PhoneSocket,
    ) -> Result<Next, tungstenite::Error> {
        let now = self.engine.clock().now();
        if self.user_agent.poll_timeout().is_some_and(|at| now >= at) {
            self.user_agent.handle_timeout(now);
            if let close @ Next::Close(..) = self.events(now) {
                return Ok(close);
            }
        }
        if self.auth_deadline.is_some_and(|at| now >= at) {
            return Ok(Next::Close(4401, "no valid token in time"));
        }
        if self.registered.as_ref().is_some_and(|registered| now >= registered.expires) {
            self.unregister();
        }
        if now >= self.ping_at {
            if self.pings_missed >= PINGS_MISSED_MAX {
                return Ok(Next::Close(1006, ""));
            }
            self.pings_missed += 1;
            self.ping_at = now + limit::PING_EVERY;
            socket.send(Frame::Ping(Bytes::new())).await?;
        }
        Ok(Next::Continue)
    }

    pub(super) fn next_deadline(&self) -> Instant {
        let expires = self.registered.as_ref().map(|registered| registered.expires);
        let others = [self.user_agent.poll_timeout(), self.auth_deadline, expires];
        others.into_iter().flatten().fold(self.ping_at, Instant::min)
    }

    /// Sends what the user agent wants sent. A reader slower than the time-out is given up.
    pub(super) async fn flush(
        &mut self,
        socket: &mut PhoneSocket,
    ) -> Result<(), tungstenite::Error> {
        while let Some(bytes) = self.outbox.pop_front() {
            let frame = match String::from_utf8(bytes) {
                Ok(text) => Frame::text(text),
                Err(error) => Frame::binary(error.into_bytes()),
            };
            match timeout(limit::PHONE_WRITE_TIMEOUT, socket.send(frame)).await {
                Ok(sent) => sent?,
                Err(_) => return Err(tungstenite::Error::ConnectionClosed),
            }
        }
        Ok(())
    }
}

/// The close code that tells the client what it did wrong (RFC 6455 §7.4.1).
pub(super) fn close_code(error: &tungstenite::Error) -> Next {
    match error {
        tungstenite::Error::Capacity(_) => Next::Close(1009, "message too big"),
        tungstenite::Error::Protocol(_) => Next::Close(1002, "protocol error"),
        tungstenite::Error::Utf8(_) => Next::Close(1007, "text is not UTF-8"),
        _ => Next::Close(1006, ""),
    }
}

pub(super) async fn close(socket: &mut PhoneSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
    let closing = async {
        socket.close(Some(frame)).await?;
        // Wait for the peer's half, so that the code is not lost to a reset.
        while socket.next().await.is_some_and(|frame| frame.is_ok()) {}
        Ok::<(), tungstenite::Error>(())
    };
    let _ = timeout(limit::CLOSE_TIMEOUT, closing).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k4_each_framing_error_has_its_close_code() {
        use tungstenite::error::{CapacityError, ProtocolError};
        let size = CapacityError::MessageTooLong { size: 70_000, max_size: 65_536 };
        let cases = [
            (tungstenite::Error::Capacity(size), 1009),
            (tungstenite::Error::Protocol(ProtocolError::UnmaskedFrameFromClient), 1002),
        ];
        for (error, code) in cases {
            assert!(matches!(close_code(&error), Next::Close(found, _) if found == code));
        }
    }
}
