//! A PBX leg: SDES-SRTP or plain RTP over the worker's trunk sockets.

use std::net::IpAddr;

use super::{MediaPath, Negotiated, NoRoom};
use crate::engine::random;
use crate::media::Command;
use crate::media::command::TrunkRemote;
use crate::media::format::{AudioFormat, Codec, Direction};
use crate::media::rtp::srtp::SrtpKey;
use crate::media::sdes::CryptoAttribute;
use crate::sdp::trunk::{self, Accepted, Local, OFFERED_PROFILES, TrunkMedia};
use crate::sdp::{Description, OfferedCodec, Origin, Refusal, choose};

/// What of a trunk's configuration concerns media.
#[derive(Clone, Debug)]
pub struct TrunkProfile {
    /// SRTP or RTP.
    pub media: TrunkMedia,
    /// Allowed codecs, in order of preference.
    pub codecs: Vec<Codec>,
    /// Our own address on the way to the PBX, as far as it is known.
    pub our_ip: Option<IpAddr>,
}

/// The SDP and media state of one PBX leg.
pub struct TrunkLeg {
    path: MediaPath,
    profile: TrunkProfile,
    /// Which of the worker's trunk sockets.
    socket: u8,
    origin: Origin,
    /// Our keys: all that were offered, or the chosen one once answered. Empty for plain RTP.
    keys: Vec<CryptoAttribute>,
    /// The peer's first offer, until it is answered.
    offer: Option<Box<Description>>,
    offered: Vec<OfferedCodec>,
    negotiated: Option<Negotiated>,
    written: Vec<u8>,
}

impl TrunkLeg {
    /// The leg of a PBX that is to be called, and the offer for it.
    ///
    /// # Errors
    /// The worker has no room.
    pub fn outgoing(
        path: MediaPath,
        profile: TrunkProfile,
        codecs: &[Codec],
    ) -> Result<(Self, Vec<u8>), NoRoom> {
        let keys = fresh_keys(profile.media)?;
        let mut leg = Self::open(path, profile, keys)?;
        let sdp = trunk::offer(leg.local(Direction::SendRecv), codecs);
        leg.written.clone_from(&sdp);
        Ok((leg, sdp))
    }

    /// The leg of a PBX that calls; without `sdp` it wants our offer in the answer.
    ///
    /// # Errors
    /// The offer breaks a rule, or the worker has no room (`Ok(Err)`).
    pub fn incoming(
        path: MediaPath,
        profile: TrunkProfile,
        sdp: Option<&[u8]>,
    ) -> Result<Result<Self, NoRoom>, Refusal> {
        let Some(sdp) = sdp else {
            let keys = fresh_keys(profile.media);
            return Ok(keys.and_then(|keys| Self::open(path, profile, keys)));
        };
        let description = Description::parse(sdp)?;
        let accepted = trunk::accept_offer(&description, profile.media)?;
        choose(&description.audio, None, &profile.codecs).ok_or(Refusal::NoCommonCodec)?;
        let keys = match &accepted.remote.key {
            None => Vec::new(),
            Some(key) => match SrtpKey::random(key.profile()) {
                Ok(ours) => vec![CryptoAttribute { tag: accepted.tag, key: ours }],
                Err(_) => return Ok(Err(NoRoom)),
            },
        };
        let mut leg = match Self::open(path, profile, keys) {
            Ok(leg) => leg,
            Err(no_room) => return Ok(Err(no_room)),
        };
        leg.offered.clone_from(&description.audio.codecs);
        leg.offer = Some(Box::new(description));
        leg.set_remote(accepted.remote);
        Ok(Ok(leg))
    }

    fn open(
        path: MediaPath,
        profile: TrunkProfile,
        keys: Vec<CryptoAttribute>,
    ) -> Result<Self, NoRoom> {
        // Which of several offered keys counts is known with the answer; until then the first.
        let local_key = keys.first().map(|attribute| attribute.key.clone());
        let socket = path.worker.next_trunk_socket();
        path.open(Command::OpenTrunk { id: path.id, socket, local_key })?;
        Ok(Self {
            path,
            profile,
            socket,
            origin: Origin::new(random::number()),
            keys,
            offer: None,
            offered: Vec::new(),
            negotiated: None,
            written: Vec::new(),
        })
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

    /// Also takes the second answer of another fork, with another key and address (case 11).
    pub(super) fn accept_answer(&mut self, sdp: &[u8]) -> Result<(), Refusal> {
        let description = Description::parse(sdp)?;
        let Accepted { remote, tag } =
            trunk::accept_answer(&description, self.profile.media, &self.keys)?;
        let format =
            choose(&description.audio, None, &self.profile.codecs).ok_or(Refusal::NoCommonCodec)?;
        let chosen = self.keys.iter().position(|attribute| attribute.tag == tag);
        if let Some(chosen) = chosen {
            self.keys.swap(0, chosen);
        }
        self.set_remote(remote);
        self.settle(Negotiated { format, direction: description.audio.direction.mirrored() });
        Ok(())
    }

    pub(super) fn answer(&mut self, far: Option<Codec>) -> Result<Vec<u8>, Refusal> {
        let Some(offer) = self.offer.take() else {
            if self.written.is_empty() {
                let codecs = crate::sdp::offerable(&[], &self.profile.codecs);
                self.written = trunk::offer(self.local(Direction::SendRecv), &codecs);
            }
            return Ok(self.written.clone());
        };
        let format =
            choose(&offer.audio, far, &self.profile.codecs).ok_or(Refusal::NoCommonCodec)?;
        let direction = offer.audio.direction.mirrored();
        self.settle(Negotiated { format, direction });
        self.written = trunk::answer(self.local(direction), &offer, &format);
        Ok(self.written.clone())
    }

    /// A re-INVITE without SDP gets an offer of everything, keys included (cases 24, 25).
    pub(super) fn reanswer(&mut self, sdp: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        let Some(sdp) = sdp else {
            self.origin.version += 1;
            let direction = Direction::SendRecv;
            self.written = trunk::offer(self.local(direction), &self.profile.codecs);
            return Ok(self.written.clone());
        };
        let description = Description::parse(sdp)?;
        let Accepted { remote, tag } = trunk::accept_offer(&description, self.profile.media)?;
        let codec = self.format().map(|format| format.codec);
        let format = choose(&description.audio, codec, &self.profile.codecs)
            .ok_or(Refusal::NoCommonCodec)?;
        if let Some(key) = &remote.key {
            let keep = self.keys.first().filter(|ours| ours.key.profile() == key.profile());
            let ours = match keep {
                Some(ours) => ours.key.clone(),
                None => SrtpKey::random(key.profile()).map_err(|_| Refusal::Crypto)?,
            };
            self.keys = vec![CryptoAttribute { tag, key: ours }];
        }
        self.set_remote(remote);
        let direction = description.audio.direction.mirrored();
        self.settle(Negotiated { format, direction });
        let repeated = trunk::answer(self.local(direction), &description, &format);
        if repeated != self.written {
            self.origin.version += 1;
            self.written = trunk::answer(self.local(direction), &description, &format);
        }
        Ok(self.written.clone())
    }

    fn set_remote(&mut self, remote: TrunkRemote) {
        let local_key = self.keys.first().map(|attribute| attribute.key.clone());
        self.path.send(Command::SetTrunkRemote { id: self.path.id, remote, local_key });
    }

    fn settle(&mut self, negotiated: Negotiated) {
        self.negotiated = Some(negotiated);
        self.path.send(negotiated.command(self.path.id));
    }

    fn local(&self, direction: Direction) -> Local<'_> {
        Local {
            origin: self.origin,
            rtp: self.path.worker.trunk_rtp_addr(self.socket, self.profile.our_ip),
            keys: &self.keys,
            direction,
        }
    }
}

fn fresh_keys(media: TrunkMedia) -> Result<Vec<CryptoAttribute>, NoRoom> {
    match media {
        TrunkMedia::Rtp => Ok(Vec::new()),
        TrunkMedia::Srtp => (1_u32..)
            .zip(OFFERED_PROFILES)
            .map(|(tag, profile)| {
                let key = SrtpKey::random(profile).map_err(|_| NoRoom)?;
                Ok(CryptoAttribute { tag, key })
            })
            .collect(),
    }
}
