//! Signed statements of how long the chain was and how it ended: what shows that its end was cut
//! off or that all of it was written anew.
//!
//! They are in the database and, one JSON object a line, in a file that only grows, to be shipped
//! elsewhere. Ed25519 (RFC 8032): checking one takes the public key alone.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::base::UnixTime;

/// The chain's state at one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last row; as rows have no gap, also how many there were.
    pub seq: u64,
    /// Its hash.
    pub hash: [u8; 32],
    /// When this was signed.
    pub at: UnixTime,
    /// Ed25519, 64 bytes.
    pub signature: Vec<u8>,
}

/// Signs checkpoints and checks them.
pub(super) struct Signer(Ed25519KeyPair);

/// What the signature covers besides: no other signature of this installation means the same.
const CONTEXT: &[u8] = b"rf/v1/audit-checkpoint";

impl Signer {
    /// `None` when the library refuses the seed, which it does not for 32 bytes.
    pub(super) fn new(seed: &[u8; 32]) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Self)
    }

    pub(super) fn sign(&self, seq: u64, hash: [u8; 32], at: UnixTime) -> Checkpoint {
        let signature = self.0.sign(&message(seq, &hash, at)).as_ref().to_vec();
        Checkpoint { seq, hash, at, signature }
    }

    pub(super) fn is_ours(&self, checkpoint: &Checkpoint) -> bool {
        let Checkpoint { seq, hash, at, signature } = checkpoint;
        UnparsedPublicKey::new(&ED25519, self.public_key())
            .verify(&message(*seq, hash, *at), signature)
            .is_ok()
    }

    /// For checking elsewhere.
    pub(super) fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }
}

fn message(seq: u64, hash: &[u8; 32], at: UnixTime) -> Vec<u8> {
    // The count stands for itself, should rows ever begin elsewhere than at 1.
    let count = seq;
    [CONTEXT, &seq.to_be_bytes(), hash, &count.to_be_bytes(), &at.0.to_be_bytes()].concat()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: u64,
    count: u64,
    at: u64,
    hash: String,
    signature: String,
}

impl Checkpoint {
    /// One line of the file, with its end.
    pub(super) fn to_line(&self) -> String {
        let line = Line {
            seq: self.seq,
            count: self.seq,
            at: self.at.0,
            hash: STANDARD.encode(self.hash),
            signature: STANDARD.encode(&self.signature),
        };
        // A struct of numbers and texts always has a JSON form.
        let mut text = serde_json::to_string(&line).unwrap_or_default();
        text.push('\n');
        text
    }

    /// From a line of the file; `None` for anything [`Checkpoint::to_line`] does not write.
    pub(super) fn from_line(text: &str) -> Option<Self> {
        let line: Line = serde_json::from_str(text).ok()?;
        let hash = STANDARD.decode(line.hash).ok()?.try_into().ok()?;
        let signature = STANDARD.decode(line.signature).ok()?;
        let is_whole = line.count == line.seq;
        is_whole.then_some(Self { seq: line.seq, hash, at: UnixTime(line.at), signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_survives_its_line_and_any_change_breaks_its_signature() {
        let signer = Signer::new(&[7; 32]).unwrap();
        let signed = signer.sign(1000, [5; 32], UnixTime(42));
        let line = signed.to_line();
        assert_eq!(Checkpoint::from_line(line.trim_end()).unwrap(), signed);
        assert!(signer.is_ours(&signed));
        assert!(!Signer::new(&[8; 32]).unwrap().is_ours(&signed));
        for changed in [
            Checkpoint { seq: 999, ..signed.clone() },
            Checkpoint { hash: [6; 32], ..signed.clone() },
            Checkpoint { at: UnixTime(43), ..signed.clone() },
            Checkpoint { signature: vec![], ..signed.clone() },
        ] {
            assert!(!signer.is_ours(&changed), "{changed:?}");
        }
        assert!(Checkpoint::from_line(&line.replace("\"count\":1000", "\"count\":1001")).is_none());
        assert!(Checkpoint::from_line("{}").is_none());
    }
}
