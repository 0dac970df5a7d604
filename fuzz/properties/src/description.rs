//! The runtime's description, whose hash an attestation vouches for.

use cape_core::session::{IsolationLayer, Mode, RuntimeDescription, RuntimeLimits};

pub(crate) fn check(input: &[u8]) {
    if let Ok(description) = RuntimeDescription::decode(input) {
        // A newer runtime's further keys are not kept.
        assert_eq!(RuntimeDescription::decode(&description.encode()), Ok(description));
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    vec![example().encode()]
}

pub(crate) fn example() -> RuntimeDescription {
    RuntimeDescription {
        version: "4.0.0".to_owned(),
        mode: Mode::Development,
        python: "3.11".to_owned(),
        platform: "x86_64-manylinux_2_28".to_owned(),
        isolation: vec![IsolationLayer {
            name: "seccomp".to_owned(),
            required: false,
            off_because: Some("not there".to_owned()),
        }],
        vault_backends: vec!["file".to_owned()],
        limits: RuntimeLimits { calls: 8, run_bytes: 1 << 26, deploy_bytes: 1 << 30, handshakes: 50 },
    }
}
