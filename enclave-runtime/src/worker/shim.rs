//! The Python half of a worker: one module, compiled into this binary, so that it is measured with it.
//!
//! It lies in a file so that the interpreter finds it byte-compiled, as it does the standard library:
//! to compile it anew was a third of what the start of a worker took. Before it is compiled, and when
//! it cannot be, its source is what runs.

use std::fs;
use std::io;
use std::path::Path;

const SOURCE: &str = include_str!("../../shim/shim.py");

/// The module's name: none that a function could have.
const MODULE: &str = "_cape_worker";

/// Writes it to a new folder.
pub(crate) fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    fs::write(folder.join(format!("{MODULE}.py")), SOURCE)
}

/// What the interpreter runs, whose first argument is the folder; the function does not find it there.
pub(super) fn command() -> String {
    format!(
        "import sys\nsys.path.insert(0, sys.argv.pop(1))\nimport {MODULE}\ndel sys.path[0]\n{MODULE}.main()"
    )
}
