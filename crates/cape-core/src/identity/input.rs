use super::{Manifest, Signed, Vault};
use crate::UnixTime;
use crate::crypto::Kem;
use crate::envelope::{self, Error, Header, PrivateKey};

impl Vault {
    /// The plaintext of a ciphertext that is a function's input. Only keys of the account whose
    /// function it is open it, and only within the ciphertext's own use rules; a failure is an error,
    /// never the ciphertext itself (`docs/spec/trust.md`, encryption keys).
    pub fn open_input(
        &self,
        function: &Signed<Manifest>,
        ciphertext: &[u8],
        now: UnixTime,
    ) -> Result<Vec<u8>, Error> {
        // It carries neither account nor rules, so its form does not matter.
        if envelope::is_version_one(ciphertext) {
            return Err(Error::UnsupportedVersion { version: 1 });
        }
        let keys = self.input_keys(function, &envelope::inspect(ciphertext)?)?;
        let keys: Vec<_> = keys.iter().collect();
        let checksum = function.checksum();
        let opened = envelope::open_text_with(ciphertext, &keys, |context| {
            context.use_rules()?.check(checksum.as_bytes(), now)
        });
        Ok(opened?.plaintext)
    }

    /// The account's keys that the header's stanzas may be for: of each kind, the first epoch that a
    /// stanza names, or all of the function's epochs when a stanza names nobody.
    pub fn input_keys(&self, function: &Signed<Manifest>, header: &Header) -> Result<Vec<PrivateKey>, Error> {
        let mut keys = Vec::new();
        for kem in [Kem::XWing, Kem::X25519] {
            let ids: Vec<_> = header
                .stanzas
                .iter()
                .filter(|stanza| stanza.key_type == kem.id())
                .map(|stanza| stanza.key_id)
                .collect();
            let anonymous = ids.iter().any(|id| id.is_anonymous());
            for epoch in function.epochs().filter(|_| !ids.is_empty()) {
                let key = PrivateKey::from_kem(self.account_key(kem, function.account, epoch))?;
                let named = ids.contains(&key.public_key().key_id());
                if named || anonymous {
                    keys.push(key);
                }
                if named {
                    break;
                }
            }
        }
        Ok(keys)
    }
}
