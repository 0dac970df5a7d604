//! Keys and certificates as text (RFC 7468), read by lines, as OpenSSL does. Text around the blocks is
//! for people; what is in a block is base64 in its one form, and nothing else.

use core::fmt;

use base64_simd::STANDARD;
use zeroize::Zeroizing;

pub(super) struct Block<'a> {
    pub(super) label: &'a str,
    pub(super) content: Zeroizing<Vec<u8>>,
}

/// Why a text is not in blocks of PEM. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PemDefect {
    /// A block's content is not base64.
    Base64 {
        /// Where the block begins.
        line: usize,
    },
    /// There is no block of a kind that belongs there, or there is more than one block.
    BlockCount {
        /// How many there are.
        found: usize,
    },
    /// The block is of another kind.
    Label {
        /// What belongs there.
        expected: &'static str,
    },
    /// It is not UTF-8.
    NotUtf8,
    /// A block does not end, or ends as another one.
    Unended {
        /// Where it begins.
        line: usize,
    },
}

/// All blocks of a text.
pub(super) fn blocks(text: &[u8]) -> Result<Vec<Block<'_>>, PemDefect> {
    let text = core::str::from_utf8(text).map_err(|_| PemDefect::NotUtf8)?;
    let mut lines = (1..).zip(text.lines().map(str::trim_end));
    let mut blocks = Vec::new();
    while let Some((line, begin)) = lines.next() {
        let Some(label) = boundary(begin, "-----BEGIN ") else { continue };
        // As long as it will be, since what a growing text leaves behind is not wiped.
        let content = lines.clone().take_while(|(_, line)| !line.starts_with("-----"));
        let length = content.map(|(_, line)| line.len()).sum();
        let mut encoded = Zeroizing::new(String::with_capacity(length));
        loop {
            match lines.next() {
                Some((_, end)) if boundary(end, "-----END ") == Some(label) => break,
                Some((_, content)) if !content.starts_with("-----") => encoded.push_str(content),
                _ => return Err(PemDefect::Unended { line }),
            }
        }
        let content = STANDARD.decode_to_vec(encoded.as_bytes()).map_err(|_| PemDefect::Base64 { line })?;
        blocks.push(Block { label, content: Zeroizing::new(content) });
    }
    Ok(blocks)
}

fn boundary<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix("-----")
}

impl fmt::Display for PemDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base64 { line } => write!(f, "the block from line {line} is not base64"),
            Self::BlockCount { found } => write!(f, "{found} blocks of PEM instead of one"),
            Self::Label { expected } => write!(f, "not a block of PEM with the label {expected}"),
            Self::NotUtf8 => f.write_str("not UTF-8, so not PEM"),
            Self::Unended { line } => write!(f, "the block from line {line} does not end"),
        }
    }
}

impl core::error::Error for PemDefect {}

#[cfg(test)]
mod tests {
    use super::*;

    fn defect(text: &str) -> PemDefect {
        blocks(text.as_bytes()).err().unwrap()
    }

    #[test]
    fn text_around_blocks_is_not_read() {
        let text =
            "Subject: x -----BEGIN A-----\n-----BEGIN A B----- \r\nAAEC\r\nAw==\r\n-----END A B-----\nx";
        let found = blocks(text.as_bytes()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].label, found[0].content.as_slice()), ("A B", &[0, 1, 2, 3][..]));
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        assert_eq!(defect("-----BEGIN A-----\nAAEC\n"), PemDefect::Unended { line: 1 });
        assert_eq!(defect("\n-----BEGIN A-----\nAAEC\n-----END B-----\n"), PemDefect::Unended { line: 2 });
        let nested = "-----BEGIN A-----\nAAEC\n-----BEGIN A-----\nAAEC\n-----END A-----\n";
        assert_eq!(defect(nested), PemDefect::Unended { line: 1 });
        for content in ["AAE", "AAF=", "AA EC", "Proc-Type: 4,ENCRYPTED\n\nAAEC"] {
            let text = format!("-----BEGIN A-----\n{content}\n-----END A-----\n");
            assert_eq!(defect(&text), PemDefect::Base64 { line: 1 }, "{content}");
        }
        assert_eq!(blocks(b"\xff").err(), Some(PemDefect::NotUtf8));
    }
}
