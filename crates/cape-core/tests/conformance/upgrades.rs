//! The query of the upgrade.

use cape_core::session::{Query, QueryError, Suite};
use getrandom::SysRng;
use rand_core::UnwrapErr;

use crate::files::{Vector, read};

#[test]
fn each_is_answered_as_it_says() {
    for vector in read("upgrade", 33) {
        let verdict = choose(&vector);
        let refused = verdict.as_ref().err().map(|error| error.code().name());
        assert_eq!(refused, vector.error(), "{}: {verdict:?}", vector.name);
        if let Ok(suite) = verdict {
            assert_eq!(u64::from(suite.id()), vector.number("suite"), "{}", vector.name);
        }
    }
}

fn choose(vector: &Vector) -> Result<Suite, QueryError> {
    let query = Query::parse(vector.text("query"))?;
    let numbers = vector.value("suites").as_array().unwrap().iter();
    let supported: Vec<_> = numbers.map(|id| Suite::from_id(id.as_u64().unwrap() as u8).unwrap()).collect();
    let handshake = cape_core::session::ServerHandshake::new(&query, &supported, &mut UnwrapErr(SysRng))?;
    Ok(handshake.suite())
}
