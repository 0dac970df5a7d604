use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs, io};

use base64_simd::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::{
    ACCESS_KEY_ID, ENDPOINT, InsecureSigner, KEY_ARN, Kms, Manner, REGION, ROLE, Root, SECRET_ACCESS_KEY,
};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Command {
    Trust(Vec<String>),
    Policy(Value),
    Manner(Manner),
    InsecureSignRefused {},
    InsecureSign(String),
}

/// The server as a program. Its argument, if it has one, is the file of the key of its certificate's authority
/// ([`Root::to_pem`]). Standard input has one object of JSON a line, and is answered line by line; with its end the
/// program ends:
///
/// - `{"trust": [base64 of DER, ...]}`: the roots of documents
/// - `{"policy": {...}}`: the policy of its keys
/// - `{"manner": "good"}`: how it behaves, a [`Manner`] in kebab-case
/// - `{"insecure-sign-refused": {}}`: from now on it has documents that it refuses signed by its `insecure_root`, which
///   it trusts, and judges what comes of it, as strictly
/// - `{"insecure-sign": base64}`: what comes of a document, which is `signed` in the answer
///
/// It begins with a line that says how it is reached, and answers each of these with the number of requests since it
/// was last told how to behave: `{"requests": 0}`.
///
/// # Errors
///
/// When there is no port or no file, or a line is none of these.
///
/// # Panics
///
/// When the file has no key, a policy's root is none, or what it has to sign is no document.
pub fn run_program() -> io::Result<()> {
    let root = env::args_os().nth(1).map(PathBuf::from).map(fs::read_to_string).transpose()?;
    let root = root.map_or_else(Root::generate, |key| Root::from_pem(&key));
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(root))
}

async fn serve(root: Root) -> io::Result<()> {
    let kms = Kms::start_below(root).await?;
    let signer = Arc::new(InsecureSigner::new());
    let credentials = json!({"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY});
    println!(
        "{}",
        json!({
            "port": kms.port(), "root": kms.root(), "region": REGION, "endpoint": ENDPOINT, "key": KEY_ARN,
            "role": ROLE, "credentials": credentials, "insecure_root": STANDARD.encode_to_string(&signer.root),
        })
    );
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let mut answer = json!({});
        match serde_json::from_str(&line)? {
            Command::Trust(roots) => kms.trust(roots.iter().map(decoded).collect::<io::Result<_>>()?),
            Command::Policy(policy) => kms.set_policy(policy),
            Command::Manner(manner) => kms.behave(manner),
            Command::InsecureSignRefused {} => {
                let signer = Arc::clone(&signer);
                kms.trust(vec![signer.root.clone()]);
                kms.insecure_sign_refused_documents(move |document| signer.sign(document));
            }
            Command::InsecureSign(document) => {
                answer["signed"] = STANDARD.encode_to_string(signer.sign(&decoded(&document)?)).into();
            }
        }
        answer["requests"] = kms.requests().into();
        println!("{answer}");
    }
    Ok(())
}

fn decoded(text: &String) -> io::Result<Vec<u8>> {
    STANDARD.decode_to_vec(text).map_err(io::Error::other)
}
