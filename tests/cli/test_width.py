"""What commands print for people fits a terminal of 80 columns."""

from .test_schemas import LINES, prepared, words_of

__all__ = ["prepared"]

# Results that programs take as they are, in one line or in lines of their own.
TAKEN = {
    "completion",
    "config-export",
    "encrypt",
    "get-pcrs",
    "image-policy",
    "keys-generate",
    "keys-show",
    "token-create",
    "vault-policy",
}


def test_what_is_told_fits(cape, prepared):
    for name, line in LINES.items():
        outcome = cape.ok(*words_of(line, prepared))
        told = outcome.stderr + ("" if name in TAKEN else outcome.text)
        for each in told.splitlines():
            assert len(each) <= 80 or "/" in each, (name, "but for paths", each)
