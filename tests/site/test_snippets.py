"""Every block of code on a page is run by a test, or is listed here with the reason."""

import json
import re

import pytest
from pages import ROOT, blocks, examples
from test_guide import GUIDE
from test_readme import README

from pycape import policy
from pycape._profile import Profile
from pycape.errors import ConfigError
from pycape.local.enclave_program import EnclaveProgram
from pycape.local.kms import Credentials, KmsKey

VECTORS = ROOT / "tests" / "vectors" / "attestation"

# Run, block by block, by test_guide.py and test_readme.py.
RUN = {README, *GUIDE}

# Blocks in these languages are no code: shapes of bytes, formulae, what is shown.
NO_CODE = {"", "text"}

NOT_RUN = {
    ("docs/operate/aws.md", "sh"): "typed by tests/host/test_aws_page.py, but for the last",
    ("docs/operate/aws.md", "fstab"): "a mount, read by tests/host/test_pages.py",
    ("docs/operate/aws.md", "nginx"): "the settings of a proxy",
    ("docs/operate/hosts.md", "sh"): "makes a host's token, as tests/host/test_pages.py does",
    ("docs/operate/hosts.md", "toml"): "an agent's settings, read by tests/host/test_pages.py",
    ("docs/operate/kernel.md", "sh"): "builds a kernel, as `make image-test` does",
    ("docs/operate/keys.md", "sh"): "asks AWS; tests/e2e/test_kms.py asks a KMS of the tests",
    ("docs/operate/keys.md", "toml"): "a part of settings, which tests/e2e/test_kms.py has whole",
    (
        "docs/operate/images.md",
        "sh",
    ): "typed by tests/images/test_page_of_images.py",
    ("docs/operate/images.md", "toml"): "a recipe, read there",
    ("docs/operate/running.md", "sh"): "installs services as root; what it installs is "
    "run by tests/e2e/test_units.py",
    ("docs/operate/running.md", "toml"): "settings, read below",
    ("docs/operate/logs.md", "json"): "a line of a log",
    ("docs/operate/logs.md", "sh"): "reads a host's journal",
    ("docs/reference/command-line.md", "sh"): "examples of `--help`, looked at by test_help.py",
    ("docs/spec/attestation.md", "toml"): "a policy, read below",
    ("docs/spec/profile.md", "toml"): "a profile, read below",
    ("docs/spec/vault.md", "json"): "how KMS is asked, read below",
}


def name_of(page):
    return str(page.relative_to(ROOT))


def test_no_page_has_code_that_nobody_runs():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    code = {
        (name_of(page), language)
        for page in pages
        if page not in RUN
        for language, _ in examples(page)
        if language not in NO_CODE
    }
    assert code == set(NOT_RUN)


def test_what_is_no_code_has_no_commands():
    for page in (ROOT / "docs").rglob("*.md"):
        for language, block in examples(page):
            assert language not in NO_CODE or "$ " not in block, name_of(page)


def takes(settings, folder):
    """Whether a runtime starts with them: it makes a vault, for which it reads all of them."""
    (folder / "settings.toml").write_text(settings)
    program = EnclaveProgram.find()
    program.create_nsm(folder / "nsm")
    program.create_vault(folder / "vault.key", folder / "nsm", folder / "settings.toml")


def test_the_settings_of_a_host_are_taken(tmp_path):
    [settings] = blocks(ROOT / "docs/operate/running.md", "toml")
    (tmp_path / "other").mkdir()
    takes(settings, tmp_path)
    with pytest.raises(ConfigError, match="unknown field"):
        takes(f"of_no_page = 1\n{settings}", tmp_path / "other")


def filled_in(block):
    """A file of a page, with digits where it has `...`."""
    block = re.sub(r'^(pcr\d) = "\.\.\."', rf'\1 = "{"ab" * 48}"', block, flags=re.MULTILINE)
    return block.replace('vault = "..."', f'vault = "{"cd" * 32}"')


def test_the_policy_file_is_one():
    [file] = blocks(ROOT / "docs/spec/attestation.md", "toml")
    [release] = policy.parse(filled_in(file), "a page").releases
    assert (release.name, sorted(release.pcrs)) == ("runtime 4.0.0", [0, 1, 2])


def test_the_profile_is_one():
    [file] = blocks(ROOT / "docs/spec/profile.md", "toml")
    vector = json.loads(next(VECTORS.glob("*.json")).read_text("utf-8"))
    file = file.replace("base64 of DER", vector["trust_root"])
    file = file.replace("base64 of a document", vector["document"])
    assert Profile.parse(filled_in(file), "a page").name == "local"


def test_the_access_to_kms_is_one():
    [file] = blocks(ROOT / "docs/spec/vault.md", "json")
    access = json.loads(file)
    key = KmsKey.of(access["key_id"])
    assert (access["region"], access["endpoint"]) == (key.region, key.endpoint)
    assert access.keys() == {*KmsKey.__struct_fields__, "credentials"}
    assert access["credentials"].keys() == {*Credentials.__struct_fields__}
