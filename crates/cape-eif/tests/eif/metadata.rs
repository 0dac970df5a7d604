use std::io::Cursor;

use cape_eif::{Error, ImageWriter, WriteError};
use serde_json::json;

use crate::support::{description, read, tiny, with_crc, written};

#[test]
fn fields_of_others_are_written_and_read() {
    let mut more = description();
    more.metadata.other.insert("License".to_owned(), json!("MIT"));
    more.metadata.build_metadata.other.insert("Host".to_owned(), json!({"a": [1, null]}));
    let image = written(more.clone(), b"kernel", &[b"init"], None);
    assert_eq!(read(&image).unwrap().metadata(), &more.metadata);
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let write = |description| ImageWriter::new(Cursor::new(Vec::new()), description, &b"kernel"[..]).err();
    let mut twice = description();
    twice.metadata.other.insert("ImageName".to_owned(), json!("another"));
    assert!(matches!(write(twice), Some(WriteError::Metadata(_))));
    let mut large = description();
    large.metadata.custom_metadata = json!("x".repeat(1 << 20));
    assert!(matches!(write(large), Some(WriteError::MetadataTooLarge { actual }) if actual > 1 << 20));
}

#[test]
fn metadata_that_are_no_json_are_refused() {
    let mut image = tiny();
    let metadata = read(&image).unwrap().sections()[2];
    image[usize::try_from(metadata.offset).unwrap()] = b'[';
    assert!(matches!(read(&with_crc(image)), Err(Error::Metadata(defect)) if defect.line == 1));
}
