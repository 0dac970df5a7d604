//! PEM (RFC 7468) that leaves no copy of a key behind: each place that holds one has its size from the
//! start, and is wiped.

use base64_simd::STANDARD;
use zeroize::Zeroizing;

/// Characters of base64 in a line (RFC 7468, section 2).
const LINE: usize = 64;

/// One object of a file, DER.
pub(super) struct Block {
    pub(super) label: Label,
    pub(super) contents: Zeroizing<Vec<u8>>,
}

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Certificate,
    PrivateKey,
}

impl Block {
    pub(super) fn new(label: Label, contents: &[u8]) -> Self {
        Self { label, contents: Zeroizing::new(contents.to_vec()) }
    }
}

impl Label {
    fn begin(self) -> &'static str {
        match self {
            Self::Certificate => "-----BEGIN CERTIFICATE-----",
            Self::PrivateKey => "-----BEGIN PRIVATE KEY-----",
        }
    }

    fn end(self) -> &'static str {
        match self {
            Self::Certificate => "-----END CERTIFICATE-----",
            Self::PrivateKey => "-----END PRIVATE KEY-----",
        }
    }

    fn of(begin: &str) -> Option<Self> {
        [Self::Certificate, Self::PrivateKey].into_iter().find(|label| label.begin() == begin)
    }
}

pub(super) fn encode(blocks: &[Block]) -> Zeroizing<String> {
    let encoded: Vec<_> =
        blocks.iter().map(|block| Zeroizing::new(STANDARD.encode_to_string(&*block.contents))).collect();
    let lines = || {
        blocks.iter().zip(&encoded).flat_map(|(block, encoded)| {
            let (begin, end) = (block.label.begin(), block.label.end());
            [begin].into_iter().chain(lines_of(encoded)).chain([end])
        })
    };
    let mut text = Zeroizing::new(String::with_capacity(lines().map(|line| line.len() + 1).sum()));
    for line in lines() {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The blocks of a text that is nothing else; lines may end with CR LF too, and be empty between blocks.
/// The error says what is wrong, without any of it.
pub(super) fn decode(text: &str) -> Result<Vec<Block>, &'static str> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(begin) = lines.find(|line| !line.is_empty()) {
        let label = Label::of(begin).ok_or("neither a certificate nor a private key")?;
        let mut contents = Zeroizing::new(Vec::with_capacity(text.len()));
        loop {
            match lines.next().ok_or("a block without an end")? {
                line if line == label.end() => break,
                line => contents.extend_from_slice(line.as_bytes()),
            }
        }
        let length = STANDARD.decode_inplace(&mut contents).map_err(|_| "a block that is no base64")?.len();
        contents.truncate(length);
        blocks.push(Block { label, contents });
    }
    Ok(blocks)
}

/// Base64 is ASCII, so it can be cut anywhere.
fn lines_of(encoded: &str) -> impl Iterator<Item = &str> {
    (0..encoded.len()).step_by(LINE).filter_map(|start| encoded.get(start..encoded.len().min(start + LINE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(sizes: &[usize]) -> Vec<Block> {
        let labels = [Label::Certificate, Label::PrivateKey].into_iter().cycle();
        labels.zip(sizes).map(|(label, size)| Block::new(label, &vec![7; *size])).collect()
    }

    fn parts(blocks: &[Block]) -> Vec<(Label, &[u8])> {
        blocks.iter().map(|block| (block.label, block.contents.as_slice())).collect()
    }

    #[test]
    fn what_is_written_is_read_here_and_by_others() {
        let blocks = written(&[1, 47, 48, 49, 96, 500]);
        let text = encode(&blocks);
        assert!(text.lines().all(|line| line.len() <= 64));
        assert_eq!(parts(&decode(&text).unwrap()), parts(&blocks));
        let others = ::pem::parse_many(text.as_bytes()).unwrap();
        for (other, block) in others.iter().zip(&blocks) {
            assert_eq!(other.contents(), *block.contents);
            assert_eq!(format!("-----BEGIN {}-----", other.tag()), block.label.begin());
        }
        assert_eq!(others.len(), blocks.len());
    }

    #[test]
    fn what_earlier_releases_wrote_is_read() {
        let blocks = written(&[400, 185]);
        let theirs = ["CERTIFICATE", "PRIVATE KEY"];
        let theirs: Vec<_> =
            theirs.iter().zip(&blocks).map(|(tag, block)| ::pem::Pem::new(tag, &**block.contents)).collect();
        let text = ::pem::encode_many(&theirs);
        assert!(text.contains("\r\n\r\n"));
        assert_eq!(parts(&decode(&text).unwrap()), parts(&blocks));
    }

    #[test]
    fn what_is_no_such_text_is_refused() {
        let text = encode(&written(&[100, 100]));
        for damaged in [
            "hello".to_owned(),
            text.replace("PRIVATE KEY", "EC PRIVATE KEY"),
            text.replace("END CERTIFICATE", "END PRIVATE KEY"),
            text.replace("-----END PRIVATE KEY-----", ""),
            text.replace("Bwc", "B.c"),
            text.replacen('=', "", 1),
            format!("{}{}", *text, "more"),
        ] {
            assert_ne!(damaged, *text);
            assert!(decode(&damaged).is_err(), "{damaged}");
        }
        assert!(decode("").unwrap().is_empty());
    }
}
