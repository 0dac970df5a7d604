//! What a document must not get away with, one defect a test: documents are forged with everything
//! else in order, chain and signature included, so that it is the rule in question that refuses them.

#![allow(clippy::result_large_err, reason = "a test returns it a few times")]

mod certificates;
mod chain;
mod chain_cache;
mod changed_bits;
mod document;
mod form;
mod never_panics;
mod nitro_documents;
mod prior_mistakes;
mod published_vectors;
mod purpose;
mod reasons;
mod releases;
mod second_opinion;
mod structural_mutations;
mod times;
mod verifier;
mod x509;
