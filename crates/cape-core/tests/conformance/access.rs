//! Who may run.

use cape_core::UnixTime;
use cape_core::identity::{
    Caller, Credential, Error, Manifest, OwnerSession, Records, RevocationList, RevocationNumbers, Signed,
    authorize,
};

use crate::files::{Vector, read};

#[test]
fn each_is_judged_as_it_says() {
    for vector in read("access", 43) {
        let verdict = judge(&vector);
        let refused = verdict.as_ref().err().map(|error| error.code().name());
        assert_eq!(refused, vector.error(), "{}: {verdict:?}", vector.name);
        let caller = verdict.ok().map(|caller| match caller {
            Caller::Owner(_) => "owner",
            Caller::Bearer(_) => "bearer",
        });
        assert_eq!(caller, vector.optional_text("caller"), "{}", vector.name);
    }
}

fn judge(vector: &Vector) -> Result<Caller, Error> {
    let function = Signed::<Manifest>::read(vector.text("manifest")).unwrap();
    let session: OwnerSession = vector.text("owner_session").parse().unwrap();
    let texts = vector.value("records").as_array().unwrap();
    let records = Records::read(texts.iter().map(|text| text.as_str().unwrap()))?;
    let credential = Credential::read(vector.optional_text("token"), vector.optional_text("owner_proof"))?;
    let now = UnixTime::from_millis(vector.number("now_ms"));
    authorize(&function, &credential, &records, &session, &seen(vector), now)
}

/// The enclave's memory after it has seen the list with `highest_number`, if there is one.
fn seen(vector: &Vector) -> RevocationNumbers {
    let numbers = RevocationNumbers::default();
    if let Some(list) = vector.optional_text("seen") {
        numbers.admit(&Signed::<RevocationList>::read(list).unwrap()).unwrap();
    }
    numbers
}
