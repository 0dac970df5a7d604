//! Verification of ECDSA signatures, P-384 with SHA-384, over a message of so many bytes.

use crate::Work;

/// AWS-LC's.
pub(crate) fn aws_lc(size: usize) -> Work {
    use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1, UnparsedPublicKey};

    let Signed { message, public_key, signature } = Signed::new(size);
    Box::new(move || {
        let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, &public_key);
        key.verify(&message, &signature).expect("it was just signed");
    })
}

/// ring's.
pub(crate) fn ring(size: usize) -> Work {
    use ring::signature::{ECDSA_P384_SHA384_ASN1, UnparsedPublicKey};

    let Signed { message, public_key, signature } = Signed::new(size);
    Box::new(move || {
        let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, &public_key);
        key.verify(&message, &signature).expect("it was just signed");
    })
}

struct Signed {
    message: Vec<u8>,
    public_key: Vec<u8>,
    signature: Vec<u8>,
}

impl Signed {
    fn new(size: usize) -> Self {
        use aws_lc_rs::rand::SystemRandom;
        use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

        let pair =
            EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).expect("the system has randomness");
        let message = vec![0x5a; size];
        let signature = pair.sign(&SystemRandom::new(), &message).expect("the system has randomness");
        Self {
            message,
            public_key: pair.public_key().as_ref().to_vec(),
            signature: signature.as_ref().to_vec(),
        }
    }
}
