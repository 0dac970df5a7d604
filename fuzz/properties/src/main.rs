//! Writes the seeds of every target into a folder, for `cargo fuzz`: `cape-properties FOLDER`.

use std::path::PathBuf;
use std::{env, fs, io};

use cape_properties::TARGETS;

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("the folder to write to is missing"));
    };
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
