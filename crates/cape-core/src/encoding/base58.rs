//! Base58 with Bitcoin's alphabet, written only: function ids are shown in it and compared as text.

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

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn known_answers() {
        // draft-msporny-base58, section 5
        assert_eq!(encode(b"Hello World!"), "2NEpo7TZRRrLZSi2U");
        assert_eq!(encode(&[0x00, 0x00, 0x28, 0x7f, 0xb4, 0xcd]), "11233QC4");
        assert_eq!(encode(&[]), "");
        assert_eq!(encode(&[0, 0]), "11");
    }
}
