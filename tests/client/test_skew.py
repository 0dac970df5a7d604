"""What is said of this machine's clock where a fresh document is refused for a time."""

import pytest
from tests.attestation.vectors.chain import NOW_MS
from tests.attestation.vectors.document import document

from pycape import errors
from pycape._skew import hint_of_skew


@pytest.mark.parametrize("kind", [errors.CertificateExpired, errors.DocumentTooOld])
@pytest.mark.parametrize(("seconds", "said"), [(240, "240 s ahead of"), (-4, "4 s behind")])
def test_how_far_the_clock_is_off_is_told(kind, seconds, said):
    hint = hint_of_skew(kind("x"), document(), NOW_MS + seconds * 1000)
    assert f"this machine's clock is {said} the time" in hint
    assert "claims" in hint, "nothing has proved it"


@pytest.mark.parametrize(
    ("error", "shown", "now"),
    [
        (errors.NonceMismatch("x"), document(), NOW_MS + 240_000),
        (errors.DocumentTooOld("x"), None, NOW_MS + 240_000),
        (errors.DocumentTooOld("x"), b"garbage", NOW_MS + 240_000),
        (errors.CertificateExpired("x"), document(), NOW_MS + 400),
    ],
)
def test_where_the_clock_explains_nothing_it_is_not_told_of(error, shown, now):
    assert hint_of_skew(error, shown, now) is None
