//! Machines under QEMU: what their security module measures, what vsock carries, and what runs in
//! them. `make image-test` builds what they are made of and runs this.

#[path = "../support/mod.rs"]
mod support;

mod bytecode;
mod cuts;
mod enclave;
mod escapes;
mod functions;
mod kernel;
mod kms;
mod machine;
mod oci;
mod start;
mod supervision;

use std::future::Future;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Machines are emulated, by two threads each.
    arguments.test_threads = arguments.test_threads.or(Some(2));
    let trials = [
        machine::trials(),
        kernel::trials(),
        enclave::trials(),
        start::trials(),
        cuts::trials(),
        supervision::trials(),
        bytecode::trials(),
        functions::trials(),
        oci::trials(),
        kms::trials(),
        escapes::trials(),
    ];
    let trials = trials.into_iter().flatten().collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test of a future.
fn trial<F: Future<Output = ()> + 'static>(name: &str, test: impl FnOnce() -> F + Send + 'static) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(test());
        Ok(())
    })
}
