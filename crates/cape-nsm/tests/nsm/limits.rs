use cape_nsm::messages::{REQUEST_MAX, RESPONSE_MAX, Request, Response};
use cape_nsm::{AttestationFields, Error, Nsm};
use serde_bytes::ByteBuf;

use crate::support::{Document, module};

#[test]
fn a_request_has_at_most_4096_bytes() {
    let (nsm, _) = module();
    let request = |length| {
        let request = Request::ExtendPcr { index: 16, data: vec![7; length] };
        serde_cbor::to_vec(&request).unwrap()
    };
    let around = request(4000).len() - 4000;
    let largest = request(REQUEST_MAX - around);
    assert_eq!(largest.len(), REQUEST_MAX);
    let response: Response = serde_cbor::from_slice(&nsm.exchange(&largest).unwrap()).unwrap();
    assert!(matches!(response, Response::ExtendPcr { .. }));

    assert_eq!(nsm.exchange(&request(REQUEST_MAX - around + 1)), Err(Error::InputTooLarge));
    assert_eq!(nsm.extend_pcr(16, &[7; REQUEST_MAX]), Err(Error::InputTooLarge));
}

#[test]
fn each_field_of_a_document_has_its_limit() {
    let (nsm, _) = module();
    let bytes = [7; 1025];
    let user_data = |length| AttestationFields { user_data: Some(&bytes[..length]), ..Default::default() };
    let nonce = |length| AttestationFields { nonce: Some(&bytes[..length]), ..Default::default() };
    let public_key = |length| AttestationFields { public_key: Some(&bytes[..length]), ..Default::default() };
    for fields in [user_data(512), nonce(512), public_key(1024)] {
        assert!(nsm.attest(fields).is_ok(), "{fields:?}");
    }
    for fields in [user_data(513), nonce(513), public_key(1025)] {
        assert_eq!(nsm.attest(fields), Err(Error::InputTooLarge), "{fields:?}");
    }
}

#[test]
fn a_field_of_no_bytes_is_not_null() {
    let (nsm, _) = module();
    let fields = AttestationFields { user_data: Some(b""), ..Default::default() };
    let document = Document::read(&nsm.attest(fields).unwrap());
    assert_eq!(document.bytes("user_data"), Some(Vec::new()));
    assert_eq!(document.bytes("nonce"), None);
}

#[test]
fn the_largest_document_fits_into_the_response() {
    let (nsm, _) = module();
    nsm.lock_pcrs(32).unwrap();
    let request = Request::Attestation {
        user_data: Some(ByteBuf::from(vec![7; 512])),
        nonce: Some(ByteBuf::from(vec![7; 512])),
        public_key: Some(ByteBuf::from(vec![7; 1024])),
    };
    let response = nsm.exchange(&serde_cbor::to_vec(&request).unwrap()).unwrap();
    assert!(matches!(serde_cbor::from_slice(&response), Ok(Response::Attestation { .. })));
    assert!(response.len() <= RESPONSE_MAX, "{}", response.len());
}

#[test]
fn random_bytes_come_by_256_and_never_twice() {
    let (nsm, _) = module();
    let one = nsm.random().unwrap();
    let other = nsm.random().unwrap();
    assert_eq!((one.len(), other.len()), (256, 256));
    assert_ne!(one, other);
}

#[test]
fn what_is_no_request_is_no_operation() {
    let (nsm, _) = module();
    for request in [
        &b""[..],
        b"\xff",
        b"\x6cDescribeSelf",
        b"\xa1\x6bDescribePCR\xa0",
        b"\xa1\x6bDescribePCR\xa1\x65index\x20", // -1
        b"\x6bDescribeNSM\x00",
    ] {
        let response: Response = serde_cbor::from_slice(&nsm.exchange(request).unwrap()).unwrap();
        assert_eq!(response, Response::Error(Error::InvalidOperation), "{request:?}");
    }
}
