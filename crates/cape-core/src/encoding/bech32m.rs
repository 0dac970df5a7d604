//! Bech32m (BIP 350) without its 90-character limit: an X-Wing public key takes 1,962 characters.
//! Lower case only, and only the canonical text of a value is read.
//!
//! Private keys are written so too: apart from what is returned, nothing keeps a copy of the data.

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Checksum, Hrp};
use zeroize::Zeroizing;

/// The longest text that is written or read, in characters.
pub const MAX_LENGTH: usize = 8192;

/// Bech32m's code, applied to texts longer than those whose errors it can locate: it still detects
/// a typing error with a probability of 1 - 2^-30.
enum LongBech32m {}

impl Checksum for LongBech32m {
    type MidstateRepr = <Bech32m as Checksum>::MidstateRepr;
    type CorrectionField = <Bech32m as Checksum>::CorrectionField;
    const ROOT_GENERATOR: Self::CorrectionField = Bech32m::ROOT_GENERATOR;
    const ROOT_EXPONENTS: core::ops::RangeInclusive<usize> = Bech32m::ROOT_EXPONENTS;
    const CODE_LENGTH: usize = MAX_LENGTH;
    const CHECKSUM_LENGTH: usize = Bech32m::CHECKSUM_LENGTH;
    const GENERATOR_SH: [Self::MidstateRepr; 5] = Bech32m::GENERATOR_SH;
    const TARGET_RESIDUE: Self::MidstateRepr = Bech32m::TARGET_RESIDUE;
}

/// `data` as bech32m with the given human-readable prefix; `None` when the prefix is no valid one
/// or the text would be longer than [`MAX_LENGTH`].
pub fn encode(prefix: &str, data: &[u8]) -> Option<String> {
    let prefix = Hrp::parse(prefix).ok()?;
    // Long enough from the start: a string that grows leaves its old places behind.
    let mut text = String::with_capacity(bech32::encoded_length::<LongBech32m>(prefix, data).ok()?);
    bech32::encode_lower_to_fmt::<LongBech32m, _>(&mut text, prefix, data).ok()?;
    Some(text)
}

/// The data of a canonical, lower-case bech32m text with exactly this prefix.
pub fn decode(prefix: &str, text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let checked = CheckedHrpstring::new::<LongBech32m>(text).ok()?;
    let mut data = Zeroizing::new(Vec::with_capacity(text.len()));
    data.extend(checked.byte_iter());
    let canonical = Zeroizing::new(encode(prefix, &data)?);
    (canonical.as_str() == text).then(|| core::mem::take(&mut *data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_id_of_the_specification() {
        let key = hex("3742d9ed107cfe9d30ed3f48ca3134518db46e3a76a75aa9c35ed8b436e9134e");
        let id = "cape1xapdnmgs0nlf6v8d8ayv5vf52xxmgm36w6n442wrtmvtgdhfzd8qmhldwr";
        assert_eq!(encode("cape", &key).as_deref(), Some(id));
        assert_eq!(decode("cape", id), Some(key));
    }

    #[test]
    fn long_data_round_trips_up_to_the_limit() {
        let data = vec![0x5a; 1218];
        let text = encode("capepk", &data).unwrap();
        assert_eq!(text.len(), 1962);
        assert_eq!(decode("capepk", &text), Some(data));
        assert_eq!(encode("capepk", &vec![0; MAX_LENGTH]), None);
    }

    #[test]
    fn other_texts_are_refused() {
        let text = encode("cape", &[7; 32]).unwrap();
        let mut typo = text.clone().into_bytes();
        typo[20] = if typo[20] == b'q' { b'p' } else { b'q' };
        for wrong in [
            text.to_uppercase(),
            String::from_utf8(typo).unwrap(),
            format!("{text}q"),
            text[..text.len() - 1].to_owned(),
            bech32::encode_lower::<bech32::Bech32>(Hrp::parse("cape").unwrap(), &[7; 32]).unwrap(),
            String::new(),
        ] {
            assert_eq!(decode("cape", &wrong), None, "{wrong}");
        }
        assert_eq!(decode("capepk", &text), None);
    }

    fn hex(text: &str) -> Vec<u8> {
        crate::encoding::hex::decode(text).unwrap()
    }
}
