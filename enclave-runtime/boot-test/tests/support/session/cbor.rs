//! CBOR as the protocol has it: maps whose keys are small integers, in their order.

use ciborium::Value;

pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

pub(crate) fn decode(bytes: &[u8]) -> Value {
    ciborium::from_reader(bytes).unwrap()
}

pub(crate) fn map(entries: Vec<(u8, Value)>) -> Value {
    assert!(entries.is_sorted_by_key(|(key, _)| *key));
    Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// The value of a key, whether a number or a text.
pub(crate) fn find(map: &Value, key: impl Into<Value>) -> Option<&Value> {
    let key = key.into();
    map.as_map().unwrap().iter().find(|(found, _)| *found == key).map(|(_, value)| value)
}

pub(crate) fn bytes(map: &Value, key: impl Into<Value>) -> Vec<u8> {
    find(map, key).unwrap().as_bytes().unwrap().clone()
}

pub(crate) fn uint(map: &Value, key: impl Into<Value>) -> u64 {
    find(map, key).unwrap().as_integer().unwrap().try_into().unwrap()
}
