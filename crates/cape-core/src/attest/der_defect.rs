use core::fmt;

/// A rule of DER, or of what certificates keep in it, that is broken (`docs/spec/attestation.md`,
/// certificates).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DerDefect {
    /// Bytes behind the last element of a structure.
    TrailingBytes,
    /// An element of another type than belongs there.
    ElementType,
    /// A structure that ends before its last element.
    Truncated,
    /// A tag of more than one byte.
    LongTag,
    /// An indefinite length, or one of more than two bytes.
    LengthForm,
    /// A length in more bytes than needed.
    LengthNotShortest,
    /// An integer without content.
    EmptyInteger,
    /// A negative integer; no certificate needs one.
    NegativeInteger,
    /// An integer in more bytes than needed.
    IntegerNotShortest,
    /// A default value that is written out.
    WrittenDefault,
    /// A boolean that is neither 00 nor ff.
    Boolean,
    /// An object identifier that is empty, padded or cut.
    ObjectIdentifier,
    /// A bit string that is not of whole bytes.
    BitString,
    /// Named bits of another length than 1 to 16.
    NamedBitsLength,
    /// Named bits with trailing zeros, or with unused bits that are set.
    NamedBitsNotShortest,
    /// A time of another form than its year has, or of no date.
    Time,
    /// A name without attributes.
    NameEmpty,
    /// Attributes of a name that are none, or do not ascend.
    NameAttributes,
    /// Text of a name that is empty or outside its alphabet.
    NameText,
    /// Text of a name in a type that RFC 5280 gave up.
    NameTextType,
}

impl DerDefect {
    /// The stable name of this defect.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TrailingBytes => "der_trailing",
            Self::ElementType => "der_type",
            Self::Truncated => "der_truncated",
            Self::LongTag => "der_tag",
            Self::LengthForm => "der_length",
            Self::LengthNotShortest => "der_length_not_shortest",
            Self::EmptyInteger => "der_integer_empty",
            Self::NegativeInteger => "der_integer_negative",
            Self::IntegerNotShortest => "der_integer_not_shortest",
            Self::WrittenDefault => "der_default",
            Self::Boolean => "der_boolean",
            Self::ObjectIdentifier => "der_object_identifier",
            Self::BitString => "der_bit_string",
            Self::NamedBitsLength => "der_named_bits",
            Self::NamedBitsNotShortest => "der_named_bits_not_shortest",
            Self::Time => "time",
            Self::NameEmpty => "name_empty",
            Self::NameAttributes => "name_attributes",
            Self::NameText => "name_text",
            Self::NameTextType => "name_text_type",
        }
    }
}

impl fmt::Display for DerDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TrailingBytes => "trailing bytes in a structure",
            Self::ElementType => "element of another type",
            Self::Truncated => "structure that ends too early",
            Self::LongTag => "tag of several bytes",
            Self::LengthForm => "length that is indefinite or of more than two bytes",
            Self::LengthNotShortest => "length not in its shortest form",
            Self::EmptyInteger => "integer without content",
            Self::NegativeInteger => "negative integer",
            Self::IntegerNotShortest => "integer not in its shortest form",
            Self::WrittenDefault => "default value written out",
            Self::Boolean => "boolean that is neither 00 nor ff",
            Self::ObjectIdentifier => "object identifier out of form",
            Self::BitString => "bit string of another length than whole bytes",
            Self::NamedBitsLength => "bit string of another length than 1 to 16 bits",
            Self::NamedBitsNotShortest => "named bits with trailing zeros or set unused bits",
            Self::Time => "time out of form",
            Self::NameEmpty => "name without attributes",
            Self::NameAttributes => "attributes of a name out of form",
            Self::NameText => "text of a name outside its alphabet",
            Self::NameTextType => "text of a name in an obsolete type",
        })
    }
}
