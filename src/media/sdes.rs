//! `a=crypto` lines (RFC 4568, RFC 7714 §14.2): the SRTP key of a PBX leg, carried in SDP over TLS.
//!
//! Parses, chooses and writes attribute values. Whether SDES may be used at all is not decided here.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::rtp::srtp::{SrtpKey, SrtpProfile};

/// One `a=crypto` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CryptoAttribute {
    /// Its tag, unique within the media description; an answer repeats the chosen one.
    pub tag: u32,
    /// The key the sender of this line encrypts with.
    pub key: SrtpKey,
}

/// Why a line cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdesError {
    /// Not of the form RFC 4568 §9 gives.
    #[error("malformed crypto attribute")]
    Malformed,
    /// A suite this server does not have.
    #[error("crypto suite not supported")]
    UnsupportedSuite,
    /// A master key identifier was given; packets would carry it and this server does not read it.
    #[error("crypto attribute with an MKI is not supported; configure the PBX without MKI")]
    MkiNotSupported,
    /// A session parameter that weakens or changes SRTP.
    #[error("crypto session parameter not supported")]
    UnsupportedParameter,
    /// Several keys in one line.
    #[error("crypto attribute with several keys is not supported")]
    SeveralKeys,
    /// No line was given.
    #[error("no crypto attribute")]
    Missing,
}

/// What we offer and answer, best first.
const PREFERENCE: [SrtpProfile; 4] = [
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::AeadAes256Gcm,
    SrtpProfile::Aes128CmSha1_80,
    SrtpProfile::Aes128CmSha1_32,
];

/// Largest power of two a lifetime may be: what one key may protect (RFC 3711 §9.2).
const LIFETIME_LOG2_MAX: u32 = 48;

/// Shortest lifetime taken: five hours of 50 packets a second. Lifetimes are not counted down.
const LIFETIME_MIN: u64 = 1 << 20;

/// Base64 as RFC 4568 §6.1 wants it: padding is written, and neither needed nor refused.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl CryptoAttribute {
    /// Parses the value of one `a=crypto` line (without `a=crypto:`).
    ///
    /// # Errors
    /// See [`SdesError`].
    pub fn parse(value: &str) -> Result<Self, SdesError> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next().ok_or(SdesError::Malformed)?;
        let suite = words.next().ok_or(SdesError::Malformed)?;
        let key_params = words.next().ok_or(SdesError::Malformed)?;
        let is_tag = (1..=9).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_digit());
        let tag = tag.parse().ok().filter(|_| is_tag).ok_or(SdesError::Malformed)?;
        let profile = SrtpProfile::from_name(suite).ok_or(SdesError::UnsupportedSuite)?;
        let key = parse_key(profile, key_params)?;
        words.try_for_each(check_session_parameter)?;
        Ok(Self { tag, key })
    }

    /// Picks the line to answer: the first in our order of preference, 128-bit GCM first.
    ///
    /// # Errors
    /// The first line's reason if none can be used, [`SdesError::Missing`] if there is none.
    pub fn choose<'a>(values: impl IntoIterator<Item = &'a str>) -> Result<Self, SdesError> {
        let rank = |line: &Self| PREFERENCE.iter().position(|one| *one == line.key.profile());
        let mut best: Option<Self> = None;
        let mut first_error = None;
        for line in values.into_iter().map(Self::parse) {
            match line {
                Ok(line) if best.as_ref().is_none_or(|best| rank(&line) < rank(best)) => {
                    best = Some(line);
                }
                Ok(_) => {}
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        best.ok_or(first_error.unwrap_or(SdesError::Missing))
    }

    /// The value of the line (without `a=crypto:`). Contains the key: for SDP only, never a log.
    #[must_use]
    pub fn to_value(&self) -> String {
        let material = Zeroizing::new([self.key.master_key(), self.key.master_salt()].concat());
        let key = Zeroizing::new(BASE64.encode(&*material));
        format!("{} {} inline:{}", self.tag, self.key.profile().as_str(), &*key)
    }
}

/// `inline:<key||salt>[|lifetime][|MKI:length]`.
fn parse_key(profile: SrtpProfile, params: &str) -> Result<SrtpKey, SdesError> {
    if params.contains(';') {
        return Err(SdesError::SeveralKeys);
    }
    let (method, info) = params.split_once(':').ok_or(SdesError::Malformed)?;
    if !method.eq_ignore_ascii_case("inline") {
        return Err(SdesError::Malformed);
    }
    let mut fields = info.split('|');
    let encoded = fields.next().ok_or(SdesError::Malformed)?;
    let mut has_lifetime = false;
    for field in fields {
        if field.contains(':') {
            return Err(SdesError::MkiNotSupported);
        }
        if has_lifetime {
            return Err(SdesError::Malformed);
        }
        has_lifetime = true;
        check_lifetime(field)?;
    }
    let material = BASE64.decode(encoded).map(Zeroizing::new).map_err(|_| SdesError::Malformed)?;
    let (key, salt) = material.split_at_checked(profile.key_len()).ok_or(SdesError::Malformed)?;
    SrtpKey::new(profile, key, salt).ok_or(SdesError::Malformed)
}

/// `2^n` or a number of packets.
fn check_lifetime(text: &str) -> Result<(), SdesError> {
    let packets = match text.strip_prefix("2^") {
        Some(exponent) => {
            let exponent: u32 = exponent.parse().map_err(|_| SdesError::Malformed)?;
            if exponent > LIFETIME_LOG2_MAX {
                return Err(SdesError::Malformed);
            }
            1 << exponent
        }
        None => text.parse().map_err(|_| SdesError::Malformed)?,
    };
    if packets < LIFETIME_MIN { Err(SdesError::UnsupportedParameter) } else { Ok(()) }
}

/// RFC 4568 §6.3: hints are fine, anything that changes packets is not. Unknown parameters must
/// be refused unless they begin with a dash.
fn check_session_parameter(parameter: &str) -> Result<(), SdesError> {
    let is_hint = parameter.starts_with('-')
        || parameter.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("WSH="));
    if is_hint { Ok(()) } else { Err(SdesError::UnsupportedParameter) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    #[test]
    fn the_line_of_rfc4568_is_read_with_its_lifetime_and_hint() {
        let value = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31 WSH=128 -x=1");
        let line = CryptoAttribute::parse(&value).unwrap();
        assert_eq!(line.tag, 1);
        assert_eq!(line.key.profile(), SrtpProfile::Aes128CmSha1_80);
        assert_eq!(line.key.master_key(), b"YS___semctl () {");
        assert_eq!(line.to_value(), format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"));
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_with_its_reason() {
        let suite = "AES_CM_128_HMAC_SHA1_80";
        for (value, error) in [
            (format!("1 {suite} inline:{KEY}|2^31|1:4"), SdesError::MkiNotSupported),
            (format!("1 {suite} inline:{KEY}|1:4"), SdesError::MkiNotSupported),
            (format!("1 {suite} inline:{KEY};inline:{KEY}"), SdesError::SeveralKeys),
            (format!("1 {suite} inline:{KEY} UNENCRYPTED_SRTP"), SdesError::UnsupportedParameter),
            (format!("1 {suite} inline:{KEY} KDR=1"), SdesError::UnsupportedParameter),
            (format!("1 {suite} inline:{KEY}|2^10"), SdesError::UnsupportedParameter),
            (format!("1 {suite} inline:{KEY}|2^49"), SdesError::Malformed),
            (format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"), SdesError::UnsupportedSuite),
            (format!("1 AEAD_AES_128_GCM inline:{KEY}"), SdesError::Malformed),
            (format!("x {suite} inline:{KEY}"), SdesError::Malformed),
            (format!("+1 {suite} inline:{KEY}"), SdesError::Malformed),
            (format!("1 {suite} inline:###"), SdesError::Malformed),
            (format!("1 {suite}"), SdesError::Malformed),
            (String::new(), SdesError::Malformed),
        ] {
            assert_eq!(CryptoAttribute::parse(&value), Err(error), "{value}");
        }
    }

    #[test]
    fn the_best_usable_line_is_chosen_wherever_it_stands() {
        let line = |tag, profile| {
            CryptoAttribute { tag, key: SrtpKey::random(profile).unwrap() }.to_value()
        };
        let lines = [
            "1 F8_128_HMAC_SHA1_80 inline:x".to_owned(),
            line(2, SrtpProfile::Aes128CmSha1_32),
            line(3, SrtpProfile::AeadAes256Gcm),
            line(4, SrtpProfile::AeadAes128Gcm),
            line(5, SrtpProfile::AeadAes128Gcm),
        ];
        let choose = |count: usize| {
            CryptoAttribute::choose(lines[..count].iter().map(String::as_str)).map(|line| line.tag)
        };
        assert_eq!(choose(5), Ok(4));
        assert_eq!(choose(3), Ok(3));
        assert_eq!(choose(2), Ok(2));
        assert_eq!(choose(1), Err(SdesError::UnsupportedSuite));
        assert_eq!(choose(0), Err(SdesError::Missing));
    }

    #[test]
    fn a_key_without_padding_is_read() {
        let line =
            CryptoAttribute { tag: 1, key: SrtpKey::random(SrtpProfile::AeadAes128Gcm).unwrap() };
        let value = line.to_value();
        assert!(value.ends_with("=="));
        assert_eq!(CryptoAttribute::parse(value.trim_end_matches('=')), Ok(line));
    }

    proptest! {
        #[test]
        fn every_key_written_reads_back(tag in 1u32..1000, at in 0usize..4) {
            let line = CryptoAttribute { tag, key: SrtpKey::random(PREFERENCE[at]).unwrap() };
            prop_assert_eq!(CryptoAttribute::parse(&line.to_value()), Ok(line));
        }

        #[test]
        fn any_text_is_parsed_without_panic(value in "\\PC{0,80}", tail in "\\PC{0,40}") {
            let _ = CryptoAttribute::parse(&value);
            let _ = CryptoAttribute::parse(&format!("1 AEAD_AES_128_GCM inline:{tail}"));
        }
    }
}
