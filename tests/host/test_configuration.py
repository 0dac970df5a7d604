"""What a host is told, and what is refused of it."""

import tomllib

import msgspec
import pytest
from tests.host.hosts import toml

from pycape.errors import ConfigError
from pycape.host.configuration import Configuration, load
from pycape.host.reports import read_token

NITRO = {
    "name": "one.example",
    "launcher": "nitro-cli",
    "url": "wss://one.example/v2/session",
    "vault": "ab" * 32,
    "image": {"file": "cape.eif", "memory_mib": 4096},
}
PROCESS = {
    **{key: value for key, value in NITRO.items() if key != "image"},
    "launcher": "process",
    "process": {"settings": "s", "nsm": "n", "vault_key": "v"},
}
KMS = {"region": "r", "endpoint": "kms.example", "key_id": "k", "wrapped_file": "w"}


def loaded(folder, told) -> Configuration:
    path = folder / "host.toml"
    path.write_text(toml(told))
    return load(path)


def test_what_is_left_out_has_its_default(tmp_path):
    found = loaded(tmp_path, NITRO)
    assert (found.enclaves, found.image.cpus, found.image.first_cid) == (1, 2, 16)
    assert (found.listen.sessions, found.listen.enclaves, found.listen.operate) == (
        8971,
        9464,
        9470,
    )
    assert (found.limits.connections, found.limits.idle_s) == (4096, 7200)
    assert found.nitro_cli.insecure_debug is False
    assert loaded(tmp_path, PROCESS).process.python is None


WRONG = {
    "name": ({"name": "One"}, "$.name"),
    "no name": ({"name": None}, "`name`"),
    "launcher": ({"launcher": "docker"}, "$.launcher"),
    "unknown": ({"more": 1}, "unknown field `more`"),
    "unknown in a section": ({"image": {**NITRO["image"], "disk": 1}}, "unknown field `disk`"),
    "too many": ({"enclaves": 5}, "$.enclaves"),
    "none": ({"enclaves": 0}, "$.enclaves"),
    "another type": ({"enclaves": "2"}, "$.enclaves"),
    "not encrypted": ({"url": "ws://one.example/v2/session"}, "is not encrypted"),
    "not encrypted reports": (
        {"control_plane": {"urls": ["http://one.example"], "token_file": "t"}},
        "is not encrypted",
    ),
    "no control plane": (
        {"control_plane": {"urls": [], "token_file": "t"}},
        "$.control_plane.urls",
    ),
    "vault": ({"vault": "AB" * 32}, "$.vault"),
    "a long folder": ({"run_dir": "/run/" + "x" * 90}, "$.run_dir"),
    "port": ({"listen": {"sessions": 65536}}, "$.listen.sessions"),
    "no image": ({"image": None}, "needs a section [image]"),
    "sections of another": ({"process": PROCESS["process"]}, "has no section [process]"),
    "cid of the parent": ({"image": {**NITRO["image"], "first_cid": 3}}, "$.image.first_cid"),
    "little memory": ({"image": {**NITRO["image"], "memory_mib": 32}}, "$.image.memory_mib"),
    "credentials": ({"kms": {**KMS, "credentials": "AKIA"}}, "$.kms.credentials"),
}


@pytest.mark.parametrize(("changes", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_with_its_place(tmp_path, changes, says):
    told = {key: value for key, value in {**NITRO, **changes}.items() if value is not None}
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, told)
    assert says in str(raised.value)
    assert "host.toml" in str(raised.value)
    assert "docs/operate/hosts.md" in raised.value.hint


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kms": KMS}, "has no section [kms]"),
        ({"runtime_limits": {"workers": 2}}, "a process has them in its settings"),
        ({"image": NITRO["image"]}, "has no section [image]"),
        ({"process": None}, "needs a section [process]"),
    ],
)
def test_a_process_has_nothing_of_a_machine(tmp_path, changes, says):
    told = {key: value for key, value in {**PROCESS, **changes}.items() if value is not None}
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, told)
    assert says in str(raised.value)


def test_qemu_needs_its_backend(tmp_path):
    with pytest.raises(ConfigError, match=r"needs a section \[qemu\]"):
        loaded(tmp_path, {**NITRO, "launcher": "qemu"})
    told = {**NITRO, "launcher": "qemu", "qemu": {"backend": ["b", "{socket}"]}}
    assert loaded(tmp_path, told).qemu.program == "qemu-system-x86_64"


@pytest.mark.parametrize("text", ["name = ", "\x00", "[" * 100_000, "name = 1\nname = 2"])
def test_what_is_no_toml_is_said_to_be_none(tmp_path, text):
    (tmp_path / "host.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"host\.toml"):
        load(tmp_path / "host.toml")
    with pytest.raises(ConfigError, match="there is no file"):
        load(tmp_path / "other.toml")


def test_what_is_written_is_toml():
    assert tomllib.loads(toml(NITRO)) == NITRO
    msgspec.convert(NITRO, Configuration)


def test_a_token_is_one_and_not_for_everybody(tmp_path):
    file = tmp_path / "token"
    with pytest.raises(ConfigError, match="there is no file"):
        read_token(file)
    file.touch(0o640)
    file.write_text("0123456789abcdef" * 2 + "\n")
    assert read_token(file) == "0123456789abcdef" * 2
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="everybody may read"):
        read_token(file)
    file.chmod(0o600)
    for wrong in ("", "short", "with a space in it, though long enough", "x" * 300):
        file.write_text(wrong)
        with pytest.raises(ConfigError, match="has no token in it"):
            read_token(file)
