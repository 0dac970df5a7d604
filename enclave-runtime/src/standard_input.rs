//! Standard input as a leash: whoever started the runtime holds the other end.

use std::os::fd::AsFd;

use rustix::fs::{FileType, Stat, fstat, stat};
use serde::Deserialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};

/// Bytes of a line that are looked at together.
const MAX_LINE: u64 = 64 * 1024;

/// Resolves when standard input has ended, or asks for the end in a line. Who gave the runtime
/// /dev/null, as systemd does, holds no end of it that could be let go.
pub(crate) async fn asks_for_the_end() {
    if is_null(std::io::stdin()) {
        return std::future::pending().await;
    }
    read_to_the_end(BufReader::new(tokio::io::stdin())).await;
}

/// What is no such line is passed over: what it means is for others to say.
async fn read_to_the_end(mut input: impl AsyncBufRead + Unpin) {
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut input).take(MAX_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) if is_request(&line) => return,
            Ok(_) => {}
        }
    }
}

/// The line `{"stop": true}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    stop: bool,
}

fn is_request(line: &[u8]) -> bool {
    serde_json::from_slice(line).is_ok_and(|request: Request| request.stop)
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

    #[tokio::test]
    async fn a_line_asks_for_the_end_and_others_do_not() {
        for (input, left) in [
            (&b"{\"stop\": true}\nmore"[..], &b"more"[..]),
            (
                b"\n{\"stop\":false}\nstop\n{\"stop\":true,\"when\":1}\n\xff\n {\"stop\" : true} \nmore",
                b"more",
            ),
            (b"{\"stop\": true}", b""),
            (b"nothing of the kind", b""),
            (b"", b""),
        ] {
            let mut input = input;
            read_to_the_end(&mut input).await;
            assert_eq!(input, left);
        }
    }

    #[tokio::test]
    async fn an_endless_line_takes_no_more_memory_than_a_long_one() {
        let line = vec![b' '; 10 * MAX_LINE as usize];
        let mut input = &line[..];
        read_to_the_end(&mut input).await;
        assert!(input.is_empty());
    }

    #[test]
    fn null_is_told_from_other_files_and_devices() {
        assert!(is_null(File::open("/dev/null").unwrap()));
        assert!(!is_null(File::open("/dev/zero").unwrap()));
        assert!(!is_null(tempfile::tempfile().unwrap()));
        assert!(!is_null(std::io::pipe().unwrap().0));
    }
}
