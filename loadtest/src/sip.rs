//! As much of a SIP phone over WebSocket (RFC 7118) as a load test needs: REGISTER, one call at a
//! time, polite answers to whatever else arrives. Written without the server's own parser, so that
//! the two cannot share a mistake.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::client::Socket;

/// A phone with its socket.
pub struct Phone {
    socket: Socket,
    number: String,
    token: String,
    /// Unlike any other phone's.
    tag: String,
    cseq: u32,
    requests: u32,
    call: Option<Dialog>,
    /// The other side said goodbye.
    hung_up: bool,
}

/// What identifies the call.
#[derive(Clone, Debug)]
struct Dialog {
    call_id: String,
    to: String,
    target: String,
    invite_cseq: u32,
}

/// A message, as far as it matters here.
#[derive(Clone, Debug)]
struct Message {
    start: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// How long the server may take to answer a request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(32);

impl Phone {
    /// A phone of an agent on a fresh socket. `tag` must be unique.
    pub fn new(socket: Socket, number: &str, token: &str, tag: &str) -> Self {
        Self {
            socket,
            number: number.to_owned(),
            token: token.to_owned(),
            tag: tag.to_owned(),
            cseq: 0,
            requests: 0,
            call: None,
            hung_up: false,
        }
    }

    /// Registers, or refreshes the registration.
    pub async fn register(&mut self) -> Result<()> {
        self.cseq += 1;
        let mut text = self.request("REGISTER", "sip:localhost", self.cseq);
        let own = format!("<sip:{}@localhost>", self.number);
        let _ = write!(
            text,
            "To: {own}\r\nCall-ID: r-{tag}\r\nContact: <sip:{tag}@{tag}.invalid;transport=ws>;reg-id=1;\
             +sip.instance=\"<urn:uuid:{uuid}>\";expires=300\r\nExpires: 300\r\n\
             Authorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n",
            tag = self.tag,
            token = self.token,
            uuid = uuid_of(&self.tag),
        );
        self.send(text).await?;
        let answer = self.answer("REGISTER").await?;
        match answer.status() {
            200 => Ok(()),
            _ => bail!("REGISTER: {}", answer.start),
        }
    }

    /// Calls `number` with an offer and gives the answer's SDP; ACKs it.
    pub async fn invite(&mut self, number: &str, offer: &str) -> Result<String> {
        self.cseq += 1;
        let target = format!("sip:{number}@localhost");
        let call_id = format!("c{}-{}", self.cseq, self.tag);
        let mut text = self.request("INVITE", &target, self.cseq);
        let _ = write!(
            text,
            "To: <{target}>\r\nCall-ID: {call_id}\r\nContact: <sip:{tag}@{tag}.invalid;transport=ws;ob>\r\n\
             Authorization: Bearer {token}\r\nAllow: INVITE,ACK,CANCEL,BYE,UPDATE,INFO,OPTIONS\r\n\
             Supported: outbound\r\nContent-Type: application/sdp\r\nContent-Length: {len}\r\n\r\n{offer}",
            tag = self.tag,
            token = self.token,
            len = offer.len(),
        );
        self.hung_up = false;
        self.send(text).await?;
        let answer = self.answer("INVITE").await?;
        let to = answer.header("To").unwrap_or_default().to_owned();
        let contact = answer.header("Contact").and_then(uri_of).unwrap_or(&target).to_owned();
        let dialog = Dialog { call_id, to, target: contact, invite_cseq: self.cseq };
        self.ack(&dialog).await?;
        if answer.status() != 200 {
            bail!("INVITE: {}", answer.start);
        }
        self.call = Some(dialog);
        Ok(answer.body)
    }

    /// Hangs up.
    pub async fn bye(&mut self) -> Result<()> {
        let dialog = self.call.take().context("no call")?;
        self.cseq += 1;
        let mut text = self.request("BYE", &dialog.target, self.cseq);
        let _ = write!(
            text,
            "To: {}\r\nCall-ID: {}\r\nContent-Length: 0\r\n\r\n",
            dialog.to, dialog.call_id
        );
        self.send(text).await?;
        let answer = self.answer("BYE").await?;
        match answer.status() {
            200 => Ok(()),
            _ => bail!("BYE: {}", answer.start),
        }
    }

    /// Answers what the server asks, until this future is dropped or the call or socket ends.
    pub async fn attend(&mut self) -> Result<()> {
        loop {
            let message = self.receive().await?;
            if message.status() == 0 {
                self.serve(&message).await?;
            }
            if self.hung_up {
                bail!("the server hung up");
            }
        }
    }

    /// Closes the socket.
    pub async fn close(mut self) {
        let _ = timeout(Duration::from_secs(2), self.socket.close(None)).await;
    }

    async fn ack(&mut self, dialog: &Dialog) -> Result<()> {
        let mut text = self.request("ACK", &dialog.target, dialog.invite_cseq);
        let _ = write!(
            text,
            "To: {}\r\nCall-ID: {}\r\nContent-Length: 0\r\n\r\n",
            dialog.to, dialog.call_id
        );
        self.send(text).await
    }

    /// The first lines of a request, without To and Call-ID.
    fn request(&mut self, method: &str, target: &str, cseq: u32) -> String {
        self.requests += 1;
        format!(
            "{method} {target} SIP/2.0\r\n\
             Via: SIP/2.0/WSS {tag}.invalid;branch=z9hG4bK{tag}{count}\r\nMax-Forwards: 69\r\n\
             From: <sip:{number}@localhost>;tag=f{tag}\r\nCSeq: {cseq} {method}\r\n\
             User-Agent: ringfence-loadtest\r\n",
            tag = self.tag,
            count = self.requests,
            number = self.number,
        )
    }

    /// Waits for the final answer to the request just sent.
    async fn answer(&mut self, method: &str) -> Result<Message> {
        let wait = async {
            loop {
                let message = self.receive().await?;
                let cseq = message.header("CSeq").unwrap_or_default();
                match message.status() {
                    0 => self.serve(&message).await?,
                    200.. if cseq == format!("{} {method}", self.cseq) => return Ok(message),
                    _ => {}
                }
            }
        };
        timeout(ANSWER_TIMEOUT, wait).await.map_err(|_| anyhow!("{method}: no answer"))?
    }

    /// Answers a request: 200 to everything, and a BYE ends the call.
    async fn serve(&mut self, request: &Message) -> Result<()> {
        let method = request.start.split(' ').next().unwrap_or_default();
        match method {
            "ACK" => return Ok(()),
            "BYE" => {
                self.hung_up = true;
                self.call = None;
            }
            _ => {}
        }
        let mut text = "SIP/2.0 200 OK\r\n".to_owned();
        for (name, value) in &request.headers {
            if ["Via", "From", "To", "Call-ID", "CSeq"].iter().any(|h| h.eq_ignore_ascii_case(name))
            {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        self.send(text).await
    }

    async fn send(&mut self, text: String) -> Result<()> {
        self.socket.send(Frame::text(text)).await.context("the socket is gone")
    }

    /// The next SIP message; pings are answered by the WebSocket library.
    async fn receive(&mut self) -> Result<Message> {
        loop {
            let frame = self.socket.next().await.context("the server closed the socket")??;
            let text = match &frame {
                Frame::Text(text) => text.as_str(),
                Frame::Binary(bytes) => std::str::from_utf8(bytes)?,
                Frame::Close(close) => bail!("the server closed the socket: {close:?}"),
                Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => continue,
            };
            if let Some(message) = Message::parse(text) {
                return Ok(message);
            }
        }
    }
}

impl Message {
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let (start, lines) = head.split_once("\r\n")?;
        let headers = lines
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Some(Self { start: start.to_owned(), headers, body: body.to_owned() })
    }

    /// The status of a response, 0 of a request.
    fn status(&self) -> u16 {
        let rest = self.start.strip_prefix("SIP/2.0 ");
        rest.and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or(0)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The URI within angle brackets.
fn uri_of(name_addr: &str) -> Option<&str> {
    let (_, rest) = name_addr.split_once('<')?;
    rest.split('>').next()
}

/// A UUID that stays the same for a phone.
fn uuid_of(tag: &str) -> String {
    let mut number = [0_u8; 16];
    for (place, byte) in number.iter_mut().zip(tag.bytes().cycle()) {
        *place = byte;
    }
    let hex: String = number.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_told_from_a_request_and_its_contact_found() {
        let ok =
            "SIP/2.0 200 OK\r\nCSeq: 2 INVITE\r\nContact: <sip:x@y;transport=ws>;a=b\r\n\r\nv=0";
        let ok = Message::parse(ok).unwrap();
        assert_eq!(ok.status(), 200);
        assert_eq!(ok.header("contact").and_then(uri_of), Some("sip:x@y;transport=ws"));
        assert_eq!(ok.body, "v=0");
        let bye = Message::parse("BYE sip:a@b SIP/2.0\r\nVia: x\r\n\r\n").unwrap();
        assert_eq!(bye.status(), 0);
    }

    #[test]
    fn phones_have_their_own_uuids() {
        assert_ne!(uuid_of("p000001"), uuid_of("p000002"));
        assert_eq!(uuid_of("p000001").len(), 36);
    }
}
