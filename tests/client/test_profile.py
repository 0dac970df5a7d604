"""Profiles: files that people hand on. Spec: docs/spec/profile.md."""

import base64
import contextlib
import dataclasses
import tomllib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycape import attestation, errors, policy
from pycape._join import judge_birth
from pycape._profile import Profile

from .doubles import release

# Any structure in DER will do where no chain is judged.
ROOT = bytes.fromhex("3000")

PROFILE = Profile(
    name="local",
    url="http://127.0.0.1:8970",
    development=True,
    trust_roots=(ROOT,),
    birth=b"a birth document",
    python="3.11",
    platform="x86_64-manylinux_2_28",
    policy_toml=policy.Policy([release(name="of the profile")]).to_toml(),
)


def parse(text: str) -> Profile:
    return Profile.parse(text, "here")


def test_what_is_written_reads_the_same():
    assert parse(PROFILE.dump()) == parse(parse(PROFILE.dump()).dump())
    assert dataclasses.replace(parse(PROFILE.dump()), policy_toml="") == dataclasses.replace(
        PROFILE, policy_toml=""
    )


def test_releases_read_the_same():
    releases = [
        release(name='with "quotes", \\ and ü', not_after=date(2099, 1, 31)),
        release(3, pcrs={0: bytes(47) + b"\1", 1: b"\2" * 48, 2: b"\3" * 48}),
    ]
    text = policy.Policy(releases).to_toml()
    read = parse(dataclasses.replace(PROFILE, policy_toml=text).dump())
    assert policy.Policy.from_toml(read.policy_toml).releases == releases


def test_a_profile_without_a_vault_or_a_policy():
    plain = dataclasses.replace(
        PROFILE, development=False, trust_roots=(), birth=None, policy_toml=""
    )
    assert parse(plain.dump()) == plain
    assert plain.roots().digests == attestation.TrustRoots.aws().digests


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_any_text_reads_the_same(python, platform):
    profile = dataclasses.replace(PROFILE, python=python, platform=platform, policy_toml="")
    assert parse(profile.dump()) == profile


def changed(**changes) -> str:
    """Return a profile's text with values changed, by key; None leaves one out."""
    table = tomllib.loads(dataclasses.replace(PROFILE, policy_toml="").dump())
    del table["enclave"]
    values = {**table, "enclave": '{ python = "3.11", platform = "x" }', **changes}
    return "".join(f"{key} = {toml(value)}\n" for key, value in values.items() if value is not None)


def toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and not value.startswith(("{", "[", "=")):
        return f'"{value}"'
    return str(value).removeprefix("=")


def test_the_helper_of_the_refusals_below_changes_nothing_else():
    assert parse(changed()).birth == PROFILE.birth


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": None}, "'name' has to be text"),
        ({"name": "Local"}, "no profile's name"),
        ({"name": "../local"}, "no profile's name"),
        ({"url": None}, "'url' has to be text"),
        ({"url": "=5"}, "'url' has to be text"),
        ({"url": "http://cape.example"}, "not encrypted"),
        ({"url": "https://a:b@cape.example"}, "no user"),
        ({"development": None}, "'development' has to be true or false"),
        ({"development": "yes"}, "'development' has to be true or false"),
        ({"development": False}, "trust roots of its own"),
        ({"trust_roots": None}, "'trust_roots' has to be a list"),
        ({"trust_roots": "[]"}, "those need one"),
        ({"trust_roots": "[5]"}, "not base64"),
        ({"trust_roots": "['%']"}, "not base64"),
        ({"trust_roots": "['AAAA']"}, "not one certificate"),
        ({"birth": "=5"}, "'birth' has to be text"),
        ({"birth": "%"}, "not base64"),
        ({"birth": "ü"}, "not base64"),
        ({"enclave": None}, "'enclave' has to be a table"),
        ({"enclave": "x"}, "'enclave' has to be a table"),
        ({"enclave": "{ python = '3.11' }"}, "'platform' has to be text"),
        ({"enclave": "{ python = '3.11', platform = 'x', more = 1 }"}, "'more' is not known"),
        ({"release": "x"}, "'release' has to be tables"),
        ({"release": "[5]"}, "'release' has to be tables"),
        ({"release": "[{ name = 'no measurements' }]"}, "policy file"),
        ({"release": "[{ 'a key\\nwith = ' = 1 }]"}, "policy file"),
        ({"release": "[{ name = [[]] }]"}, "policy file"),
        ({"unknown": "x"}, "'unknown' is not known"),
    ],
)
def test_what_is_refused(changes, said):
    with pytest.raises(errors.ConfigError, match=said) as raised:
        parse(changed(**changes))
    assert "here" in str(raised.value) or "name" in said


@pytest.mark.parametrize(
    "text", ["", "=", "[" * 5, "a=" + "[" * 100_000, "a = " + "9" * 5000], ids=range(5)
)
def test_text_that_is_no_profile(text):
    with pytest.raises(errors.ConfigError, match="here"):
        parse(text)


@given(st.text())
def test_any_text_is_a_profile_or_a_config_error(text):
    with contextlib.suppress(errors.ConfigError):
        parse(text)


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "profile.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.ConfigError, match=r"profile\.toml"):
        Profile.load(path)


def test_a_folder_in_the_place_of_a_file(tmp_path):
    with pytest.raises(errors.ConfigError, match="cannot be read"):
        Profile.load(tmp_path)


def test_a_saved_profile_is_for_everybody_to_read(tmp_path):
    path = tmp_path / "profiles" / "local.toml"
    PROFILE.save(path)
    assert Profile.load(path).name == "local"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in path.parent.iterdir()] == ["local.toml"]


# Judging before joining


@pytest.mark.parametrize("changes", [{"birth": None}, {"policy_toml": ""}])
def test_a_profile_that_nothing_vouches_for(changes):
    with pytest.raises(errors.ConfigError):
        judge_birth(dataclasses.replace(PROFILE, **changes))


def test_a_birth_document_that_is_none():
    with pytest.raises(errors.DocumentMalformed):
        judge_birth(PROFILE)


def test_a_birth_document_of_another_root():
    """A real document, in a profile whose own root never signed it."""
    documents = Path(__file__).parents[3] / "shared" / "nitro-docs"
    document = next(iter(sorted(documents.glob("*.cbor"))), None)
    if document is None:
        pytest.skip("real attestation documents: ../shared/nitro-docs is not there")
    birth = base64.b64encode(document.read_bytes()).decode()
    text = changed(birth=birth) + PROFILE.policy_toml
    with pytest.raises(errors.AttestationError):
        judge_birth(parse(text))
