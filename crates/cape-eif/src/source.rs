use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// As much as is held at a time of what may be large.
const PIECE_BYTES: usize = 128 * 1024;

/// Bytes in their order, each of them once, and where they are.
pub(crate) struct Source<R> {
    input: BufReader<R>,
    offset: u64,
}

/// Why bytes that belong there were not read.
pub(crate) enum Stop {
    Io(io::Error),
    /// There are none behind this offset.
    Truncated {
        offset: u64,
    },
}

impl<R: Read> Source<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(PIECE_BYTES, input), offset: 0 }
    }

    /// How many bytes were read.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Hands the next `size` bytes on, in pieces.
    pub(crate) fn pieces(&mut self, size: u64, mut take: impl FnMut(&[u8])) -> Result<(), Stop> {
        let mut left = size;
        while left > 0 {
            let piece = match self.input.fill_buf() {
                Ok([]) => return Err(Stop::Truncated { offset: self.offset }),
                Ok(buffered) => buffered,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Stop::Io(error)),
            };
            let wanted = usize::try_from(left).unwrap_or(usize::MAX);
            let piece = piece.get(..wanted).unwrap_or(piece);
            take(piece);
            let length = piece.len();
            self.input.consume(length);
            self.offset += length_as_u64(length);
            left -= length_as_u64(length);
        }
        Ok(())
    }

    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let mut bytes = [0; N];
        let mut places = bytes.iter_mut();
        self.pieces(length_as_u64(N), |piece| {
            piece.iter().zip(&mut places).for_each(|(byte, place)| *place = *byte);
        })?;
        Ok(bytes)
    }

    /// Whether nothing is left to be read.
    pub(crate) fn is_at_end(&mut self) -> Result<bool, Stop> {
        loop {
            match self.input.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result.map(<[u8]>::is_empty).map_err(Stop::Io),
            }
        }
    }
}

/// A length in memory as one in a file: `usize` has at most 64 bits wherever this runs.
pub(crate) fn length_as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
