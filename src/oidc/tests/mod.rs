//! Tokens signed by keys of the tests' own, a small provider that lies, and a real one.

mod browser;
mod id_token;
mod liar;
mod lying;
mod real;
mod signer;

use crate::base::UnixTime;

/// When the tests' own tokens are judged.
const NOW: UnixTime = UnixTime(1_800_000_000);
