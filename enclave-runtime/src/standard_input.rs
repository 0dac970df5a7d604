//! Standard input as a leash: whoever started the runtime holds the other end.

use std::os::fd::AsFd;

use rustix::fs::{FileType, Stat, fstat, stat};
use tokio::io::AsyncReadExt;

/// Resolves when standard input has ended. Who gave the runtime /dev/null, as systemd does, holds no
/// end of it that could be let go.
pub(crate) async fn ended() {
    if is_null(std::io::stdin()) {
        return std::future::pending().await;
    }
    let mut buffer = [0; 64];
    let mut input = tokio::io::stdin();
    while matches!(input.read(&mut buffer).await, Ok(1..)) {}
}

fn is_null(file: impl AsFd) -> bool {
    let is_device = |status: &Stat| FileType::from_raw_mode(status.st_mode) == FileType::CharacterDevice;
    match (fstat(file), stat("/dev/null")) {
        (Ok(file), Ok(null)) => is_device(&file) && file.st_rdev == null.st_rdev,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn null_is_told_from_other_files_and_devices() {
        assert!(is_null(File::open("/dev/null").unwrap()));
        assert!(!is_null(File::open("/dev/zero").unwrap()));
        assert!(!is_null(tempfile::tempfile().unwrap()));
        assert!(!is_null(std::io::pipe().unwrap().0));
    }
}
