//! Names of certificates: compared as the bytes they are, and read as text for people.

use core::fmt::Write;

use super::der_defect::DerDefect;
use crate::der::{IA5_STRING, PRINTABLE_STRING, Reader, SEQUENCE, SET, UTF8_STRING};

/// A `Name` (RFC 5280, 4.1.2.4) in strict DER; equal means equal byte for byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct DistinguishedName<'a> {
    encoded: &'a [u8],
}

impl<'a> DistinguishedName<'a> {
    /// Takes the name that comes next in `reader`. It is not empty.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DerDefect> {
        let element = reader.element()?;
        let name = Self { encoded: element.encoded };
        let mut count = 0;
        name.for_each_attribute(|_, _| count += 1)?;
        if count == 0 { Err(DerDefect::NameEmpty) } else { Ok(name) }
    }

    /// The name as text, in the order of the certificate: `C=US, O=Amazon, CN=...`. Control
    /// characters are escaped, so that a certificate cannot write on a terminal, and what separates
    /// attributes, so that one cannot look like two (RFC 4514, 2.4).
    pub(super) fn to_text(self) -> String {
        let mut text = String::new();
        // Cannot fail: the same bytes were read when the name was taken.
        let _ = self.for_each_attribute(|kind, value| {
            let separator = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{separator}{}=", attribute_label(kind));
            for symbol in value.chars() {
                if ",+=;<>".contains(symbol) {
                    text.push('\\');
                    text.push(symbol);
                } else {
                    text.extend(symbol.escape_debug());
                }
            }
        });
        text
    }

    fn for_each_attribute(self, mut visit: impl FnMut(&'a [u8], &'a str)) -> Result<(), DerDefect> {
        let mut relative_names = Reader::only(self.encoded, SEQUENCE)?;
        while !relative_names.is_empty() {
            let mut set = relative_names.nested(SET)?;
            let mut previous: &[u8] = &[];
            while !set.is_empty() || previous.is_empty() {
                let attribute = set.element()?;
                // X.690, 11.6: the members of a set ascend; equal ones would be one.
                if attribute.tag != SEQUENCE || attribute.encoded <= previous {
                    return Err(DerDefect::NameAttributes);
                }
                previous = attribute.encoded;
                let mut parts = Reader::new(attribute.content);
                let kind = parts.object_identifier()?;
                let value = parts.element()?;
                parts.finish()?;
                visit(kind, text_of(value.tag, value.content)?);
            }
        }
        Ok(())
    }
}

fn text_of(tag: u8, content: &[u8]) -> Result<&str, DerDefect> {
    const WRONG: DerDefect = DerDefect::NameText;
    let text = core::str::from_utf8(content).map_err(|_| WRONG)?;
    let allowed = match tag {
        UTF8_STRING => true,
        PRINTABLE_STRING => text.chars().all(|c| c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c)),
        IA5_STRING => text.is_ascii(),
        _ => return Err(DerDefect::NameTextType),
    };
    if allowed && !text.is_empty() { Ok(text) } else { Err(WRONG) }
}

/// The short names of RFC 4519 for what the platform's certificates use.
fn attribute_label(kind: &[u8]) -> &'static str {
    match kind {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String, DerDefect> {
        let mut reader = Reader::new(bytes);
        let name = DistinguishedName::read(&mut reader)?;
        reader.finish()?;
        Ok(name.to_text())
    }

    #[test]
    fn text_keeps_the_order_and_escapes() {
        let bytes = b"\x30\x1a\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02US\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02\x1b!";
        assert_eq!(read(bytes).unwrap(), "C=US, CN=\\u{1b}!");
    }

    #[test]
    fn one_attribute_does_not_look_like_two() {
        let value = b"x, O=Amazon";
        let header = [0x30, 22, 0x31, 20, 0x30, 18, 6, 3, 0x55, 4, 3, 0x0c, 11];
        assert_eq!(read(&[&header, &value[..]].concat()).unwrap(), "CN=x\\, O\\=Amazon");
    }

    #[test]
    fn other_forms_are_refused() {
        for bytes in [
            &b"\x30\x00"[..],
            b"\x31\x00",
            b"\x30\x02\x31\x00",
            b"\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x14\x02US",
            b"\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02U*",
            b"\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x0c\x02\xff\xff",
            b"\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x06\x13\x02US\x05\x00",
            b"\x30\x0b\x31\x09\x30\x07\x06\x03\x55\x04\x06\x13\x00",
        ] {
            assert!(read(bytes).is_err(), "{bytes:02x?}");
        }
        let (a, b) = (b"\x30\x08\x06\x03\x55\x04\x06\x0c\x01a", b"\x30\x08\x06\x03\x55\x04\x06\x0c\x01b");
        let set = |first: &[u8], second: &[u8]| [b"\x30\x16\x31\x14", first, second].concat();
        assert_eq!(read(&set(a, b)).unwrap(), "C=a, C=b");
        assert!(read(&set(b, a)).is_err());
        assert!(read(&set(a, a)).is_err());
    }
}
