use std::sync::{Arc, Mutex, PoisonError};

use cape_core::crypto::constant_time_eq;
use cape_core::identity::{Credential, Error};

/// Remembers the credential that a connection showed last: most show the same one in every call,
/// and its signature is most of what a small call costs. What it is good for is judged each time.
#[derive(Default)]
pub(crate) struct Credentials(Mutex<Option<Remembered>>);

struct Remembered {
    token: Option<String>,
    owner_proof: Option<String>,
    credential: Arc<Credential>,
}

impl Credentials {
    /// The credential that a call brings, whose signature holds.
    pub(super) fn read(
        &self,
        token: Option<&str>,
        owner_proof: Option<&str>,
    ) -> Result<Arc<Credential>, Error> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*last
            && is_same(known.token.as_deref(), token)
            && is_same(known.owner_proof.as_deref(), owner_proof)
        {
            return Ok(Arc::clone(&known.credential));
        }
        let credential = Arc::new(Credential::read(token, owner_proof)?);
        *last = Some(Remembered {
            token: token.map(str::to_owned),
            owner_proof: owner_proof.map(str::to_owned),
            credential: Arc::clone(&credential),
        });
        Ok(credential)
    }
}

fn is_same(known: Option<&str>, shown: Option<&str>) -> bool {
    match (known, shown) {
        (Some(known), Some(shown)) => constant_time_eq(known.as_bytes(), shown.as_bytes()),
        (known, shown) => known.is_none() && shown.is_none(),
    }
}
