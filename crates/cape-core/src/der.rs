//! DER (ITU-T X.690) as certificates and CMS use it: definite, shortest lengths, single-byte tags, nothing
//! skipped. Whoever reads a structure asks for each of its elements and then for its end.

use crate::attest::DerDefect;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// `[0]`, primitive.
pub(crate) const IMPLICIT_0: u8 = 0x80;
/// `[0]`, constructed.
pub(crate) const EXPLICIT_0: u8 = 0xa0;
/// `[1]`, constructed.
pub(crate) const EXPLICIT_1: u8 = 0xa1;
/// `[3]`, constructed: a certificate's extensions.
pub(crate) const EXPLICIT_3: u8 = 0xa3;

/// Reads the elements of a structure one by one.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

/// One element: with its header, and without.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) encoded: &'a [u8],
    pub(crate) content: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The content of the single element of type `tag` that `bytes` are, with nothing behind it.
    pub(crate) fn only(bytes: &'a [u8], tag: u8) -> Result<Self, DerDefect> {
        let mut reader = Self::new(bytes);
        let content = reader.nested(tag)?;
        reader.finish()?;
        Ok(content)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Ends the structure: an error when something is left of it.
    pub(crate) fn finish(&self) -> Result<(), DerDefect> {
        if self.is_empty() { Ok(()) } else { Err(DerDefect::TrailingBytes) }
    }

    /// Whether the next element is of type `tag`.
    pub(crate) fn next_is(&self, tag: u8) -> bool {
        self.rest.first() == Some(&tag)
    }

    /// Goes on behind `bytes` if they come next, and says whether they did.
    pub(crate) fn skips(&mut self, bytes: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(bytes);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The content of the next element, which is of type `tag`.
    pub(crate) fn read(&mut self, tag: u8) -> Result<&'a [u8], DerDefect> {
        let element = self.element()?;
        if element.tag == tag { Ok(element.content) } else { Err(DerDefect::ElementType) }
    }

    /// The elements inside the next one, which is of the constructed type `tag`.
    pub(crate) fn nested(&mut self, tag: u8) -> Result<Self, DerDefect> {
        self.read(tag).map(Self::new)
    }

    /// The next element, of whatever type.
    pub(crate) fn element(&mut self) -> Result<Element<'a>, DerDefect> {
        const TRUNCATED: DerDefect = DerDefect::Truncated;
        let whole = self.rest;
        let (&[tag, first], rest) = whole.split_first_chunk().ok_or(TRUNCATED)?;
        if tag & 0x1f == 0x1f {
            return Err(DerDefect::LongTag);
        }
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81 => {
                let (&[length], rest) = rest.split_first_chunk().ok_or(TRUNCATED)?;
                (shortest(usize::from(length), 0x80)?, rest)
            }
            0x82 => {
                let (length, rest) = rest.split_first_chunk().ok_or(TRUNCATED)?;
                (shortest(usize::from(u16::from_be_bytes(*length)), 0x100)?, rest)
            }
            _ => return Err(DerDefect::LengthForm),
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(TRUNCATED)?;
        let encoded = whole.get(..whole.len() - rest.len()).ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(Element { tag, encoded, content })
    }

    /// The magnitude of an INTEGER that is not negative, without a leading zero byte.
    pub(crate) fn unsigned(&mut self) -> Result<&'a [u8], DerDefect> {
        match self.read(INTEGER)? {
            [] => Err(DerDefect::EmptyInteger),
            [0x80..=0xff, ..] => Err(DerDefect::NegativeInteger),
            [0, 0..=0x7f, ..] => Err(DerDefect::IntegerNotShortest),
            [0, magnitude @ ..] | magnitude => Ok(magnitude),
        }
    }

    /// A BOOLEAN whose default is FALSE: absent, or TRUE and nothing else.
    pub(crate) fn true_or_absent(&mut self) -> Result<bool, DerDefect> {
        if !self.next_is(BOOLEAN) {
            return Ok(false);
        }
        match self.read(BOOLEAN)? {
            [0xff] => Ok(true),
            [0] => Err(DerDefect::WrittenDefault),
            _ => Err(DerDefect::Boolean),
        }
    }

    /// An OBJECT IDENTIFIER, encoded, without its header.
    pub(crate) fn object_identifier(&mut self) -> Result<&'a [u8], DerDefect> {
        let arcs = self.read(OBJECT_IDENTIFIER)?;
        let ends = arcs.last().is_some_and(|byte| byte & 0x80 == 0);
        let mut starts_arc = true;
        let padded = arcs.iter().any(|byte| {
            let padding = starts_arc && *byte == 0x80;
            starts_arc = byte & 0x80 == 0;
            padding
        });
        if ends && !padded { Ok(arcs) } else { Err(DerDefect::ObjectIdentifier) }
    }

    /// The bytes of a BIT STRING of whole bytes.
    pub(crate) fn whole_bytes(&mut self) -> Result<&'a [u8], DerDefect> {
        match self.read(BIT_STRING)? {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(DerDefect::BitString),
        }
    }

    /// A BIT STRING of one to sixteen named bits, bit 0 being the highest of the result. Its last bit
    /// is set: trailing zeros are not written (X.690, 11.2.2).
    pub(crate) fn named_bits(&mut self) -> Result<u16, DerDefect> {
        let (unused, last, bits) = match *self.read(BIT_STRING)? {
            [unused, byte] => (unused, byte, u16::from_be_bytes([byte, 0])),
            [unused, high, low] => (unused, low, u16::from_be_bytes([high, low])),
            _ => return Err(DerDefect::NamedBitsLength),
        };
        if last == 0 || u32::from(unused) != last.trailing_zeros() {
            return Err(DerDefect::NamedBitsNotShortest);
        }
        Ok(bits)
    }
}

/// `length`, if it needed the form of length it came in.
fn shortest(length: usize, smallest: usize) -> Result<usize, DerDefect> {
    if length < smallest { Err(DerDefect::LengthNotShortest) } else { Ok(length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(bytes: &[u8]) -> Result<&[u8], DerDefect> {
        Reader::only(bytes, OCTET_STRING).map(|content| content.rest)
    }

    #[test]
    fn lengths_are_definite_and_shortest() {
        let long = |header: &[u8], length| [header, &vec![7; length][..]].concat();
        assert_eq!(element(&[4, 1, 9]), Ok(&[9][..]));
        assert_eq!(element(&long(&[4, 0x81, 0x80], 0x80)).unwrap().len(), 0x80);
        assert_eq!(element(&long(&[4, 0x82, 1, 0], 0x100)).unwrap().len(), 0x100);
        for bytes in [
            long(&[4, 0x81, 0x7f], 0x7f),
            long(&[4, 0x82, 0, 0xff], 0xff),
            long(&[4, 0x83, 0, 1, 0], 0x100),
            vec![0x24, 0x80, 4, 0, 0, 0],
            vec![4, 0x80, 0, 0],
            vec![4, 2, 0],
            vec![4, 1, 0, 0],
            vec![5, 0],
            vec![4],
            vec![0x1f, 4, 0],
            vec![],
        ] {
            assert!(element(&bytes).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn integers_are_shortest_and_not_negative() {
        for (bytes, value) in [
            (&[2, 1, 0][..], Ok(&[][..])),
            (&[2, 1, 0x7f], Ok(&[0x7f])),
            (&[2, 2, 0, 0x80], Ok(&[0x80])),
            (&[2, 2, 1, 0], Ok(&[1, 0])),
            (&[2, 0], Err(DerDefect::EmptyInteger)),
            (&[2, 1, 0x80], Err(DerDefect::NegativeInteger)),
            (&[2, 2, 0, 0x7f], Err(DerDefect::IntegerNotShortest)),
            (&[2, 2, 0, 0], Err(DerDefect::IntegerNotShortest)),
        ] {
            assert_eq!(Reader::new(bytes).unsigned(), value, "{bytes:02x?}");
        }
    }

    #[test]
    fn booleans_are_true_or_absent() {
        assert_eq!(Reader::new(&[]).true_or_absent(), Ok(false));
        assert_eq!(Reader::new(&[1, 1, 0xff]).true_or_absent(), Ok(true));
        for bytes in [[1, 1, 0], [1, 1, 1]] {
            assert!(Reader::new(&bytes).true_or_absent().is_err());
        }
    }

    #[test]
    fn object_identifiers_have_no_padding_and_an_end() {
        assert_eq!(Reader::new(&[6, 3, 0x55, 0x1d, 0x13]).object_identifier(), Ok(&[0x55, 0x1d, 0x13][..]));
        for bytes in [&[6, 0][..], &[6, 2, 0x55, 0x9d], &[6, 4, 0x55, 0x80, 0x1d, 0x13]] {
            assert!(Reader::new(bytes).object_identifier().is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn named_bits_end_with_a_set_bit() {
        assert_eq!(Reader::new(&[3, 2, 6, 0xc0]).named_bits(), Ok(0xc000));
        assert_eq!(Reader::new(&[3, 3, 7, 0, 0x80]).named_bits(), Ok(0x0080));
        for bytes in [
            &[3, 1, 0][..],
            &[3, 2, 0, 0],
            &[3, 2, 5, 0xc0],
            &[3, 2, 7, 0xc0],
            &[3, 2, 8, 0xc0],
            &[3, 3, 0, 0xc0, 0],
            &[3, 4, 0, 1, 1, 1],
        ] {
            assert!(Reader::new(bytes).named_bits().is_err(), "{bytes:02x?}");
        }
    }
}
