use core::fmt;

use super::Error;
use crate::excerpt::excerpt;

/// Which of CBOR's freedoms the reader grants. Shortest heads, unique map keys, definite strings
/// and a bounded depth are asked for in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Cape's own messages: definite lengths and sorted map keys (RFC 8949, section 4.2.1).
    Deterministic,
    /// The NSM's documents: keys in AWS's own order, maps and arrays possibly indefinite.
    Attestation,
}

/// Containers inside containers that are followed.
const MAX_DEPTH: usize = 4;

/// Pulls items one by one from a borrowed slice.
pub struct Reader<'a> {
    input: &'a [u8],
    offset: usize,
    form: Form,
    depth: usize,
}

/// A map or array that is being read: ask it for the next item or key until it has no more.
pub struct Container<'a> {
    /// `None` for an indefinite one.
    remaining: Option<u64>,
    /// The encoded keys so far, of a map.
    keys: Vec<&'a [u8]>,
    /// Whether its end was come to.
    left: bool,
}

/// A map's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// An unsigned integer.
    Uint(u64),
    /// An integer below zero.
    Negative(i64),
    /// Text.
    Text(&'a str),
}

/// As errors name it: a number, or the beginning of a text in quotes.
impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uint(key) => key.fmt(f),
            Self::Negative(key) => key.fmt(f),
            Self::Text(key) => write!(f, "{:?}", excerpt(key)),
        }
    }
}

/// Items a container may hold; every format of ours has far fewer.
const MAX_ITEMS: usize = 1024;

impl<'a> Reader<'a> {
    /// A reader at the start of `input`.
    pub fn new(input: &'a [u8], form: Form) -> Self {
        Self { input, offset: 0, form, depth: 0 }
    }

    /// Bytes read so far.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Ends the reading: an error when bytes are left.
    pub fn finish(self) -> Result<(), Error> {
        if self.offset == self.input.len() {
            Ok(())
        } else {
            Err(Error::TrailingBytes { offset: self.offset })
        }
    }

    /// An unsigned integer.
    pub fn uint(&mut self) -> Result<u64, Error> {
        self.expect(0, "an unsigned integer")
    }

    /// An integer that fits in 64 bits with its sign.
    pub fn int(&mut self) -> Result<i64, Error> {
        let offset = self.offset;
        let wrong = Error::WrongType { expected: "an integer of at most 64 bits", offset };
        match self.head()? {
            Head { major: 0, argument: Some(value) } => i64::try_from(value).map_err(|_| wrong),
            Head { major: 1, argument: Some(value) } => {
                i64::try_from(value).map(|value| -1 - value).map_err(|_| wrong)
            }
            _ => Err(wrong),
        }
    }

    /// A byte string.
    pub fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let length = self.expect(2, "a byte string")?;
        self.take(length)
    }

    /// A byte string of exactly `N` bytes.
    pub fn byte_array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let offset = self.offset;
        let wrong = Error::WrongLength { expected: "a byte string of another length", offset };
        self.bytes()?.try_into().map_err(|_| wrong)
    }

    /// A text string.
    pub fn text(&mut self) -> Result<&'a str, Error> {
        let offset = self.offset;
        let length = self.expect(3, "a text string")?;
        core::str::from_utf8(self.take(length)?).map_err(|_| Error::InvalidUtf8 { offset })
    }

    /// Whether the next item is a text string, for what is a number or text.
    pub fn next_is_text(&self) -> bool {
        self.input.get(self.offset).is_some_and(|initial| initial >> 5 == 3)
    }

    /// `true` or `false`.
    pub fn bool(&mut self) -> Result<bool, Error> {
        let offset = self.offset;
        match self.head()? {
            Head { major: 7, argument: Some(20) } => Ok(false),
            Head { major: 7, argument: Some(21) } => Ok(true),
            _ => Err(Error::WrongType { expected: "a boolean", offset }),
        }
    }

    /// A byte string, or `None` for `null`.
    pub fn bytes_or_null(&mut self) -> Result<Option<&'a [u8]>, Error> {
        if self.input.get(self.offset) == Some(&0xf6) {
            self.offset += 1;
            return Ok(None);
        }
        self.bytes().map(Some)
    }

    /// The tag in front of the next item, if there is one; the caller decides whether it may be.
    pub fn tag(&mut self) -> Result<Option<u64>, Error> {
        match self.input.get(self.offset) {
            Some(byte) if byte >> 5 == 6 => self.expect(6, "a tag").map(Some),
            _ => Ok(None),
        }
    }

    /// Passes over the next item, of any type that is read here; the rules of form hold inside it.
    pub fn skip(&mut self) -> Result<(), Error> {
        let offset = self.offset;
        match self.input.get(offset).map(|initial| initial >> 5) {
            Some(2) => self.bytes().map(drop),
            Some(3) => self.text().map(drop),
            Some(4) => {
                let mut array = self.array()?;
                while array.has_next(self)? {
                    self.skip()?;
                }
                Ok(())
            }
            Some(5) => {
                let mut map = self.map()?;
                while map.next_key(self)?.is_some() {
                    self.skip()?;
                }
                Ok(())
            }
            _ => match self.head()? {
                Head { major: 0 | 1, .. } | Head { major: 7, argument: Some(20..=22) } => Ok(()),
                _ => Err(Error::WrongType {
                    expected: "an integer, string, array, map, boolean or null",
                    offset,
                }),
            },
        }
    }

    /// Enters a map.
    pub fn map(&mut self) -> Result<Container<'a>, Error> {
        self.container(5, "a map")
    }

    /// Enters an array.
    pub fn array(&mut self) -> Result<Container<'a>, Error> {
        self.container(4, "an array")
    }

    /// Enters an array that must have exactly `length` items.
    pub fn array_of(&mut self, length: u64) -> Result<Container<'a>, Error> {
        let offset = self.offset;
        let array = self.array()?;
        match array.remaining {
            Some(remaining) if remaining != length => {
                Err(Error::WrongLength { expected: "an array of another length", offset })
            }
            _ => Ok(array),
        }
    }

    fn container(&mut self, major: u8, expected: &'static str) -> Result<Container<'a>, Error> {
        let offset = self.offset;
        let head = self.head()?;
        if head.major != major {
            return Err(Error::WrongType { expected, offset });
        }
        if head.argument.is_none() && self.form == Form::Deterministic {
            return Err(Error::IndefiniteContainer { offset });
        }
        if self.depth == MAX_DEPTH {
            return Err(Error::TooDeep { offset });
        }
        self.depth += 1;
        Ok(Container { remaining: head.argument, keys: Vec::new(), left: false })
    }

    fn expect(&mut self, major: u8, expected: &'static str) -> Result<u64, Error> {
        let offset = self.offset;
        match self.head()? {
            Head { major: found, argument: Some(argument) } if found == major => Ok(argument),
            Head { major: found @ (2 | 3), argument: None } if found == major => {
                Err(Error::IndefiniteString { offset })
            }
            _ => Err(Error::WrongType { expected, offset }),
        }
    }

    /// The head of an item (RFC 8949, section 3): its major type, and its argument unless the length
    /// is indefinite.
    fn head(&mut self) -> Result<Head, Error> {
        let offset = self.offset;
        let initial = self.byte()?;
        let (major, info) = (initial >> 5, initial & 0x1f);
        let (argument, smallest) = match info {
            0..=23 => (u64::from(info), 0),
            24 => (u64::from(self.byte()?), 24),
            25 => (u64::from(u16::from_be_bytes(self.fixed()?)), 1 << 8),
            26 => (u64::from(u32::from_be_bytes(self.fixed()?)), 1 << 16),
            27 => (u64::from_be_bytes(self.fixed()?), 1 << 32),
            31 if matches!(major, 2..=5) => return Ok(Head { major, argument: None }),
            _ => return Err(Error::WrongType { expected: "a well-formed item", offset }),
        };
        if major == 7 && info > 23 {
            return Err(Error::WrongType { expected: "no float or extended simple value", offset });
        }
        if argument < smallest {
            return Err(Error::NotShortest { offset });
        }
        Ok(Head { major, argument: Some(argument) })
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let [byte] = self.fixed()?;
        Ok(byte)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let rest = self.input.get(self.offset..).ok_or(Error::Truncated)?;
        let bytes = *rest.first_chunk().ok_or(Error::Truncated)?;
        self.offset += N;
        Ok(bytes)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Error> {
        let length = usize::try_from(length).map_err(|_| Error::Truncated)?;
        let end = self.offset.checked_add(length).ok_or(Error::Truncated)?;
        let bytes = self.input.get(self.offset..end).ok_or(Error::Truncated)?;
        self.offset = end;
        Ok(bytes)
    }
}

struct Head {
    major: u8,
    argument: Option<u64>,
}

impl<'a> Container<'a> {
    /// Whether another item follows. When none does, the container is left.
    pub fn has_next(&mut self, reader: &mut Reader<'a>) -> Result<bool, Error> {
        if self.left {
            return Ok(false);
        }
        self.left = match &mut self.remaining {
            Some(0) => true,
            Some(remaining) => {
                *remaining -= 1;
                false
            }
            None if reader.input.get(reader.offset) == Some(&0xff) => {
                reader.offset += 1;
                true
            }
            None => false,
        };
        if self.left {
            reader.depth -= 1;
        }
        Ok(!self.left)
    }

    /// The next key of a map, after which its value must be read; `None` at the end, when the map is
    /// left. Keys are unique, and sorted in the deterministic form.
    pub fn next_key(&mut self, reader: &mut Reader<'a>) -> Result<Option<Key<'a>>, Error> {
        if !self.has_next(reader)? {
            return Ok(None);
        }
        let offset = reader.offset;
        let key = match reader.input.get(offset).map(|initial| initial >> 5) {
            Some(0) => Key::Uint(reader.uint()?),
            Some(1) => Key::Negative(reader.int()?),
            Some(3) => Key::Text(reader.text()?),
            Some(_) => return Err(Error::WrongType { expected: "an integer or text as key", offset }),
            None => return Err(Error::Truncated),
        };
        let encoded = reader.input.get(offset..reader.offset).ok_or(Error::Truncated)?;
        if self.keys.contains(&encoded) {
            return Err(Error::DuplicateKey { offset });
        }
        if self.keys.len() == MAX_ITEMS {
            return Err(Error::TooManyItems { offset });
        }
        if reader.form == Form::Deterministic && self.keys.last().is_some_and(|last| *last > encoded) {
            return Err(Error::UnsortedKeys { offset });
        }
        self.keys.push(encoded);
        Ok(Some(key))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Writer;
    use super::*;

    fn read_map(bytes: &[u8], form: Form) -> Result<usize, Error> {
        let mut reader = Reader::new(bytes, form);
        let mut map = reader.map()?;
        let mut pairs = 0;
        while map.next_key(&mut reader)?.is_some() {
            reader.uint()?;
            pairs += 1;
        }
        reader.finish()?;
        Ok(pairs)
    }

    #[test]
    fn what_the_writer_writes_is_read() {
        let mut writer = Writer::new();
        writer.array(7).uint(1_000_000).int(-35).bytes(&[1; 300]).text("ü").bool(true).null().map(0);
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes, Form::Deterministic);
        let mut array = reader.array_of(7).unwrap();
        assert!(array.has_next(&mut reader).unwrap());
        assert_eq!(reader.uint(), Ok(1_000_000));
        assert!(array.has_next(&mut reader).unwrap());
        assert_eq!(reader.int(), Ok(-35));
        assert!(array.has_next(&mut reader).unwrap());
        assert_eq!(reader.bytes(), Ok(&[1; 300][..]));
        assert!(array.has_next(&mut reader).unwrap());
        assert_eq!(reader.text(), Ok("ü"));
        assert!(array.has_next(&mut reader).unwrap());
        assert_eq!(reader.bool(), Ok(true));
        assert!(array.has_next(&mut reader).unwrap());
        assert_eq!(reader.bytes_or_null(), Ok(None));
        assert!(array.has_next(&mut reader).unwrap());
        let mut map = reader.map().unwrap();
        assert_eq!(map.next_key(&mut reader), Ok(None));
        assert!(!array.has_next(&mut reader).unwrap());
        reader.finish().unwrap();
    }

    #[test]
    fn rules_of_form() {
        use Form::{Attestation, Deterministic};
        assert_eq!(read_map(&[0xa2, 1, 0, 2, 0], Deterministic), Ok(2));
        assert_eq!(read_map(&[0xa2, 2, 0, 1, 0], Deterministic), Err(Error::UnsortedKeys { offset: 3 }));
        assert_eq!(read_map(&[0xa2, 2, 0, 1, 0], Attestation), Ok(2));
        for form in [Deterministic, Attestation] {
            assert_eq!(read_map(&[0xa2, 1, 0, 1, 0], form), Err(Error::DuplicateKey { offset: 3 }));
            assert_eq!(read_map(&[0xa1, 0x18, 1, 0], form), Err(Error::NotShortest { offset: 1 }));
            assert_eq!(read_map(&[0xa1, 1, 0, 0], form), Err(Error::TrailingBytes { offset: 3 }));
            assert_eq!(read_map(&[0xa1, 1], form), Err(Error::Truncated));
            assert_eq!(read_map(&[0xa1, 0x7f, 0xff, 0], form), Err(Error::IndefiniteString { offset: 1 }));
            assert!(matches!(read_map(&[0xc1, 0xa0], form), Err(Error::WrongType { .. })));
            assert!(matches!(
                read_map(&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], form),
                Err(Error::Truncated)
            ));
        }
        assert_eq!(read_map(&[0xbf, 1, 0, 0xff], Attestation), Ok(1));
        assert_eq!(read_map(&[0xbf, 1, 0], Attestation), Err(Error::Truncated));
        assert_eq!(
            read_map(&[0xbf, 1, 0, 0xff], Deterministic),
            Err(Error::IndefiniteContainer { offset: 0 })
        );
    }

    #[test]
    fn any_item_is_passed_over() {
        let skip = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes, Form::Deterministic);
            reader.skip().and_then(|()| reader.finish())
        };
        let mut writer = Writer::new();
        writer.array(3).int(-9).map(2).uint(1).bool(true).text("a").null().array(1).bytes(b"x");
        assert_eq!(skip(&writer.into_bytes()), Ok(()));
        assert_eq!(skip(&[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Ok(()));
        assert_eq!(skip(&[]), Err(Error::Truncated));
        assert_eq!(skip(&[0x82, 1]), Err(Error::Truncated));
        assert_eq!(skip(&[0xa2, 2, 0, 1, 0]), Err(Error::UnsortedKeys { offset: 3 }));
        assert_eq!(skip(&[0x81, 0x81, 0x81, 0x81, 0x80]), Err(Error::TooDeep { offset: 4 }));
        for unread in [&[0xc1, 0][..], &[0xf7], &[0xf9, 0, 0], &[0xe0]] {
            assert!(matches!(skip(unread), Err(Error::WrongType { .. })), "{unread:x?}");
        }
    }

    #[test]
    fn a_container_is_left_once() {
        for (bytes, form) in
            [(&[0x81, 0x80][..], Form::Deterministic), (&[0x81, 0x9f, 0xff], Form::Attestation)]
        {
            let mut reader = Reader::new(bytes, form);
            let mut outer = reader.array().unwrap();
            assert_eq!(outer.has_next(&mut reader), Ok(true));
            let mut inner = reader.array().unwrap();
            for container in [&mut inner, &mut outer] {
                assert_eq!(container.has_next(&mut reader), Ok(false));
                assert_eq!(container.has_next(&mut reader), Ok(false));
            }
            assert_eq!(reader.depth, 0);
            assert_eq!(reader.finish(), Ok(()));
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut reader = Reader::new(&[0x81; 9], Form::Attestation);
        for _ in 0..4 {
            assert!(reader.array().unwrap().has_next(&mut reader).unwrap());
        }
        assert!(matches!(reader.array(), Err(Error::TooDeep { offset: 4 })));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            for form in [Form::Deterministic, Form::Attestation] {
                let mut reader = Reader::new(&bytes, form);
                let _ = reader.int();
                let _ = reader.text();
                let _ = reader.bytes_or_null();
                let _ = reader.tag();
                let _ = read_map(&bytes, form);
            }
        }

        #[test]
        fn integers_round_trip(value: i64) {
            let mut writer = Writer::new();
            writer.int(value);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes, Form::Deterministic);
            prop_assert_eq!(reader.int(), Ok(value));
            prop_assert_eq!(reader.finish(), Ok(()));
        }
    }
}
