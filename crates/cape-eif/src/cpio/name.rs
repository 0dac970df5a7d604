use core::fmt;

use super::TRAILER;

/// The longest name, as the kernel takes it (`PATH_MAX` without the NUL).
pub(super) const MAX_NAME_BYTES: usize = 4095;

/// Why a text is not the name of an entry: a path from the root of the enclave's files, without a
/// slash at either end, that says where it is without going up or round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameDefect {
    /// It begins with a slash.
    Absolute,
    /// A part of it is empty, `.` or `..`.
    Component,
    /// It is empty.
    Empty,
    /// It has a NUL.
    Nul,
    /// It is not UTF-8.
    NotUtf8,
    /// It has more than 4095 bytes.
    TooLong,
    /// It is the one that ends an archive.
    Trailer,
}

pub(super) fn check(name: &str) -> Result<(), NameDefect> {
    if name.is_empty() {
        return Err(NameDefect::Empty);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(NameDefect::TooLong);
    }
    if name.contains('\0') {
        return Err(NameDefect::Nul);
    }
    if name.starts_with('/') {
        return Err(NameDefect::Absolute);
    }
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(NameDefect::Component);
    }
    if name == TRAILER {
        return Err(NameDefect::Trailer);
    }
    Ok(())
}

impl fmt::Display for NameDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absolute => "it begins with a slash",
            Self::Component => "a part of it is empty, . or ..",
            Self::Empty => "it is empty",
            Self::Nul => "it has a NUL",
            Self::NotUtf8 => "it is not UTF-8",
            Self::TooLong => "it has more than 4095 bytes",
            Self::Trailer => "an archive ends with it",
        })
    }
}

impl core::error::Error for NameDefect {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_where_they_are_and_nothing_else() {
        for name in ["a", "a/b", "..a", "a./b..", "dir/TRAILER!!!", &"a".repeat(4095)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for (name, defect) in [
            ("", NameDefect::Empty),
            ("/", NameDefect::Absolute),
            ("/a", NameDefect::Absolute),
            ("a/", NameDefect::Component),
            ("a//b", NameDefect::Component),
            (".", NameDefect::Component),
            ("./a", NameDefect::Component),
            ("a/..", NameDefect::Component),
            ("../a", NameDefect::Component),
            ("a\0", NameDefect::Nul),
            ("TRAILER!!!", NameDefect::Trailer),
            (&"a".repeat(4096), NameDefect::TooLong),
        ] {
            assert_eq!(check(name), Err(defect), "{name}");
        }
    }
}
