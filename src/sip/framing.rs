//! Cuts messages from a TLS or TCP stream. RFC 3261 §7.5, §18.3; RFC 5626 §3.5.1.
//!
//! Owns no parsing: a frame is the bytes of one message, for [`Message::parse`]. On a WebSocket
//! every frame is one message already (RFC 7118 §5) and only [`is_keep_alive`] is of use.
//!
//! [`Message::parse`]: super::Message::parse

use super::header::is_content_length;
use super::parse::content_length;
use crate::base::limit;
use std::ops::Range;

/// Whether a WebSocket frame holds nothing but line ends: answer with CRLF.
#[must_use]
pub fn is_keep_alive(frame: &[u8]) -> bool {
    !frame.is_empty() && frame.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

/// What a stream brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The bytes of one message.
    Message(Vec<u8>),
    /// A double CRLF: the peer wants one CRLF back (RFC 5626 §3.5.1).
    KeepAlive,
}

/// Why a stream cannot be read on: its messages have lost their borders. Close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The first line is not one of SIP: HTTP, TLS, noise.
    #[error("peer does not speak SIP")]
    NotSip,
    /// Over [`SIP_MESSAGE_BYTES_MAX`](crate::base::limit::SIP_MESSAGE_BYTES_MAX).
    #[error("message too large")]
    TooLarge,
    /// Content-Length is missing, repeated or not a number.
    #[error("message without a usable Content-Length")]
    ContentLength,
}

/// Collects the bytes of one stream and gives out whole messages, each byte looked at once.
#[derive(Debug, Default)]
pub struct StreamFramer {
    buffer: Vec<u8>,
    /// Where the message being collected begins; bytes before it were given out.
    start: usize,
    /// Where its first line not yet looked at begins.
    line: usize,
    /// No line end lies between `line` and here.
    scanned: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Between messages, or in the first line of one.
    #[default]
    FirstLine,
    /// In the header lines.
    Header {
        content_length: Option<usize>,
        /// Whether a folded line would continue Content-Length.
        in_content_length: bool,
    },
    /// The header ended; the message is whole at this many bytes behind its start.
    Body { length: usize },
    /// Nothing more can be read.
    Failed(FrameError),
}

impl StreamFramer {
    /// A framer at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes just read. Call [`StreamFramer::next`] until it has no more before the next
    /// push, or the buffer grows.
    pub fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Failed(_)) {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole frame. After an error only that error.
    #[expect(clippy::should_implement_trait, reason = "None means not yet, not the end")]
    pub fn next(&mut self) -> Option<Result<Frame, FrameError>> {
        let step = self.step();
        match &step {
            None => self.compact(),
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                self.state = State::Failed(*error);
                self.buffer = Vec::new();
            }
        }
        step
    }

    /// Bytes held back for a message that is not whole yet; a peer that stays in the middle of
    /// one for long is to be cut off by the owner.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len().saturating_sub(self.start)
    }

    fn step(&mut self) -> Option<Result<Frame, FrameError>> {
        loop {
            match self.state {
                State::Failed(error) => return Some(Err(error)),
                State::FirstLine => match self.first_line()? {
                    Ok(None) => {}
                    Ok(Some(frame)) => return Some(Ok(frame)),
                    Err(error) => return Some(Err(error)),
                },
                State::Header { content_length, in_content_length } => {
                    if let Err(error) = self.header_line(content_length, in_content_length)? {
                        return Some(Err(error));
                    }
                }
                State::Body { length } => {
                    let end = self.start.checked_add(length)?;
                    let message = self.buffer.get(self.start..end)?.to_vec();
                    self.begin_at(end);
                    return Some(Ok(Frame::Message(message)));
                }
            }
        }
    }

    /// Steps over line ends between messages and checks that a first line is one of SIP.
    fn first_line(&mut self) -> Option<Result<Option<Frame>, FrameError>> {
        let waiting = self.buffer.get(self.start..)?;
        if waiting.starts_with(b"\r\n\r\n") {
            self.begin_at(self.start + 4);
            return Some(Ok(Some(Frame::KeepAlive)));
        }
        match waiting {
            // A pong, or half a ping: the next bytes tell.
            [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return None,
            [b'\r', b'\n', ..] => {
                self.begin_at(self.start + 2);
                return Some(Ok(None));
            }
            [first, ..] if !super::lex::is_token_byte(*first) => {
                return Some(Err(FrameError::NotSip));
            }
            _ => {}
        }
        let line = match self.line()? {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        if !self.text(line).is_some_and(is_sip) {
            return Some(Err(FrameError::NotSip));
        }
        self.state = State::Header { content_length: None, in_content_length: false };
        Some(Ok(None))
    }

    /// Reads one header line: Content-Length is remembered, a blank line begins the body.
    fn header_line(
        &mut self,
        mut length: Option<usize>,
        mut in_content_length: bool,
    ) -> Option<Result<(), FrameError>> {
        let line = match self.line()? {
            Ok(line) => self.text(line).unwrap_or_default(),
            Err(error) => return Some(Err(error)),
        };
        if line == "\r\n" {
            let Some(length) = length else { return Some(Err(FrameError::ContentLength)) };
            let length = self.line.saturating_sub(self.start).saturating_add(length);
            if length > limit::SIP_MESSAGE_BYTES_MAX {
                return Some(Err(FrameError::TooLarge));
            }
            self.state = State::Body { length };
            return Some(Ok(()));
        }
        let is_folded = line.starts_with([' ', '\t']);
        let value = match line.split_once(':') {
            _ if is_folded => in_content_length.then_some(line),
            Some((name, value)) => {
                in_content_length = is_content_length(name.trim_end_matches([' ', '\t']));
                in_content_length.then_some(value)
            }
            None => None,
        };
        // A folded Content-Length may be empty so far; its number must come exactly once.
        if let Some(value) = value.map(str::trim_ascii).filter(|value| !value.is_empty()) {
            match (length, content_length(value)) {
                (None, Some(read)) => length = Some(read),
                (None, None) | (Some(_), _) => return Some(Err(FrameError::ContentLength)),
            }
        }
        self.state = State::Header { content_length: length, in_content_length };
        Some(Ok(()))
    }

    /// The next whole line with its end; lines must end within the bound of a message.
    fn line(&mut self) -> Option<Result<Range<usize>, FrameError>> {
        let unseen = self.buffer.get(self.scanned..)?;
        let Some(at) = unseen.iter().position(|byte| *byte == b'\n') else {
            self.scanned = self.buffer.len();
            let is_over = self.pending_bytes() > limit::SIP_MESSAGE_BYTES_MAX;
            return is_over.then_some(Err(FrameError::TooLarge));
        };
        let line = self.line..self.scanned.saturating_add(at).saturating_add(1);
        self.line = line.end;
        self.scanned = line.end;
        if line.end.saturating_sub(self.start) > limit::SIP_MESSAGE_BYTES_MAX {
            return Some(Err(FrameError::TooLarge));
        }
        Some(Ok(line))
    }

    /// A line as text; a line that is not UTF-8 says nothing about framing.
    fn text(&self, line: Range<usize>) -> Option<&str> {
        str::from_utf8(self.buffer.get(line)?).ok()
    }

    fn begin_at(&mut self, start: usize) {
        self.start = start;
        self.line = start;
        self.scanned = start;
        self.state = State::FirstLine;
    }

    /// Forgets what was given out, and gives back memory that an idle stream need not hold.
    fn compact(&mut self) {
        if self.start == 0 {
            return;
        }
        self.buffer.drain(..self.start.min(self.buffer.len()));
        self.line = self.line.saturating_sub(self.start);
        self.scanned = self.scanned.saturating_sub(self.start);
        self.start = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > IDLE_BYTES_MAX {
            self.buffer = Vec::new();
        }
    }
}

/// Most memory kept by a stream between messages, bytes.
const IDLE_BYTES_MAX: usize = 4096;

/// Whether a first line is a Status-Line or ends in a SIP version, any version.
fn is_sip(line: &str) -> bool {
    let is_version = |word: &str| word.get(..4).is_some_and(|w| w.eq_ignore_ascii_case("SIP/"));
    let line = line.trim_ascii_end();
    is_version(line) || line.rsplit_once(' ').is_some_and(|(_, word)| is_version(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Message;

    const OPTIONS: &str = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\n\
        From: <sip:a>;tag=1\r\nTo: <sip:a>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n";

    fn message(body: &str) -> Vec<u8> {
        format!("{OPTIONS}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    fn frames(
        pieces: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Vec<Result<Frame, FrameError>> {
        let mut framer = StreamFramer::new();
        let mut frames = Vec::new();
        for piece in pieces {
            framer.push(piece.as_ref());
            while let Some(frame) = framer.next() {
                let is_error = frame.is_err();
                frames.push(frame);
                if is_error {
                    return frames;
                }
            }
        }
        frames
    }

    #[test]
    fn messages_come_out_whole_however_the_bytes_arrive() {
        let (one, two) = (message("hello"), message(""));
        let stream = [b"\r\n\r\n".as_slice(), &one, b"\r\n", &two, b"\r\n\r\n", &one].concat();
        let expected = [
            Ok(Frame::KeepAlive),
            Ok(Frame::Message(one.clone())),
            Ok(Frame::Message(two)),
            Ok(Frame::KeepAlive),
            Ok(Frame::Message(one)),
        ];
        for size in [1, 2, 3, 7, 64, 1000, 10_000] {
            assert_eq!(frames(stream.chunks(size)), expected, "pieces of {size}");
        }
        for frame in expected.into_iter().flatten() {
            if let Frame::Message(bytes) = frame {
                Message::parse(&bytes).unwrap();
            }
        }
    }

    #[test]
    fn content_length_may_be_compact_folded_and_spaced() {
        for line in ["l: 3", "L :3", "CONTENT-LENGTH:\r\n 3", "Content-Length\t:\t03 "] {
            let bytes = format!("{OPTIONS}{line}\r\nX: y\r\n\r\nabc");
            assert_eq!(frames([&bytes]), [Ok(Frame::Message(bytes.into_bytes()))], "{line}");
        }
    }

    #[test]
    fn s01_a_content_length_that_is_no_small_number_ends_the_stream() {
        for line in [
            "X: y",
            "l: -1",
            "l: 9223372036854775808",
            "l: 4294967328",
            "l: 1 1",
            "l:",
            "l: 1\r\nContent-Length: 1",
            "l: 1\r\n 1",
            "l: +1",
            "l: 99999999999999999999999",
        ] {
            let bytes = format!("{OPTIONS}{line}\r\n\r\nabc");
            let error = frames([&bytes]).pop().unwrap().unwrap_err();
            assert!(matches!(error, FrameError::ContentLength | FrameError::TooLarge), "{line}");
        }
    }

    #[test]
    fn c60_http_tls_and_noise_are_not_sip() {
        for bytes in
            ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\u{16}\u{3}\u{1}", "\n", "\r\rA", "hello\n"]
        {
            assert_eq!(frames([bytes]), [Err(FrameError::NotSip)], "{bytes:?}");
        }
    }

    #[test]
    fn s01_endless_headers_lines_and_bodies_end_the_stream() {
        let line = frames(std::iter::repeat_n([b'A'; 1000], 100)).pop();
        assert_eq!(line, Some(Err(FrameError::TooLarge)));
        let lines = [OPTIONS.as_bytes().to_vec()].into_iter();
        let lines = lines.chain(std::iter::repeat_n(b"X: y\r\n".to_vec(), 20_000));
        assert_eq!(frames(lines).pop(), Some(Err(FrameError::TooLarge)));
        let body = format!("{OPTIONS}l: 65536\r\n\r\n");
        assert_eq!(frames([body]), [Err(FrameError::TooLarge)]);
    }

    #[test]
    fn after_an_error_nothing_is_read_or_kept() {
        let mut framer = StreamFramer::new();
        framer.push(b"GET / HTTP/1.1\r\n");
        assert_eq!(framer.next(), Some(Err(FrameError::NotSip)));
        framer.push(&message(""));
        assert_eq!((framer.next(), framer.pending_bytes()), (Some(Err(FrameError::NotSip)), 0));
    }

    #[test]
    fn c46_a_frame_of_line_ends_is_a_keep_alive() {
        assert!(is_keep_alive(b"\r\n\r\n") && is_keep_alive(b"\r\n"));
        assert!(!is_keep_alive(b"") && !is_keep_alive(b"OPTIONS"));
    }
}
