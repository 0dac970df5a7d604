//! Canonical base64url without padding (RFC 4648, sections 3.5 and 5): one text for one value.

use base64_simd::URL_SAFE_NO_PAD;

/// `bytes` as base64url without padding.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// The bytes that `text` stands for; `None` for padding, another alphabet or stray trailing bits.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}

/// The `N` bytes that `text` stands for.
pub fn decode_array<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let decoded = URL_SAFE_NO_PAD.decoded_length(text).ok()?;
    if decoded == N { decode(text)?.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_text_is_read() {
        assert_eq!(encode(&[0xfb, 0xff]), "-_8");
        assert_eq!(decode(b"-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(decode_array(b"-_8"), Some([0xfb, 0xff]));
        assert_eq!((decode_array::<1>(b"-_8"), decode_array::<3>(b"-_8")), (None, None));
        for text in ["-_9", "-_8=", "+/8", "-_8 ", "-", "-_8\n"] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }
}
