/// Writes CBOR in shortest heads and definite lengths (RFC 8949, section 4.2.1). Map keys are the
/// caller's, in the order of the deterministic form; tests read back everything that is written.
#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.head(0, value)
    }

    /// An integer of either sign.
    pub fn int(&mut self, value: i64) -> &mut Self {
        match u64::try_from(value) {
            Ok(value) => self.head(0, value),
            Err(_) => self.head(1, value.unsigned_abs() - 1),
        }
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.length(2, value.len()).raw(value)
    }

    /// A text string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.length(3, value.len()).raw(value.as_bytes())
    }

    /// The head of an array; `length` items follow.
    pub fn array(&mut self, length: usize) -> &mut Self {
        self.length(4, length)
    }

    /// The head of a map; `length` pairs of key and value follow.
    pub fn map(&mut self, length: usize) -> &mut Self {
        self.length(5, length)
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.raw(&[if value { 0xf5 } else { 0xf4 }])
    }

    /// `null`.
    pub fn null(&mut self) -> &mut Self {
        self.raw(&[0xf6])
    }

    /// An item that is CBOR already.
    pub fn raw(&mut self, item: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(item);
        self
    }

    fn length(&mut self, major: u8, length: usize) -> &mut Self {
        self.head(major, u64::try_from(length).unwrap_or(u64::MAX))
    }

    fn head(&mut self, major: u8, value: u64) -> &mut Self {
        let major = major << 5;
        if let Ok(value) = u8::try_from(value) {
            if value < 24 {
                return self.raw(&[major | value]);
            }
            return self.raw(&[major | 24, value]);
        }
        if let Ok(value) = u16::try_from(value) {
            return self.raw(&[major | 25]).raw(&value.to_be_bytes());
        }
        if let Ok(value) = u32::try_from(value) {
            return self.raw(&[major | 26]).raw(&value.to_be_bytes());
        }
        self.raw(&[major | 27]).raw(&value.to_be_bytes())
    }
}
