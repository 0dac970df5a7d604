//! `kms-root KEY`: draws the authority that tests take KMS's certificate from. Its key is kept in a file, for the
//! server of these tests; its certificate is printed, for the settings of an image.

use std::error::Error;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use cape_kms_double::Root;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("kms-root KEY")?;
    let root = Root::generate();
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(root.to_pem().as_bytes())?;
    print!("{}", root.certificate());
    Ok(())
}
