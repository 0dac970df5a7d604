//! The server as a program, for tests in other languages. Standard input has one object of JSON a line, and is answered
//! line by line; with its end the program ends:
//!
//! - `{"trust": [base64 of DER, ...]}`: the roots of documents
//! - `{"policy": {...}}`: the policy of its keys
//! - `{"manner": "good"}`: how it behaves, a [`Manner`] in kebab-case
//!
//! It begins with a line that says how it is reached, and answers each of these with the number of requests since it
//! was last told how to behave: `{"requests": 0}`.

use std::io;

use base64_simd::STANDARD;
use cape_kms_double::{ACCESS_KEY_ID, ENDPOINT, KEY_ARN, Kms, Manner, REGION, ROLE, SECRET_ACCESS_KEY};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Command {
    Trust(Vec<String>),
    Policy(Value),
    Manner(Manner),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let kms = Kms::start().await?;
    let credentials = json!({"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY});
    println!(
        "{}",
        json!({
            "port": kms.port(), "root": kms.root(), "region": REGION, "endpoint": ENDPOINT, "key": KEY_ARN,
            "role": ROLE, "credentials": credentials,
        })
    );
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match serde_json::from_str(&line)? {
            Command::Trust(roots) => kms.trust(roots.iter().map(decoded).collect::<io::Result<_>>()?),
            Command::Policy(policy) => kms.set_policy(policy),
            Command::Manner(manner) => kms.behave(manner),
        }
        println!("{}", json!({"requests": kms.requests()}));
    }
    Ok(())
}

fn decoded(text: &String) -> io::Result<Vec<u8>> {
    STANDARD.decode_to_vec(text).map_err(io::Error::other)
}
