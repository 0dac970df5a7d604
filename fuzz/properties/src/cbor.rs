//! The strict reader of CBOR: what it accepts, another library reads as the same value, and the
//! deterministic form has one encoding.

use cape_core::encoding::cbor::{Error, Form, Key, Reader, Writer};
use serde_cbor::Value;

use crate::vectors;

pub(crate) fn check(input: &[u8]) {
    for form in [Form::Attestation, Form::Deterministic] {
        let mut reader = Reader::new(input, form);
        let Ok(value) = read_item(input, &mut reader).and_then(|value| reader.finish().map(|()| value))
        else {
            continue;
        };
        let mut reader = Reader::new(input, form);
        assert_eq!(reader.skip().and_then(|()| reader.finish()), Ok(()), "what is read can be skipped");
        assert_eq!(serde_cbor::from_slice::<Value>(input).ok().as_ref(), Some(&value), "a second opinion");
        if form == Form::Deterministic {
            let mut writer = Writer::new();
            write_item(&value, &mut writer);
            assert_eq!(writer.into_bytes(), input, "the deterministic form has one encoding");
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let hello = vectors::cheap_handshake().bytes("server_hello");
    vec![
        hello,
        b"\xa2\x01\x82\xf5\xf6\x20\x43abc".to_vec(),
        b"\xbf\x61a\x9f\x1a\x00\x01\x00\x00\xff\xff".to_vec(),
    ]
}

fn read_item<'a>(input: &'a [u8], reader: &mut Reader<'a>) -> Result<Value, Error> {
    Ok(match input.get(reader.offset()).map(|initial| initial >> 5) {
        Some(0) => Value::Integer(reader.uint()?.into()),
        Some(1) => Value::Integer(reader.int()?.into()),
        Some(2) => Value::Bytes(reader.bytes()?.to_vec()),
        Some(3) => Value::Text(reader.text()?.to_owned()),
        Some(4) => {
            let (mut items, mut array) = (Vec::new(), reader.array()?);
            while array.has_next(reader)? {
                items.push(read_item(input, reader)?);
            }
            Value::Array(items)
        }
        Some(5) => {
            let (mut entries, mut map) = (Vec::new(), reader.map()?);
            while let Some(key) = map.next_key(reader)? {
                let key = match key {
                    Key::Uint(key) => Value::Integer(key.into()),
                    Key::Negative(key) => Value::Integer(key.into()),
                    Key::Text(key) => Value::Text(key.to_owned()),
                };
                entries.push((key, read_item(input, reader)?));
            }
            let (length, map) = (entries.len(), Value::Map(entries.into_iter().collect()));
            assert!(matches!(&map, Value::Map(map) if map.len() == length), "keys are unique");
            map
        }
        _ if input.get(reader.offset()) == Some(&0xf6) => {
            reader.bytes_or_null()?;
            Value::Null
        }
        _ => Value::Bool(reader.bool()?),
    })
}

fn write_item(value: &Value, writer: &mut Writer) {
    match value {
        Value::Null => _ = writer.null(),
        Value::Bool(value) => _ = writer.bool(*value),
        Value::Integer(value) => match u64::try_from(*value) {
            Ok(value) => _ = writer.uint(value),
            Err(_) => _ = writer.int(i64::try_from(*value).expect("an integer of 64 bits")),
        },
        Value::Bytes(value) => _ = writer.bytes(value),
        Value::Text(value) => _ = writer.text(value),
        Value::Array(items) => {
            writer.array(items.len());
            items.iter().for_each(|item| write_item(item, writer));
        }
        Value::Map(entries) => {
            // serde_cbor sorts shorter keys first, the deterministic form by their bytes.
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| (encoded(key), value)).collect();
            entries.sort_by(|left, right| left.0.cmp(&right.0));
            writer.map(entries.len());
            for (key, value) in entries {
                write_item(value, writer.raw(&key));
            }
        }
        other => panic!("{other:?} is never read"),
    }
}

fn encoded(item: &Value) -> Vec<u8> {
    let mut writer = Writer::new();
    write_item(item, &mut writer);
    writer.into_bytes()
}
