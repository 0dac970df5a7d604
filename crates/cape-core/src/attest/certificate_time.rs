//! Times of certificates (RFC 5280, 4.1.2.5): one form for each year, always to the second and UTC.

use super::der_defect::DerDefect;
use crate::UnixTime;
use crate::der::{GENERALIZED_TIME, Reader, UTC_TIME};

/// The time that comes next in `reader`: UTCTime for the years 1970 to 2049 (earlier ones are not
/// needed and not read), GeneralizedTime from 2050 on.
pub(super) fn read_time(reader: &mut Reader<'_>) -> Result<UnixTime, DerDefect> {
    const WRONG: DerDefect = DerDefect::Time;
    let element = reader.element()?;
    let digits = core::str::from_utf8(element.content).map_err(|_| WRONG)?;
    let text = match element.tag {
        UTC_TIME if ("50".."70").contains(&digits) => return Err(WRONG),
        UTC_TIME if digits >= "70" => format!("19{digits}"),
        UTC_TIME => format!("20{digits}"),
        GENERALIZED_TIME if digits >= "2050" => digits.to_owned(),
        _ => return Err(WRONG),
    };
    parse_digits(&text).ok_or(WRONG)
}

/// Reads `YYYYMMDDHHMMSSZ`.
fn parse_digits(text: &str) -> Option<UnixTime> {
    let [date @ .., b'Z'] = text.as_bytes().first_chunk::<15>()? else { return None };
    if text.len() != 15 || !date.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (year, rest) = text.split_at_checked(4)?;
    let (month, rest) = rest.split_at_checked(2)?;
    let (day, rest) = rest.split_at_checked(2)?;
    let (hour, rest) = rest.split_at_checked(2)?;
    let (minute, second) = rest.split_at_checked(2)?;
    UnixTime::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: u8, text: &str) -> Result<String, DerDefect> {
        let bytes = [&[tag, text.len() as u8], text.as_bytes()].concat();
        read_time(&mut Reader::new(&bytes)).map(|time| time.to_string())
    }

    #[test]
    fn each_year_has_one_form() {
        assert_eq!(read(UTC_TIME, "700101000000Z").unwrap(), "1970-01-01T00:00:00Z");
        assert_eq!(read(UTC_TIME, "251225131534Z").unwrap(), "2025-12-25T13:15:34Z");
        assert_eq!(read(UTC_TIME, "491028142805Z").unwrap(), "2049-10-28T14:28:05Z");
        assert_eq!(read(GENERALIZED_TIME, "20500101000000Z").unwrap(), "2050-01-01T00:00:00Z");
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "2512251315Z",
            "251225131534",
            "251225131534+",
            "251225131534+0000",
            "251225131534.5Z",
            "251325131534Z",
            "250229131534Z",
            "251225131560Z",
            "2512251315 4Z",
            "690101000000Z",
            "20251225131534Z",
        ] {
            assert!(read(UTC_TIME, text).is_err(), "{text}");
        }
        for text in ["20491231235959Z", "205001010000Z", "20500101000000.0Z", "20500101000000", "5001010000Z"]
        {
            assert!(read(GENERALIZED_TIME, text).is_err(), "{text}");
        }
        assert!(read(0x13, "251225131534Z").is_err());
    }
}
