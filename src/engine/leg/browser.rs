//! A browser leg: ICE-lite and DTLS-SRTP towards one phone.

use super::{MediaPath, Negotiated, NoRoom};
use crate::engine::random;
use crate::media::Command;
use crate::media::command::{BrowserRemote, DtlsRole, IceCredentials};
use crate::media::format::{AudioFormat, Codec, Direction};
use crate::sdp::browser::{self, Local};
use crate::sdp::{Description, OfferedCodec, Origin, Refusal, choose};

/// Every codec a browser may use with us.
pub const BROWSER_CODECS: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];

/// The SDP and media state of one browser leg.
pub struct BrowserLeg {
    path: MediaPath,
    fingerprint: [u8; 32],
    origin: Origin,
    ice: IceCredentials,
    /// The peer's transport once known; its ICE credentials tell a restart.
    remote: Option<BrowserRemote>,
    /// The peer's first offer, until it is answered.
    offer: Option<Box<Description>>,
    offered: Vec<OfferedCodec>,
    negotiated: Option<Negotiated>,
    /// Our last description, to repeat it unchanged.
    written: Vec<u8>,
}

impl BrowserLeg {
    /// The leg of a browser that calls; `sdp` is its offer.
    ///
    /// # Errors
    /// The offer breaks a rule, or the worker has no room (`Ok(Err)`).
    pub fn incoming(
        path: MediaPath,
        fingerprint: [u8; 32],
        sdp: &[u8],
    ) -> Result<Result<Self, NoRoom>, Refusal> {
        let description = Description::parse(sdp)?;
        let remote = browser::remote(&description, false)?;
        choose(&description.audio, None, &BROWSER_CODECS).ok_or(Refusal::NoCommonCodec)?;
        let ice = random::ice_credentials();
        let open =
            Command::OpenBrowser { id: path.id, local: ice.clone(), remote: Some(remote.clone()) };
        if path.open(open).is_err() {
            return Ok(Err(NoRoom));
        }
        Ok(Ok(Self {
            path,
            fingerprint,
            origin: Origin::new(random::number()),
            ice,
            remote: Some(remote),
            offered: description.audio.codecs.clone(),
            offer: Some(Box::new(description)),
            negotiated: None,
            written: Vec::new(),
        }))
    }

    /// The leg of a browser that is to be called, and the offer for it.
    ///
    /// # Errors
    /// The worker has no room.
    pub fn outgoing(
        path: MediaPath,
        fingerprint: [u8; 32],
        codecs: &[Codec],
    ) -> Result<(Self, Vec<u8>), NoRoom> {
        let ice = random::ice_credentials();
        path.open(Command::OpenBrowser { id: path.id, local: ice.clone(), remote: None })?;
        let mut leg = Self {
            path,
            fingerprint,
            origin: Origin::new(random::number()),
            ice,
            remote: None,
            offer: None,
            offered: Vec::new(),
            negotiated: None,
            written: Vec::new(),
        };
        let sdp = browser::offer(leg.local(Direction::SendRecv), codecs);
        leg.written.clone_from(&sdp);
        Ok((leg, sdp))
    }

    pub(super) fn path(&self) -> &MediaPath {
        &self.path
    }

    pub(super) fn format(&self) -> Option<AudioFormat> {
        self.negotiated.map(|negotiated| negotiated.format)
    }

    pub(super) fn offered(&self) -> &[OfferedCodec] {
        &self.offered
    }

    pub(super) fn accept_answer(&mut self, sdp: &[u8]) -> Result<(), Refusal> {
        let description = Description::parse(sdp)?;
        let remote = browser::remote(&description, true)?;
        let format =
            choose(&description.audio, None, &BROWSER_CODECS).ok_or(Refusal::NoCommonCodec)?;
        self.path.send(Command::SetBrowserRemote {
            id: self.path.id,
            local: None,
            remote: remote.clone(),
        });
        self.remote = Some(remote);
        self.settle(Negotiated { format, direction: description.audio.direction.mirrored() });
        Ok(())
    }

    pub(super) fn answer(&mut self, far: Option<Codec>) -> Result<Vec<u8>, Refusal> {
        // The one answer of this leg was given with early media: it stands (INTEROP section 2).
        let Some(offer) = self.offer.take() else { return Ok(self.written.clone()) };
        let role = self.remote.as_ref().map_or(DtlsRole::Passive, |remote| remote.role);
        let format = choose(&offer.audio, far, &BROWSER_CODECS).ok_or(Refusal::NoCommonCodec)?;
        let direction = offer.audio.direction.mirrored();
        self.settle(Negotiated { format, direction });
        self.written = browser::answer(self.local(direction), &offer, role, &format);
        Ok(self.written.clone())
    }

    /// DTLS and SRTP go on through every re-offer; a new certificate would need a new handshake
    /// and is refused.
    pub(super) fn reanswer(&mut self, sdp: &[u8]) -> Result<Vec<u8>, Refusal> {
        let description = Description::parse(sdp)?;
        let mut remote = browser::remote(&description, false)?;
        let known = self.remote.as_ref().ok_or(Refusal::IceCredentials)?;
        if known.fingerprint != remote.fingerprint {
            return Err(Refusal::Fingerprint);
        }
        remote.role = known.role;
        let codec = self.format().map(|format| format.codec);
        let format =
            choose(&description.audio, codec, &BROWSER_CODECS).ok_or(Refusal::NoCommonCodec)?;
        if known.ice != remote.ice {
            self.ice = random::ice_credentials();
            self.path.send(Command::SetBrowserRemote {
                id: self.path.id,
                local: Some(self.ice.clone()),
                remote: remote.clone(),
            });
        }
        let role = remote.role;
        self.remote = Some(remote);
        let direction = description.audio.direction.mirrored();
        self.settle(Negotiated { format, direction });
        let repeated = browser::answer(self.local(direction), &description, role, &format);
        if repeated != self.written {
            self.origin.version += 1;
            self.written = browser::answer(self.local(direction), &description, role, &format);
        }
        Ok(self.written.clone())
    }

    fn settle(&mut self, negotiated: Negotiated) {
        self.negotiated = Some(negotiated);
        self.path.send(negotiated.command(self.path.id));
    }

    fn local(&self, direction: Direction) -> Local<'_> {
        Local {
            origin: self.origin,
            ice: &self.ice,
            fingerprint: &self.fingerprint,
            candidates: self.path.candidates(),
            direction,
        }
    }
}
