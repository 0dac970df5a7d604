//! The query of the upgrade: what is read is written so that it is read the same.

use cape_core::session::Query;

use crate::random::Scripted;
use crate::vectors;

pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(query) = Query::parse(text) {
        assert_eq!(Query::parse(&query.to_string()), Ok(query));
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let query = |handshake: vectors::Handshake| {
        cape_core::session::ClientHandshake::new(handshake.offer(), &mut Scripted::new(Vec::new())).query()
    };
    vectors::handshakes().into_iter().map(|handshake| query(handshake).into_bytes()).collect()
}
