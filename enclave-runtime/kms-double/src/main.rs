//! The server as a program, for tests in other languages.

use std::io;

fn main() -> io::Result<()> {
    cape_kms_double::run_program()
}
