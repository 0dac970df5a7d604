//! What errors tell of a text that a stranger wrote: little, and nothing that a terminal acts on.

/// Its first characters, for an error that quotes it as `Debug` does.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

/// The beginning of a message that quotes it as it is: what is not printed is escaped.
pub(crate) fn printable(message: &str) -> String {
    let mut printable = String::new();
    for character in message.chars().take(200) {
        match character {
            '"' | '\'' | '\\' => printable.push(character),
            _ => printable.extend(character.escape_debug()),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        assert_eq!(printable("a \"\\\u{1b}[2Jé\u{202e}"), "a \"\\\\u{1b}[2Jé\\u{202e}");
    }

    #[test]
    fn it_is_short() {
        assert_eq!(excerpt(&"é".repeat(1000)), "é".repeat(64));
        assert_eq!(printable(&"é".repeat(1000)), "é".repeat(200));
    }
}
