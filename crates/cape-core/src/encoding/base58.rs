//! Base58 with Bitcoin's alphabet, in which function ids are shown.

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// `bytes` as Base58; each leading zero byte becomes a `1`.
///
/// Quadratic in the length: meant for identifiers of some tens of bytes.
pub fn encode(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut digits: Vec<u8> = Vec::with_capacity(bytes.len() * 138 / 100 + 1);
    for byte in bytes.iter().skip(zeros) {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = u8::try_from(carry % 58).unwrap_or(0);
            carry /= 58;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 58).unwrap_or(0));
            carry /= 58;
        }
    }
    let symbol = |digit: u8| ALPHABET.get(usize::from(digit)).map_or('1', |symbol| char::from(*symbol));
    core::iter::repeat_n('1', zeros).chain(digits.into_iter().rev().map(symbol)).collect()
}

/// The bytes that `text` stands for; `None` for a foreign character.
///
/// Quadratic in the length, as [`encode`] is: the caller bounds it.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let zeros = text.bytes().take_while(|symbol| *symbol == b'1').count();
    // The lowest byte first.
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    for symbol in text.bytes().skip(zeros) {
        let digit = ALPHABET.iter().position(|known| *known == symbol)?;
        let mut carry = u32::try_from(digit).ok()?;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 58;
            *byte = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push(u8::try_from(carry).ok()?);
        }
    }
    Some(core::iter::repeat_n(0, zeros).chain(bytes.into_iter().rev()).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_answers() {
        // draft-msporny-base58, section 5
        assert_eq!(encode(b"Hello World!"), "2NEpo7TZRRrLZSi2U");
        assert_eq!(encode(&[0x00, 0x00, 0x28, 0x7f, 0xb4, 0xcd]), "11233QC4");
        assert_eq!(encode(&[]), "");
        assert_eq!(encode(&[0, 0]), "11");
    }

    #[test]
    fn foreign_characters_are_refused() {
        for text in ["0", "O", "I", "l", "2NEpo7TZRRrLZSi2U ", "é", "+"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn one_text_for_one_value(text in "[1-9A-HJ-NP-Za-km-z]{0,40}") {
            prop_assert_eq!(encode(&decode(&text).unwrap()), text);
        }
    }
}
