//! A platform for tests: the real binary with a simulated security module, a blob store in this
//! process, and clients over the real protocol. All of it ends with the test.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of this")]

mod blob_store;
mod client;
mod eventually;
mod function;
mod kms;
mod platform;

pub(crate) use blob_store::{BlobStore, Ill};
pub(crate) use client::{Answer, Client, Failed, Greeted, run_request, upgrade};
pub(crate) use eventually::eventually;
pub(crate) use function::{Function, Settings, account, now};
pub(crate) use kms::{KmsPlatform, KmsVault, Version};
pub(crate) use platform::{Platform, Runtime, gone, storage_folders};
