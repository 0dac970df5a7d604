"""The envelopes of `tests/vectors/envelope/`, each with one defect, through the public API."""

import base64
import json
from pathlib import Path

import pytest

from pycape import envelope, errors
from pycape.keys import PrivateKey

VECTORS = sorted((Path(__file__).parents[1] / "vectors" / "envelope").glob("*.json"))


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_it_is_refused_with_its_class(path: Path) -> None:
    vector = json.loads(path.read_text())
    key = PrivateKey.from_text(vector["private_key"])
    text = vector["text"]
    forms = [text.encode()]
    if "text_only" not in vector:
        encoded = text.removeprefix("cape:2:")
        forms.append(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    for sealed in forms:
        # Whoever holds the key himself opens without use rules.
        if "plaintext" in vector or "enforces_use_rules" in vector:
            plaintext = vector.get("plaintext", b"secret".hex())
            assert envelope.open(sealed, key) == bytes.fromhex(plaintext)
        else:
            with pytest.raises(errors.CapeError) as refused:
                envelope.open(sealed, key)
            assert type(refused.value).__name__ == vector["error"]


def test_they_are_all_there() -> None:
    assert len(VECTORS) == 59
