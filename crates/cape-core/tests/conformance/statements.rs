//! Statements that are read, and requests that are judged.

use cape_core::UnixTime;
use cape_core::identity::{
    AccountId, EpochRecord, Error, Manifest, NameClaim, OwnerProof, Request, RevocationList, Signed,
    Statement, Token,
};
use serde_json::json;

use crate::files::{Vector, read};

#[test]
fn each_is_read_as_it_says() {
    for vector in read("statements", 280) {
        let verdict = match vector.text("type") {
            "cape-epoch+jws" => account_of::<EpochRecord>(&vector),
            "cape-manifest+jws" => manifest(&vector),
            "cape-name+jws" => account_of::<NameClaim>(&vector),
            "cape-owner+jws" => account_of::<OwnerProof>(&vector),
            "cape-request+jws" => request(&vector),
            "cape-revocations+jws" => account_of::<RevocationList>(&vector),
            "cape-token+jwt" => account_of::<Token>(&vector),
            other => panic!("{other}"),
        };
        let refused = verdict.as_ref().err().map(|error| error.code().name());
        assert_eq!(refused, vector.error(), "{}: {verdict:?}", vector.name);
        if let Ok(account) = verdict {
            assert_eq!(account.to_string(), vector.text("account"), "{}", vector.name);
        }
    }
}

fn account_of<T: Statement>(vector: &Vector) -> Result<AccountId, Error> {
    Signed::<T>::read(vector.text("statement")).map(|statement| statement.account())
}

fn manifest(vector: &Vector) -> Result<AccountId, Error> {
    let manifest = Signed::<Manifest>::read(vector.text("statement"))?;
    assert_eq!(manifest.checksum().to_string(), vector.text("checksum"));
    assert_eq!(manifest.function_id().to_string(), vector.text("function_id"));
    let epochs = manifest.epochs();
    assert_eq!(json!([epochs.start(), epochs.end()]), *vector.value("epochs"));
    Ok(manifest.account)
}

fn request(vector: &Vector) -> Result<AccountId, Error> {
    let request = Signed::<Request>::read(vector.text("statement"))?;
    let now = UnixTime::from_millis(vector.number("now_ms"));
    request.verify(vector.text("method"), vector.text("path"), now)?;
    Ok(request.account)
}
