//! G.711 (ITU-T G.711, 1988): µ-law and A-law by table.
//!
//! Owns the mapping between one byte and one 16-bit sample at 8 kHz. Loss is hidden in
//! `concealment`.

/// Which of the two companding laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// µ-law: PCMU.
    Mu,
    /// A-law: PCMA.
    A,
}

impl Law {
    /// Expands bytes into samples; the shorter slice decides how many. Returns that number.
    pub fn decode(self, payload: &[u8], pcm: &mut [i16]) -> usize {
        let table = match self {
            Self::Mu => &MU_EXPANDED,
            Self::A => &A_EXPANDED,
        };
        for (sample, byte) in pcm.iter_mut().zip(payload) {
            *sample = table.get(usize::from(*byte)).copied().unwrap_or_default();
        }
        payload.len().min(pcm.len())
    }

    /// Compresses samples into bytes; the shorter slice decides how many. Returns that number.
    pub fn encode(self, pcm: &[i16], payload: &mut [u8]) -> usize {
        let (table, shift): (&[u8], u32) = match self {
            Self::Mu => (&MU_COMPRESSED, 2),
            Self::A => (&A_COMPRESSED, 4),
        };
        for (byte, sample) in payload.iter_mut().zip(pcm) {
            *byte =
                table.get(usize::from(sample.cast_unsigned() >> shift)).copied().unwrap_or(0xff);
        }
        payload.len().min(pcm.len())
    }
}

/// Every µ-law byte as a 16-bit sample.
static MU_EXPANDED: [i16; 256] = {
    let mut table = [0; 256];
    fill_expanded(&mut table, Law::Mu);
    table
};

/// Every A-law byte as a 16-bit sample.
static A_EXPANDED: [i16; 256] = {
    let mut table = [0; 256];
    fill_expanded(&mut table, Law::A);
    table
};

/// µ-law bytes by the upper 14 bits of the sample, which is all that the law looks at.
static MU_COMPRESSED: [u8; 1 << 14] = {
    let mut table = [0; 1 << 14];
    fill_compressed(&mut table, Law::Mu, 2);
    table
};

/// A-law bytes by the upper 12 bits of the sample.
static A_COMPRESSED: [u8; 1 << 12] = {
    let mut table = [0; 1 << 12];
    fill_compressed(&mut table, Law::A, 4);
    table
};

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, over the whole table")]
const fn fill_expanded(table: &mut [i16; 256], law: Law) {
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = match law {
            Law::Mu => expand_mu(byte as u8),
            Law::A => expand_a(byte as u8),
        };
        byte += 1;
    }
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, over the whole table")]
const fn fill_compressed(table: &mut [u8], law: Law, shift: u32) {
    let mut index = 0;
    while index < table.len() {
        let sample = ((index as u16) << shift).cast_signed();
        table[index] = match law {
            Law::Mu => compress_mu(sample),
            Law::A => compress_a(sample),
        };
        index += 1;
    }
}

/// Table 2a/2b of G.711: 14-bit values, here scaled to 16.
const fn expand_mu(byte: u8) -> i16 {
    let code = !byte;
    let segment = (code >> 4) & 7;
    let magnitude = ((((code & 15) as i16) << 1) + MU_BIAS) << segment;
    let sample = (magnitude - MU_BIAS) << 2;
    if code & 0x80 == 0 { sample } else { -sample }
}

/// Table 1a/1b of G.711: 13-bit values, here scaled to 16. Even bits are inverted on the wire.
const fn expand_a(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let segment = (code >> 4) & 7;
    let step = (((code & 15) as i16) << 1) + 1;
    let magnitude = if segment == 0 { step } else { (step + 32) << (segment - 1) };
    let sample = magnitude << 3;
    if code & 0x80 == 0 { -sample } else { sample }
}

const fn compress_mu(sample: i16) -> u8 {
    let is_negative = sample < 0;
    let magnitude = (if is_negative { !sample } else { sample }) >> 2;
    let biased = if magnitude + MU_BIAS > 0x1fff { 0x1fff } else { magnitude + MU_BIAS };
    let segment = 10 - (biased.leading_zeros() as u8);
    let step = ((biased >> (segment + 1)) & 15) as u8;
    let code = (segment << 4) | step;
    !(if is_negative { code | 0x80 } else { code })
}

const fn compress_a(sample: i16) -> u8 {
    let is_negative = sample < 0;
    let magnitude = (if is_negative { !sample } else { sample }) >> 4;
    let code = if magnitude < 16 {
        magnitude as u8
    } else {
        let segment = 12 - (magnitude.leading_zeros() as u8);
        (segment << 4) | ((magnitude >> (segment - 1)) & 15) as u8
    };
    (if is_negative { code } else { code | 0x80 }) ^ 0x55
}

/// Added before the logarithm so that the segments are aligned to powers of two.
const MU_BIAS: i16 = 33;

#[cfg(test)]
mod tests {
    use super::*;

    fn byte(law: Law, sample: i16) -> u8 {
        let mut out = [0];
        law.encode(&[sample], &mut out);
        out[0]
    }

    fn sample(law: Law, byte: u8) -> i16 {
        let mut out = [0];
        law.decode(&[byte], &mut out);
        out[0]
    }

    /// Decision and output values of G.711 tables 1 and 2, scaled to 16 bits.
    #[test]
    fn the_ends_and_the_middle_of_both_laws_are_those_of_the_recommendation() {
        let mu = [(0, 0xff), (-1, 0x7f), (32_767, 0x80), (-32_768, 0x00), (8 << 2, 0xfb)];
        for (value, code) in mu {
            assert_eq!(byte(Law::Mu, value), code, "{value}");
        }
        let a = [(0, 0xd5), (-1, 0x55), (32_767, 0xaa), (-32_768, 0x2a), (2 << 3, 0xd4)];
        for (value, code) in a {
            assert_eq!(byte(Law::A, value), code, "{value}");
        }
        assert_eq!((sample(Law::Mu, 0x80), sample(Law::Mu, 0x00)), (32_124, -32_124));
        assert_eq!((sample(Law::Mu, 0xff), sample(Law::Mu, 0x7f)), (0, 0));
        assert_eq!((sample(Law::A, 0xaa), sample(Law::A, 0x2a)), (32_256, -32_256));
        assert_eq!((sample(Law::A, 0xd5), sample(Law::A, 0x55)), (8, -8));
    }

    #[test]
    fn every_byte_survives_expansion_and_compression() {
        for code in 0..=255 {
            assert_eq!(byte(Law::A, sample(Law::A, code)), code);
            if code != 0x7f {
                assert_eq!(byte(Law::Mu, sample(Law::Mu, code)), code, "negative zero is zero");
            }
        }
    }

    #[test]
    fn both_laws_are_monotone_and_close_to_the_sample() {
        for law in [Law::Mu, Law::A] {
            let mut last = i16::MIN;
            for value in (i16::MIN..=i16::MAX).step_by(3) {
                let back = sample(law, byte(law, value));
                assert!(back >= last, "{law:?} {value}");
                let error = (i32::from(back) - i32::from(value)).abs();
                assert!(error <= i32::from(value).abs() / 16 + 16 + 8, "{law:?} {value} {back}");
                last = back;
            }
        }
    }

    /// G.711 tables 5 and 6: eight samples of a 1 kHz sine at 0 dBm0.
    #[test]
    fn the_reference_milliwatt_is_a_sine_of_equal_level_in_both_laws() {
        let mu = [0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e].map(|b| sample(Law::Mu, b));
        let a = [0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4].map(|b| sample(Law::A, b));
        for (law, pcm) in [(Law::Mu, mu), (Law::A, a)] {
            let ratio = f64::from(pcm[0]) / f64::from(pcm[1]);
            assert!((ratio - (std::f64::consts::PI / 8.0).tan()).abs() < 0.02, "{law:?} {ratio}");
            let power = pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / 8.0;
            let peak = (2.0 * power).sqrt();
            let full = if law == Law::Mu { 8159.0 * 4.0 } else { 4096.0 * 8.0 };
            let below_full_db = 20.0 * (full / peak).log10();
            let specified = if law == Law::Mu { 317.0 } else { 314.0 };
            assert!((below_full_db * 100.0 - specified).abs() < 10.0, "{law:?} {below_full_db}");
        }
    }
}
