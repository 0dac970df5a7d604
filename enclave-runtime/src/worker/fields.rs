//! Fields, of which payloads of the pipe to a worker consist: texts in UTF-8, each after its length (u32,
//! big-endian).

/// Texts as fields.
pub(crate) fn fields<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    values.into_iter().fold(Vec::new(), |mut payload, value| {
        // No text here is longer than a payload may be, which is below 2^32.
        payload.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
        payload.extend(value.as_bytes());
        payload
    })
}

/// The texts that fields hold; `None` when they are not whole. What is not UTF-8 is replaced.
pub(crate) fn texts(mut payload: &[u8]) -> Option<Vec<String>> {
    let mut values = Vec::new();
    while !payload.is_empty() {
        let (length, rest) = payload.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        values.push(String::from_utf8_lossy(value).into_owned());
        payload = rest;
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_round_trip() {
        let values = ["", "a", "grüße"];
        let payload = fields(values);
        assert_eq!(texts(&payload).unwrap(), values);
        for length in 1..payload.len() {
            assert_ne!(texts(&payload[..length]), Some(values.map(str::to_owned).to_vec()), "{length}");
        }
        assert_eq!(texts(&[0xff; 4]), None);
    }
}
