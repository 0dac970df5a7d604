use aws_lc_rs::digest::{SHA384, digest};
use cape_nsm::messages::Digest;
use cape_nsm::{Error, Nsm};

use crate::support::{Document, MEASUREMENTS, module};

fn sha384(parts: &[&[u8]]) -> Vec<u8> {
    digest(&SHA384, &parts.concat()).as_ref().to_vec()
}

#[test]
fn the_first_sixteen_are_locked_at_boot() {
    let (nsm, _) = module();
    for index in 0..32 {
        assert_eq!(nsm.describe_pcr(index).unwrap().lock, index < 16, "{index}");
    }
    assert_eq!(nsm.describe().unwrap().locked_pcrs, (0..16).collect());
}

#[test]
fn at_boot_they_hold_the_measurements_and_the_instance() {
    let (nsm, _) = module();
    let value = |index| nsm.describe_pcr(index).unwrap().data.into_array();
    assert_eq!(value(0), MEASUREMENTS.pcr0);
    assert_eq!(value(1), MEASUREMENTS.pcr1);
    assert_eq!(value(2), MEASUREMENTS.pcr2);

    let module_id = nsm.describe().unwrap().module_id;
    let (instance, _) = module_id.split_once("-enc").unwrap();
    assert_eq!(value(4).as_slice(), sha384(&[&[0; 48], instance.as_bytes()]));

    for index in (0..32).filter(|index| ![0, 1, 2, 4].contains(index)) {
        assert_eq!(value(index), [0; 48], "{index}");
    }
}

#[test]
fn a_register_of_the_application_is_extended_by_hashing() {
    let (nsm, _) = module();
    let first = nsm.extend_pcr(16, b"one").unwrap();
    assert_eq!(first.as_slice(), sha384(&[&[0; 48], b"one"]));
    let second = nsm.extend_pcr(16, b"two").unwrap();
    assert_eq!(second.as_slice(), sha384(&[&first, b"two"]));
    assert_eq!(nsm.describe_pcr(16).unwrap().data.into_array(), second);
    assert_eq!(nsm.describe_pcr(17).unwrap().data.into_array(), [0; 48]);
}

#[test]
fn a_locked_register_stays_as_it_is() {
    let (nsm, _) = module();
    for index in 0..16 {
        assert_eq!(nsm.extend_pcr(index, b"data"), Err(Error::ReadOnlyIndex));
        assert_eq!(nsm.lock_pcr(index), Err(Error::ReadOnlyIndex));
    }
    assert_eq!(nsm.describe_pcr(0).unwrap().data.into_array(), MEASUREMENTS.pcr0);

    nsm.lock_pcr(31).unwrap();
    assert_eq!(nsm.extend_pcr(31, b"data"), Err(Error::ReadOnlyIndex));
    assert!(nsm.describe_pcr(31).unwrap().lock);
    assert!(!nsm.describe_pcr(30).unwrap().lock);
}

#[test]
fn a_range_is_locked_up_to_its_end() {
    let (nsm, _) = module();
    nsm.lock_pcrs(0).unwrap();
    nsm.lock_pcrs(18).unwrap();
    assert_eq!(nsm.describe().unwrap().locked_pcrs, (0..18).collect());
    nsm.lock_pcrs(32).unwrap();
    nsm.lock_pcrs(32).unwrap();
    assert_eq!(nsm.describe().unwrap().locked_pcrs, (0..32).collect());
}

#[test]
fn there_are_thirty_two() {
    let (nsm, _) = module();
    for index in [32, 33, u16::MAX] {
        assert_eq!(nsm.describe_pcr(index), Err(Error::InvalidIndex));
        assert_eq!(nsm.extend_pcr(index, b"data"), Err(Error::InvalidIndex));
        assert_eq!(nsm.lock_pcr(index), Err(Error::InvalidIndex));
    }
    assert_eq!(nsm.lock_pcrs(33), Err(Error::InvalidIndex));
    assert_eq!(nsm.describe().unwrap().locked_pcrs, (0..16).collect());
}

#[test]
fn the_module_describes_itself_as_the_real_one_does() {
    let (nsm, _) = module();
    let description = nsm.describe().unwrap();
    assert_eq!((description.version_major, description.version_minor, description.version_patch), (1, 0, 0));
    assert_eq!(description.max_pcrs, 32);
    assert_eq!(description.digest, Digest::Sha384);
}

#[test]
fn a_document_shows_the_locked_ones_only() {
    let (nsm, _) = module();
    let extended = nsm.extend_pcr(16, b"data").unwrap();
    let before = Document::of(&nsm).pcrs();
    assert_eq!(before.keys().copied().collect::<Vec<u8>>(), (0..16).collect::<Vec<u8>>());
    assert_eq!(before[&0], MEASUREMENTS.pcr0);

    nsm.lock_pcr(16).unwrap();
    let after = Document::of(&nsm).pcrs();
    assert_eq!(after.len(), 17);
    assert_eq!(after[&16], extended);
}

#[test]
fn two_modules_share_nothing() {
    let ((one, _), (other, _)) = (module(), module());
    one.extend_pcr(20, b"data").unwrap();
    assert_eq!(other.describe_pcr(20).unwrap().data.into_array(), [0; 48]);
    assert_ne!(one.describe().unwrap().module_id, other.describe().unwrap().module_id);
}
