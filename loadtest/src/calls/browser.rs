//! A browser's side of a call: the `webrtc` crate, which shares no code with the server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;
use ringfence::base::Clock;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use tokio::sync::watch;
use tokio::time::timeout;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, Registry,
    SettingEngineBuilder, configure_rtcp_reports,
};

use super::tally::{Stamp, Tally};

/// What the browsers send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Codec {
    /// 80 bytes every 20 ms, as Opus at 32 kb/s
    Opus,
    /// 160 bytes every 20 ms
    Pcmu,
}

impl Codec {
    fn parameters(self) -> RTCRtpCodecParameters {
        let (mime_type, clock_rate, channels, sdp_fmtp_line, payload_type) = match self {
            Self::Opus => ("audio/opus", 48_000, 2, "minptime=10;useinbandfec=1", 111),
            Self::Pcmu => ("audio/PCMU", 8_000, 0, "", 0),
        };
        let rtp_codec = RTCRtpCodec {
            mime_type: mime_type.to_owned(),
            clock_rate,
            channels,
            sdp_fmtp_line: sdp_fmtp_line.to_owned(),
            rtcp_feedback: Vec::new(),
        };
        RTCRtpCodecParameters { rtp_codec, payload_type }
    }

    fn payload_len(self) -> usize {
        match self {
            Self::Opus => 80,
            Self::Pcmu => 160,
        }
    }
}

/// A browser in a call.
pub struct Browser {
    connection: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    state: watch::Receiver<State>,
    tally: Arc<Mutex<Tally>>,
    clock: Clock,
    began: Instant,
    codec: Codec,
    header: rtp::header::Header,
    sent: u32,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Gathering,
    Gathered,
    Connected,
    Over,
}

/// How long ICE and DTLS may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

impl Browser {
    /// Gathers candidates on loopback and gives the offer to send. `began` is when time stamps
    /// count from.
    pub async fn offer(codec: Codec, clock: &Clock, began: Instant) -> Result<(Self, String)> {
        let (report, mut state) = watch::channel(State::Gathering);
        let tally = Arc::new(Mutex::new(Tally::default()));
        let handler = Handler { report, tally: Arc::clone(&tally), clock: clock.clone(), began };
        let mut engine = MediaEngine::default();
        engine.register_codec(codec.parameters(), RtpCodecKind::Audio)?;
        // Checks every 20 ms and no wait for better candidates: the library's own 200 ms would be
        // most of what is measured.
        let settings = SettingEngineBuilder::new()
            .with_include_loopback_candidate(true)
            .with_ice_connection_attempts(Some(Duration::from_millis(20)), Some(50))
            .with_host_acceptance_min_wait(Some(Duration::ZERO))
            .build();
        let connection = Box::pin(
            PeerConnectionBuilder::new()
                .with_media_engine(engine)
                .with_setting_engine(settings)
                .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
                .with_handler(Arc::new(handler))
                .with_udp_addrs(vec!["127.0.0.1:0"])
                .build(),
        )
        .await?;
        let connection: Arc<dyn PeerConnection> = Arc::new(connection);
        let header = rtp::header::Header {
            version: 2,
            payload_type: codec.parameters().payload_type,
            sequence_number: random(),
            timestamp: u32::from(random()),
            ssrc: u32::from(random()) << 16 | u32::from(random()),
            ..Default::default()
        };
        let track = Arc::new(TrackLocalStaticRTP::new(local_track(codec, header.ssrc)));
        connection.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await?;
        let offer = connection.create_offer(None).await?;
        connection.set_local_description(offer).await?;
        let gathered = state.wait_for(|state| *state != State::Gathering);
        timeout(CONNECT_TIMEOUT, gathered).await.context("gathering")??;
        let offer = connection.local_description().await.context("no offer")?.sdp;
        let clock = clock.clone();
        let browser =
            Self { connection, track, state, tally, clock, began, codec, header, sent: 0 };
        Ok((browser, offer))
    }

    /// Takes the answer and waits until ICE and DTLS are done on this side.
    pub async fn connect(&mut self, answer: String) -> Result<()> {
        let answer = RTCSessionDescription::answer(answer)?;
        self.connection.set_remote_description(answer).await?;
        let connected =
            self.state.wait_for(|state| matches!(state, State::Connected | State::Over));
        let state =
            *timeout(CONNECT_TIMEOUT, connected).await.context("ICE and DTLS: no end")??;
        anyhow::ensure!(state == State::Connected, "ICE or DTLS failed");
        Ok(())
    }

    /// Sends the frame of the next 20 ms, stamped with its number and the time.
    pub async fn send(&mut self) -> Result<()> {
        let now = self.clock.now();
        let stamp = Stamp { index: self.sent, sent_at: now.saturating_duration_since(self.began) };
        let payload = stamp.payload(self.codec.payload_len());
        let packet = rtp::Packet { header: self.header.clone(), payload };
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).on_sent();
        self.sent = self.sent.wrapping_add(1);
        self.header.sequence_number = self.header.sequence_number.wrapping_add(1);
        let step = self.codec.parameters().rtp_codec.clock_rate / 50;
        self.header.timestamp = self.header.timestamp.wrapping_add(step);
        self.track.write_rtp(packet).await?;
        Ok(())
    }

    /// When the first frame came back.
    pub fn first_echo(&self) -> Option<Instant> {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.first_echo().map(|since| self.began + since)
    }

    /// What came back.
    pub fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it.
    pub async fn close(self) {
        // What it cannot release any more goes with the process.
        let _ = self.connection.close().await;
    }
}

fn local_track(codec: Codec, ssrc: u32) -> MediaStreamTrack {
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec: codec.parameters().rtp_codec,
        ..Default::default()
    };
    let name = |what: &str| format!("loadtest-{what}");
    MediaStreamTrack::new(
        name("stream"),
        name("track"),
        name("microphone"),
        RtpCodecKind::Audio,
        vec![encoding],
    )
}

fn random() -> u16 {
    let mut bytes = [0; 2];
    // Without randomness the start is 0, which is as good here.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u16::from_be_bytes(bytes) >> 1
}

/// Follows the connection and counts what comes back.
struct Handler {
    report: watch::Sender<State>,
    tally: Arc<Mutex<Tally>>,
    clock: Clock,
    began: Instant,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.report.send_if_modified(|known| {
                let is_first = *known == State::Gathering;
                *known = if is_first { State::Gathered } else { *known };
                is_first
            });
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connected => {
                self.report.send_replace(State::Connected);
            }
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => {
                self.report.send_replace(State::Over);
            }
            _ => {}
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let (tally, clock, began) = (Arc::clone(&self.tally), self.clock.clone(), self.began);
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event
                    && let Some(stamp) = Stamp::read(&packet.payload)
                {
                    let now = clock.now().saturating_duration_since(began);
                    tally.lock().unwrap_or_else(PoisonError::into_inner).on_echo(stamp, now);
                }
            }
        });
    }
}
