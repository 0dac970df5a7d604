import pytest


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("to a.b+c@mail.example.org.", "to [EMAIL]."),
        ("GB82 WEST 1234 5698 7654 32", "[IBAN]"),
        ("FR1420041010050500013M02606", "[IBAN]"),
        ("GB82 WEST 1234 5698 7654 33", "GB82 WEST 1234 5698 7654 33"),
        ("4111-1111-1111-1111", "[CARD]"),
        ("378282246310005", "[CARD]"),
        ("4111-1111-1111-1112", "4111-1111-1111-1112"),
        ("at 192.0.2.17, 2001:db8::1 and ::1.", "at [IP], [IP] and [IP]."),
        ("from http://192.0.2.17:8080/", "from http://[IP]:8080/"),
        ("4111 1111 1111 1111 12/27", "4111 1111 1111 1111 12/27"),
        ("version 1.2.3, 999.1.1.1, 12:30:00", "version 1.2.3, 999.1.1.1, 12:30:00"),
        ("+44 20 7946 0958 or (030) 1234567", "[PHONE] or ([PHONE]"),
        ("on 2026-11-27, order 12345", "on 2026-11-27, order 12345"),
        ("", ""),
    ],
)
def test_a_detail_is_redacted(run, text, redacted):
    assert run(text.encode()).decode() == redacted


def test_no_text_keeps_a_pattern_busy(connection):
    """One that went back and forth would not come to an end in the function's time."""
    for piece in (b"a", b"1 ", b"a.b@c.", b"AB12 ", b"1:"):
        text = piece * ((4 << 20) // len(piece))
        assert len(connection.invoke(text)) <= len(text)


def test_what_is_no_text_is_refused(refusal):
    assert refusal(b"\xff") == "ValueError: the text is not UTF-8, from byte 0 on"
    assert "at most are redacted" in refusal(b" " * ((4 << 20) + 1))
