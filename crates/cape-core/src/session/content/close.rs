use super::map::{ContentError, MapWriter, UnknownKeys, read_content, required};

/// `{1: code}`, a close code of WebSocket (RFC 6455, section 7.4).
pub(in crate::session) fn encode_close(code: u16) -> Vec<u8> {
    let mut map = MapWriter::new();
    map.entry(1).uint(code.into());
    map.into_bytes()
}

pub(in crate::session) fn decode_close(content: &[u8]) -> Result<u16, ContentError> {
    let mut code = None;
    read_content(content, UnknownKeys::Refused, |key, reader| match key {
        1 => {
            let value = reader.uint()?.try_into();
            code = Some(value.map_err(|_| ContentError::Value { key, expected: "a number below 65536" })?);
            Ok(true)
        }
        _ => Ok(false),
    })?;
    required(1, code)
}
