//! `kms-double KEY`: KMS for tests in other languages, its certificate of the authority of `kms-root`.

use std::io;

fn main() -> io::Result<()> {
    cape_kms_double::run_program()
}
