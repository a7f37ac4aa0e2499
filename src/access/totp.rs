//! Time-based one-time passwords: six digits, SHA-1, 30 seconds (RFC 6238), because those are the
//! only parameters every authenticator app reads.
//!
//! Owns the secret, the texts an app is set up with, and which codes are fresh. Does not own where
//! the last used step is kept: the store writes it only if it is larger than what is there.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

use super::random::NoRandom;
use crate::base::{Secret, UnixTime};

/// What a person's authenticator app and this server share: 160 bits (RFC 4226 §4, R6).
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; SECRET_BYTES]>);

/// Why a code does not let anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TotpRefusal {
    /// Not the code of now, of the step before or of the step after.
    #[error("the code is wrong; enter the one your app shows now")]
    Wrong,
    /// Right, but this code or a later one has been used.
    #[error("this code has been used; wait for the next one")]
    Used,
}

impl TotpRefusal {
    /// A stable word.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Wrong => "code_wrong",
            Self::Used => "code_used",
        }
    }
}

/// Why an app cannot be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TotpSetupError {
    /// The stored bytes are no secret of ours.
    #[error("a one-time password secret has {SECRET_BYTES} bytes")]
    Length,
    /// The label would be ambiguous, empty, or too long for a QR code.
    #[error("issuer and account need 1 to 128 bytes each and no `:`")]
    Label,
}

/// How long one code is shown.
pub const STEP_S: u64 = 30;

const SECRET_BYTES: usize = 20;
const DIGITS: usize = 6;
/// Steps a phone's clock may be ahead or behind (B6, C13).
const SKEW: u64 = 1;
/// Longest issuer or account, so that the QR code stays easy to scan.
const LABEL_BYTES_MAX: usize = 128;

impl TotpSecret {
    /// A fresh one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn random() -> Result<Self, NoRandom> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        aws_lc_rs::rand::fill(bytes.as_mut()).map_err(|_| NoRandom)?;
        Ok(Self(bytes))
    }

    /// From unsealed bytes.
    ///
    /// # Errors
    /// There are not 20 of them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TotpSetupError> {
        let bytes = bytes.try_into().map_err(|_| TotpSetupError::Length)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// The bytes, to be sealed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// The secret in base32 in groups of four, for phones that cannot scan (C13). Apps ignore the
    /// spaces.
    #[must_use]
    pub fn manual_text(&self) -> Secret {
        let text = Zeroizing::new(totp_rs::Secret::new_stack(*self.0).to_base32());
        let mut grouped = String::with_capacity(text.len() + text.len() / 4);
        for (index, letter) in text.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                grouped.push(' ');
            }
            grouped.push(letter);
        }
        Secret::new(grouped)
    }

    /// The `otpauth://` URL an app is set up with. The defaults are spelled out too, since some
    /// apps have other ones (B5).
    ///
    /// # Errors
    /// A label is empty, too long, or has a `:`.
    pub fn otpauth(&self, issuer: &str, account: &str) -> Result<Secret, TotpSetupError> {
        for label in [issuer, account] {
            if label.is_empty() || label.len() > LABEL_BYTES_MAX || label.contains(':') {
                return Err(TotpSetupError::Label);
            }
        }
        let totp = self.builder().with_issuer(Some(issuer)).with_account_name(account).build();
        let url = totp.and_then(|totp| totp.to_url()).map_err(|_| TotpSetupError::Label)?;
        Ok(Secret::new(format!("{url}&algorithm=SHA1&digits={DIGITS}&period={STEP_S}")))
    }

    /// The URL as a QR code: an SVG element with a title for screen readers, without script or
    /// style, black on white in every theme because scanners expect it.
    ///
    /// # Errors
    /// As [`TotpSecret::otpauth`].
    pub fn qr_svg(&self, issuer: &str, account: &str) -> Result<Secret, TotpSetupError> {
        let url = self.otpauth(issuer, account)?;
        let code = QrCode::with_error_correction_level(url.expose(), EcLevel::M)
            .map_err(|_| TotpSetupError::Label)?;
        let image = Zeroizing::new(code.render::<svg::Color>().min_dimensions(240, 240).build());
        let element = image.find("<svg ").and_then(|start| image.get(start..));
        let (open, shapes) =
            element.and_then(|svg| svg.split_once('>')).ok_or(TotpSetupError::Label)?;
        Ok(Secret::new(format!(
            "{open} role=\"img\" aria-labelledby=\"totp-qr-title\">\
             <title id=\"totp-qr-title\">{QR_TITLE}</title>{shapes}"
        )))
    }

    /// Checks a code; the step to store as the last used one. `last_step` is the one stored: it
    /// and all before it are spent. Takes the same time whichever step matches, if any.
    ///
    /// # Errors
    /// The code is wrong or used.
    pub fn check(
        &self,
        code: &Secret,
        now: UnixTime,
        last_step: Option<u64>,
    ) -> Result<u64, TotpRefusal> {
        let code = digits(code.expose()).ok_or(TotpRefusal::Wrong)?;
        let totp = self.builder().build_noncompliant();
        let current = now.0 / STEP_S;
        let mut matched = Choice::from(0);
        let mut step = 0;
        // Downwards, so that of two steps with the same code the older one is spent.
        for candidate in (current.saturating_sub(SKEW)..=current.saturating_add(SKEW)).rev() {
            let is_this = code_of(&totp, candidate).ct_eq(&code);
            let is_fresh = Choice::from(u8::from(last_step.is_none_or(|last| candidate > last)));
            // A spent step is kept only while no fresh one matches.
            let takes = is_this & (is_fresh | !matched);
            step.conditional_assign(&candidate, takes);
            matched |= is_this;
        }
        if !bool::from(matched) {
            return Err(TotpRefusal::Wrong);
        }
        if last_step.is_some_and(|last| step <= last) { Err(TotpRefusal::Used) } else { Ok(step) }
    }

    /// What an app shows.
    #[cfg(test)]
    pub(super) fn code_at(&self, now: UnixTime) -> Secret {
        Secret::new(self.builder().build_noncompliant().generate(now.0).to_string())
    }

    fn builder(&self) -> Builder {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_step_duration(STEP_S)
            .with_secret(totp_rs::Secret::new_stack(*self.0))
    }
}

const QR_TITLE: &str = "QR code: scan it with your authenticator app";

/// The code of one step as a number.
fn code_of(totp: &Totp, step: u64) -> u32 {
    let text = Zeroizing::new(totp.generate(step.saturating_mul(STEP_S)).to_string());
    digits(&text).unwrap_or(u32::MAX)
}

/// Six ASCII digits as a number; white space around and between is how people copy them.
fn digits(text: &str) -> Option<u32> {
    if text.len() > 4 * DIGITS {
        return None;
    }
    let mut value = 0;
    let mut count = 0;
    for letter in text.chars().filter(|letter| !letter.is_whitespace()) {
        value = value * 10 + letter.to_digit(10)?;
        count += 1;
        if count > DIGITS {
            return None;
        }
    }
    (count == DIGITS).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rfc_secret() -> TotpSecret {
        TotpSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    fn code_at(secret: &TotpSecret, time: u64) -> Secret {
        Secret::new(secret.builder().build_noncompliant().generate(time).to_string())
    }

    #[test]
    fn b5_the_codes_are_those_of_rfc_6238() {
        // Appendix B, SHA-1, the last six of its eight digits.
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = rfc_secret().check(&Secret::new(code), UnixTime(time), None);
            assert_eq!(step, Ok(time / 30), "{time}");
        }
    }

    #[test]
    fn b6_one_step_of_skew_is_accepted_and_two_are_not() {
        let secret = rfc_secret();
        let now = 3_000_000;
        for (code_time, expected) in [
            (now - 60, Err(TotpRefusal::Wrong)),
            (now - 30, Ok(now / 30 - 1)),
            (now, Ok(now / 30)),
            (now + 30, Ok(now / 30 + 1)),
            (now + 60, Err(TotpRefusal::Wrong)),
        ] {
            let got = secret.check(&code_at(&secret, code_time), UnixTime(now), None);
            assert_eq!(got, expected, "{code_time}");
        }
    }

    #[test]
    fn b6_sec_a16_a_used_code_and_any_older_one_are_refused() {
        let secret = rfc_secret();
        let now = UnixTime(3_000_000);
        let current = code_at(&secret, now.0);
        let step = secret.check(&current, now, None).unwrap();
        assert_eq!(secret.check(&current, now, Some(step)), Err(TotpRefusal::Used));
        let older = code_at(&secret, now.0 - 30);
        assert_eq!(secret.check(&older, now, Some(step)), Err(TotpRefusal::Used));
        let newer = code_at(&secret, now.0 + 30);
        assert_eq!(secret.check(&newer, now, Some(step)), Ok(step + 1));
        assert_eq!(TotpRefusal::Used.code(), "code_used");
    }

    #[test]
    fn only_six_digits_are_a_code_and_spaces_do_not_matter() {
        let secret = rfc_secret();
        let check = |text: &str| secret.check(&Secret::new(text), UnixTime(59), None);
        assert!(check(" 287 082\n").is_ok());
        let long = "287082".repeat(10_000);
        for text in ["", "28708", "2870820", "+87082", "-87082", "28708a", "２８７０８２", &long]
        {
            assert_eq!(check(text), Err(TotpRefusal::Wrong), "{text:.20}");
        }
        assert!(secret.check(&Secret::new("287082"), UnixTime(u64::MAX), None).is_err());
    }

    #[test]
    fn b4_b5_c13_an_app_is_set_up_by_url_qr_code_or_hand() {
        let secret = rfc_secret();
        let url = secret.otpauth("Ringfence & Co", "ann@example.com").unwrap();
        assert_eq!(
            url.expose(),
            "otpauth://totp/Ringfence%20%26%20Co:ann%40example.com\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Ringfence%20%26%20Co\
             &algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(secret.manual_text().expose(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let svg = secret.qr_svg("Ringfence", "ann").unwrap();
        let svg = svg.expose();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"), "{svg:.200}");
        assert!(svg.contains("role=\"img\"") && svg.contains("<title id="));
        for bad in ["<script", "style", "otpauth", "<?xml"] {
            assert!(!svg.contains(bad), "{bad}");
        }
        for (issuer, account) in [("", "ann"), ("a:b", "ann"), ("a", ""), ("a", &*"x".repeat(129))]
        {
            assert_eq!(secret.otpauth(issuer, account), Err(TotpSetupError::Label));
        }
        assert!(secret.qr_svg(&"é".repeat(64), &"é".repeat(64)).is_ok(), "the longest labels fit");
    }

    #[test]
    fn secrets_are_160_bits_and_differ() {
        let (one, other) = (TotpSecret::random().unwrap(), TotpSecret::random().unwrap());
        assert_ne!(one.as_bytes(), other.as_bytes());
        assert_eq!(TotpSecret::from_bytes(one.as_bytes()).unwrap().as_bytes(), one.as_bytes());
        assert!(TotpSecret::from_bytes(&[0; 19]).is_err());
    }

    proptest! {
        #[test]
        fn sec_a14_a_step_is_accepted_at_most_once(
            bytes: [u8; 20],
            start in 0u64..1 << 40,
            tries in prop::collection::vec((0u64..120, 0u64..120), 1..40),
        ) {
            let secret = TotpSecret::from_bytes(&bytes).unwrap();
            let mut last = None;
            let mut now = start;
            for (wait, offset) in tries {
                now += wait;
                let code = code_at(&secret, (now + offset).saturating_sub(60));
                if let Ok(step) = secret.check(&code, UnixTime(now), last) {
                    prop_assert!(last.is_none_or(|last| step > last));
                    last = Some(step);
                }
            }
        }

        #[test]
        fn any_text_is_refused_or_a_code(text: String) {
            let _ = rfc_secret().check(&Secret::new(text), UnixTime(59), Some(0));
        }
    }
}
