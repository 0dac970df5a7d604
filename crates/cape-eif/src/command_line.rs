use core::fmt;
use core::str::FromStr;

/// What the kernel is told at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine(String);

impl CommandLine {
    /// The longest one, in bytes: kernels keep 2048 with the NUL at the end, for both architectures
    /// (`COMMAND_LINE_SIZE`), and cut what is longer.
    pub const MAX_BYTES: usize = 2047;

    /// The text, which may be a stranger's.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, CommandLineDefect> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(CommandLineDefect::TooLong { actual: bytes.len() });
        }
        if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
            return Err(CommandLineDefect::Nul { offset });
        }
        String::from_utf8(bytes)
            .map(Self)
            .map_err(|error| CommandLineDefect::NotUtf8 { offset: error.utf8_error().valid_up_to() })
    }
}

impl FromStr for CommandLine {
    type Err = CommandLineDefect;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes().to_vec())
    }
}

/// Why bytes are no command line. Offsets count from its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLineDefect {
    /// It is not UTF-8.
    NotUtf8 {
        /// Where it stops being that.
        offset: usize,
    },
    /// It has a NUL, where the kernel would stop reading.
    Nul {
        /// Where.
        offset: usize,
    },
    /// The kernel would cut it.
    TooLong {
        /// Its bytes.
        actual: usize,
    },
}

impl fmt::Display for CommandLineDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 { offset } => write!(f, "not UTF-8 at byte {offset}"),
            Self::Nul { offset } => write!(f, "a NUL at byte {offset}"),
            Self::TooLong { actual } => {
                write!(f, "{actual} bytes, of which a kernel reads {}", CommandLine::MAX_BYTES)
            }
        }
    }
}

impl core::error::Error for CommandLineDefect {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_would_not_read_to_its_end_is_refused() {
        assert_eq!("console=ttyS0".parse::<CommandLine>().unwrap().as_str(), "console=ttyS0");
        assert_eq!("a\0b".parse::<CommandLine>(), Err(CommandLineDefect::Nul { offset: 1 }));
        assert_eq!(CommandLine::parse(b"a\xff".to_vec()), Err(CommandLineDefect::NotUtf8 { offset: 1 }));
        assert!("a".repeat(2047).parse::<CommandLine>().is_ok());
        assert_eq!("a".repeat(2048).parse::<CommandLine>(), Err(CommandLineDefect::TooLong { actual: 2048 }));
    }
}
