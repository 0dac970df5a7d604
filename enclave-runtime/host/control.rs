//! What the agent tells the data path while it runs: lines of JSON on standard input,
//! `{"enclave": 0, "sessions": ADDRESS or null, "operate": ADDRESS or null}`.

use std::fmt;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use crate::address::NoAddress;
use crate::enclaves::{Enclaves, Route};

/// Bytes of one line.
const MAX_LINE: u64 = 4096;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    enclave: usize,
    sessions: Option<String>,
    operate: Option<String>,
}

/// Does what it is told until there is nothing more; an error for what is no such line.
pub(crate) async fn follow(input: impl AsyncRead + Unpin, enclaves: &Enclaves) -> Result<(), String> {
    let mut input = BufReader::new(input);
    loop {
        let mut text = Vec::new();
        let read = (&mut input).take(MAX_LINE).read_until(b'\n', &mut text).await;
        match read {
            Ok(0) => return Ok(()),
            Ok(_) => lead(&text, enclaves)?,
            Err(error) => return Err(format!("standard input: {error}")),
        }
    }
}

fn lead(text: &[u8], enclaves: &Enclaves) -> Result<(), String> {
    let wrong = |error: &dyn fmt::Display| format!("no line of the agent's: {error}");
    let Line { enclave, sessions, operate } = serde_json::from_slice(text).map_err(|error| wrong(&error))?;
    let address = |text: Option<String>| text.map(|text| text.parse()).transpose();
    let route = Route {
        sessions: address(sessions).map_err(|error: NoAddress| wrong(&error))?,
        operate: address(operate).map_err(|error: NoAddress| wrong(&error))?,
    };
    if enclaves.lead(enclave, route) { Ok(()) } else { Err(format!("there is no enclave {enclave}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(lines: &str) -> (Result<(), String>, usize) {
        let enclaves = Enclaves::new(2);
        (follow(lines.as_bytes(), &enclaves).await, enclaves.serving())
    }

    #[tokio::test]
    async fn enclaves_come_and_go() {
        let line = r#"{"enclave": 1, "sessions": "vsock:16:7000", "operate": "vsock:16:7001"}"#;
        assert_eq!(told("").await, (Ok(()), 0));
        assert_eq!(told(&format!("{line}\n")).await, (Ok(()), 1));
        let drained = r#"{"enclave": 1, "operate": "vsock:16:7001"}"#;
        assert_eq!(told(&format!("{line}\n{drained}\n")).await, (Ok(()), 0));
    }

    #[tokio::test]
    async fn what_is_no_line_is_an_error() {
        let long = format!("{}{}", " ".repeat(5000), r#"{"enclave": 0}"#);
        for wrong in [
            "\n",
            "{}",
            r#"{"enclave": 2}"#,
            r#"{"enclave": -1}"#,
            r#"{"enclave": 0, "more": 1}"#,
            r#"{"enclave": 0, "sessions": "somewhere"}"#,
            &long,
        ] {
            assert!(told(wrong).await.0.is_err(), "{wrong}");
        }
    }
}
