//! `policy.toml`: what is read is written so that it is read the same.

use cape_core::attest::Policy;

pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(policy) = Policy::from_toml(text) {
        assert_eq!(Policy::from_toml(&policy.to_toml()), Ok(policy));
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let (pcr, vault) = ("ab".repeat(48), "cd".repeat(32));
    let one = format!("[[release]]\nname = \"one\"\npcr0 = \"{pcr}\"\nvault = \"{vault}\"\n");
    let two = format!("{one}not_after = 2027-01-31\n[[release]]\nname = \"two\"\npcr31 = \"{pcr}\"\n");
    let three = format!("{one}pcr4 = '{pcr}'\nnot_after = 2027-01-31T12:00:00Z\n");
    [one, two, three].map(String::into_bytes).to_vec()
}
