use std::path::{Component, Path, PathBuf};

use super::error::{BundleError, refused};

/// Bytes of an entry's path.
const MAX_BYTES: usize = 1024;

/// Parts of an entry's path.
const MAX_PARTS: usize = 32;

/// Bytes of a part of it: file systems hold no longer names.
const MAX_PART_BYTES: usize = 255;

/// The path that an entry's name stands for: relative, downward only, with plain parts.
pub(super) fn relative_path(name: &str) -> Result<PathBuf, BundleError> {
    let rule = |rule| Err(refused(Some(name.to_owned()), rule));
    if name.is_empty() || name.len() > MAX_BYTES {
        return rule("a path of 1 to 1024 bytes");
    }
    if name.contains(['\0', '\\', char::REPLACEMENT_CHARACTER]) {
        return rule("a path without NUL and backslash, in UTF-8");
    }
    let parts: Vec<&str> = name.strip_suffix('/').unwrap_or(name).split('/').collect();
    if parts.len() > MAX_PARTS {
        return rule("a path of at most 32 parts");
    }
    if parts.iter().any(|part| part.len() > MAX_PART_BYTES) {
        return rule("parts of at most 255 bytes");
    }
    let plain = |part: &&str| matches!(Path::new(part).components().next(), Some(Component::Normal(_)));
    if !parts.iter().all(plain) {
        return rule("a relative path without . and .. and empty parts");
    }
    Ok(parts.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_paths() {
        let longest = "x".repeat(255);
        for name in [&longest, "app.py", "a/b/c", "folder/", "grüße.txt", "...", "a b"] {
            assert_eq!(relative_path(name).unwrap(), Path::new(name.trim_end_matches('/')));
        }
    }

    #[test]
    fn names_that_leave_the_folder_or_are_not_plain_are_refused() {
        let (long, deep, long_part) =
            (["x"; 5].map(|part| part.repeat(250)).join("/"), "x/".repeat(33), "x".repeat(256));
        for name in [
            "",
            "/",
            "/a",
            "..",
            "../a",
            "a/..",
            "a/../b",
            ".",
            "./a",
            "a/./b",
            "a//b",
            "a//",
            "a\\b",
            "a\0",
            "a\u{fffd}",
            &long,
            &deep,
            &long_part,
        ] {
            assert!(relative_path(name).is_err(), "{name:?}");
        }
    }
}
