use std::fs;
use std::path::PathBuf;

use cape_core::encoding::hex;
use serde_json::Value;

/// One file: its name, and what it says.
pub(crate) struct Vector {
    pub(crate) name: String,
    fields: Value,
}

/// All files of a folder, which has to have that many.
pub(crate) fn read(folder: &str, count: usize) -> Vec<Vector> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../tests/vectors", folder].iter().collect();
    let paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(paths.len(), count);
    let read = |path: PathBuf| Vector {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        fields: serde_json::from_slice(&fs::read(path).unwrap()).unwrap(),
    };
    paths.into_iter().map(read).collect()
}

impl Vector {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.optional_text(field).unwrap_or_else(|| panic!("{} has no text {field}", self.name))
    }

    pub(crate) fn optional_text(&self, field: &str) -> Option<&str> {
        self.fields[field].as_str()
    }

    pub(crate) fn number(&self, field: &str) -> u64 {
        self.fields[field].as_u64().unwrap_or_else(|| panic!("{} has no number {field}", self.name))
    }

    pub(crate) fn value(&self, field: &str) -> &Value {
        &self.fields[field]
    }

    /// The class that has to be answered, if the input is not to be accepted.
    pub(crate) fn error(&self) -> Option<&str> {
        assert!(self.fields.get("error").is_some(), "{} has no verdict", self.name);
        self.optional_text("error")
    }
}

pub(crate) fn octets<const N: usize>(digits: &Value) -> [u8; N] {
    hex::decode_array(digits.as_str().unwrap()).unwrap()
}
