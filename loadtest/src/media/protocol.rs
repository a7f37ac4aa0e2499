//! What `loadtest media` and its children tell each other: lines of JSON on their pipes.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::Child;

use anyhow::{Context, Result};
use ringfence::media::rtp::srtp::{SrtpKey, SrtpProfile};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Where a relay listens.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Ready {
    /// For browsers.
    pub browser: SocketAddr,
    /// For PBXs.
    pub trunk: SocketAddr,
    /// SHA-256 of its DTLS certificate in hex; empty without DTLS.
    pub fingerprint: String,
}

/// The calls the worker is to open.
#[derive(Debug, Deserialize, Serialize)]
pub struct WorkerSetup {
    /// SHA-256 of the browsers' certificate in hex.
    pub fingerprint: String,
    /// One for each call.
    pub calls: Vec<WorkerCall>,
}

/// One of them.
#[derive(Debug, Deserialize, Serialize)]
pub struct WorkerCall {
    /// The relay's ICE credentials, then the browser's.
    pub ice: [(String, String); 2],
    /// Where the PBX is.
    pub trunk: SocketAddr,
    /// What the PBX encrypts with.
    pub trunk_key: Key,
    /// What it is sent encrypted with.
    pub to_trunk: Key,
}

/// The calls the bare relay is to open: two ways each.
#[derive(Debug, Deserialize, Serialize)]
pub struct BareSetup {
    /// From browsers to PBXs.
    pub from_browsers: Vec<BareWay>,
    /// From PBXs to browsers.
    pub from_trunks: Vec<BareWay>,
}

/// One way.
#[derive(Debug, Deserialize, Serialize)]
pub struct BareWay {
    /// Where packets come from.
    pub source: SocketAddr,
    /// What they are encrypted with.
    pub key: Key,
    /// Where they go.
    pub destination: SocketAddr,
    /// What they are encrypted with then.
    pub out: Key,
}

/// An SRTP key as text.
#[derive(Clone, Deserialize, Serialize)]
pub struct Key {
    profile: String,
    key: String,
    salt: String,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(***)")
    }
}

impl From<&SrtpKey> for Key {
    fn from(key: &SrtpKey) -> Self {
        Self {
            profile: key.profile().as_str().to_owned(),
            key: hex(key.master_key()),
            salt: hex(key.master_salt()),
        }
    }
}

impl Key {
    /// The key.
    pub fn to_srtp(&self) -> Result<SrtpKey> {
        let profile = SrtpProfile::from_name(&self.profile).context("an unknown profile")?;
        SrtpKey::new(profile, &unhex(&self.key)?, &unhex(&self.salt)?).context("a broken key")
    }
}

/// Hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes of hexadecimal digits.
pub fn unhex(text: &str) -> Result<Vec<u8>> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()
        .context("not hexadecimal")
}

/// A fingerprint from hexadecimal digits.
pub fn fingerprint(text: &str) -> Result<[u8; 32]> {
    unhex(text)?.try_into().ok().context("a fingerprint has 32 bytes")
}

/// The first line a child prints.
pub fn read_line(child: &mut Child) -> Result<String> {
    let stdout = child.stdout.as_mut().context("no standard output")?;
    let mut line = String::new();
    // Children print one line at a time and wait: nothing is read ahead and lost.
    BufReader::with_capacity(1, stdout).read_line(&mut line)?;
    anyhow::ensure!(!line.is_empty(), "it ended at once");
    Ok(line)
}

/// The next line of our own input; `None` at its end.
pub fn next_input<T: DeserializeOwned>() -> Result<Option<T>> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_str(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text() {
        let key = SrtpKey::random(SrtpProfile::AeadAes256Gcm).unwrap();
        assert!(Key::from(&key).to_srtp().unwrap() == key);
        assert!(unhex("0g").is_err() && unhex("0").is_err());
        assert_eq!(unhex("00ff").unwrap(), [0, 255]);
    }
}
