"""Whatever a runtime's settings say is measured: our own, and those that differ in one thing."""

import tomllib
from pathlib import Path

import pytest

from pycape import images

OURS = Path(__file__, "../../../deploy/image/settings.toml").resolve().read_text()

ONE_ROOT = OURS[OURS.index("    # Amazon Root CA 1\n") : OURS.index("    # Amazon Root CA 2\n")]

# What is replaced in ours, and by what.
CHANGES = {
    "another mode": ('mode = "production"', 'mode = "development"'),
    "another vault backend": ('["aws-kms"]', '["aws-kms", "file"]'),
    "a layer that is not required": ('    "landlock",\n', ""),
    "a layer that is off": ("[isolation]\n", '[isolation]\ninsecure_off = ["landlock"]\n'),
    "a root that is altered": ("MIIDQTCCAimg", "MIIDQTCCAimh"),
    "a root fewer": (ONE_ROOT, ""),
    "another limit": ("[isolation]\n", "[limits]\nworkers = 1\n[isolation]\n"),
    "unsigned documents": ("mode =", "insecure_unsigned_documents = true\nmode ="),
}


@pytest.fixture
def pcrs(build, folder):
    """Return the registers of an image with settings, as a reader computes them of the file."""

    def pcrs(settings: str):
        (folder / "settings.toml").write_text(settings)
        return images.read(build().path).pcrs

    return pcrs


def test_each_setting_is_another_measurement_of_the_platform(pcrs):
    before = pcrs(OURS)
    seen = {before[0]}
    for change, (old, new) in CHANGES.items():
        changed = OURS.replace(old, new, 1)
        assert tomllib.loads(changed) != tomllib.loads(OURS), change
        after = pcrs(changed)
        assert after[0] not in seen, change
        assert after[1] != before[1], change
        assert after[2] == before[2], change
        seen.add(after[0])
    assert pcrs(OURS) == before
