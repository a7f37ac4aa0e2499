//! One side of a call as the engine sees it: its signalling door, its media id, and the SDP state
//! between them. The rules of each side are in [`browser`] and [`trunk`].

mod browser;
mod trunk;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;

pub use browser::{BROWSER_CODECS, BrowserLeg};
pub use trunk::{TrunkLeg, TrunkProfile};

use super::link::{LinkDoor, LinkMessage};
use super::media_thread::WorkerHandle;
use crate::base::{LegId, MediaId};
use crate::media;
use crate::media::format::{AudioFormat, Codec, Direction};
use crate::sdp::{OfferedCodec, Refusal};
use crate::sip::user_agent::Command;

/// Where a call's media events go.
pub type MediaEvents = mpsc::Sender<(MediaId, media::Event)>;

/// The media path of one leg: which worker, which id, and where its events go.
#[derive(Clone)]
pub struct MediaPath {
    /// The worker that holds both legs of the call.
    pub worker: WorkerHandle,
    /// The leg's id there.
    pub id: MediaId,
    /// The call's queue of media events.
    pub events: MediaEvents,
}

impl MediaPath {
    /// Sends a command; a full worker queue shows as a failed leg later, through its time-outs.
    pub fn send(&self, command: media::Command) {
        if self.worker.send(command).is_err() {
            tracing::warn!(media = %self.id, "media worker is overloaded, command dropped");
        }
    }

    /// Closes the leg at the worker: now, or as soon as its queue has room again.
    pub fn close(&self) {
        let (worker, id) = (self.worker.clone(), self.id);
        if worker.send(media::Command::Close { id }).is_ok() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                for _ in 0..CLOSE_TRIES {
                    tokio::time::sleep(CLOSE_RETRY).await;
                    if worker.send(media::Command::Close { id }).is_ok() {
                        return;
                    }
                }
                tracing::error!(media = %id, "media worker took no close for too long");
            });
        }
    }

    /// Opens the leg at the worker.
    ///
    /// # Errors
    /// The worker is at its bound.
    pub fn open(&self, command: media::Command) -> Result<(), NoRoom> {
        self.worker.open(command, self.events.clone()).map_err(|_| NoRoom)
    }

    /// Where browsers reach the worker.
    #[must_use]
    pub fn candidates(&self) -> &[SocketAddr] {
        self.worker.browser_addrs()
    }
}

/// How often, and how many times, a close is tried at a worker whose queue is full.
const CLOSE_RETRY: Duration = Duration::from_millis(20);
const CLOSE_TRIES: u32 = 500;

/// The media worker has no room for another leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the media worker has no room for another leg")]
pub struct NoRoom;

/// Either side.
pub enum Side {
    /// A browser: DTLS-SRTP.
    Browser(BrowserLeg),
    /// The PBX: SDES-SRTP or RTP.
    Trunk(TrunkLeg),
}

/// One side of a call.
pub struct Leg {
    /// In signalling.
    pub id: LegId,
    /// Its link.
    pub door: LinkDoor,
    /// Its SDP and media state.
    pub side: Side,
}

impl Leg {
    /// Sends a command to the leg's link; `false` when the link is gone or overloaded.
    #[must_use]
    pub fn command(&self, command: Command) -> bool {
        self.door.try_send(LinkMessage::Command(command)).is_ok()
    }

    /// The leg's media path.
    #[must_use]
    pub fn path(&self) -> &MediaPath {
        match &self.side {
            Side::Browser(leg) => leg.path(),
            Side::Trunk(leg) => leg.path(),
        }
    }

    /// The format both directions use, once negotiated.
    #[must_use]
    pub fn format(&self) -> Option<AudioFormat> {
        match &self.side {
            Side::Browser(leg) => leg.format(),
            Side::Trunk(leg) => leg.format(),
        }
    }

    /// The codecs the peer offered, in its order.
    #[must_use]
    pub fn offered(&self) -> &[OfferedCodec] {
        match &self.side {
            Side::Browser(leg) => leg.offered(),
            Side::Trunk(leg) => leg.offered(),
        }
    }

    /// Takes the peer's answer to our offer.
    ///
    /// # Errors
    /// The rule the answer breaks.
    pub fn accept_answer(&mut self, sdp: &[u8]) -> Result<(), Refusal> {
        match &mut self.side {
            Side::Browser(leg) => leg.accept_answer(sdp),
            Side::Trunk(leg) => leg.accept_answer(sdp),
        }
    }

    /// Our answer to the peer's first offer, in the codec of the far leg if it can be; also tells
    /// the worker. A trunk that sent no offer gets ours instead.
    ///
    /// # Errors
    /// No common codec.
    pub fn answer(&mut self, far: Option<Codec>) -> Result<Vec<u8>, Refusal> {
        match &mut self.side {
            Side::Browser(leg) => leg.answer(far),
            Side::Trunk(leg) => leg.answer(far),
        }
    }

    /// Our answer to a later offer of the peer: hold, resume, refresh, ICE restart, re-key.
    ///
    /// # Errors
    /// The rule the offer breaks; nothing changed.
    pub fn reanswer(&mut self, sdp: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        match &mut self.side {
            Side::Browser(leg) => leg.reanswer(sdp.ok_or(Refusal::NoAudio)?),
            Side::Trunk(leg) => leg.reanswer(sdp),
        }
    }
}

/// What both sides keep of a negotiation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Negotiated {
    /// The format.
    pub format: AudioFormat,
    /// The direction, seen from us.
    pub direction: Direction,
}

impl Negotiated {
    /// The order that tells the worker.
    pub(super) fn command(self, id: MediaId) -> media::Command {
        media::Command::SetFormat { id, format: self.format, direction: self.direction }
    }
}
