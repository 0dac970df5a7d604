//! What a receipt must not get away with, one defect a test: receipts are forged with everything else
//! in order, document and signature included, so that it is the rule in question that refuses them.

#[path = "../attest_rules/chain.rs"]
#[allow(dead_code, reason = "the forge of documents has more than receipts need")]
mod chain;
#[path = "../attest_rules/document.rs"]
#[allow(dead_code, reason = "the forge of documents has more than receipts need")]
mod document;
#[path = "../attest_rules/x509.rs"]
#[allow(dead_code, reason = "the forge of documents has more than receipts need")]
mod x509;

mod claims;
mod file;
mod forge;
mod form;
mod genuine;
mod never_panics;
mod signing;
mod vectors;
