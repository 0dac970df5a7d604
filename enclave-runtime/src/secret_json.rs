//! JSON that may have secrets in it.

/// What is wrong with it, in words that have nothing of it: a credential may stand where none belongs.
pub(crate) fn defect(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let quotes = ["invalid ", "unknown "].iter().any(|first| words.starts_with(first));
    match words.split_once(['"', '`']) {
        Some((before, _)) if quotes => {
            format!("{} at line {} column {}", before.trim_end(), error.line(), error.column())
        }
        _ => words,
    }
}
