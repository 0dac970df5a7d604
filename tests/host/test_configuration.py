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
KMS = {
    "region": "eu-central-1",
    "endpoint": "kms.eu-central-1.amazonaws.com",
    "key_id": "arn:aws:kms:eu-central-1:123456789012:key/a",
    "wrapped_file": "w",
}
CONTROL = {"urls": ["https://cape.example.org"], "token_file": "t"}
QEMU = {**NITRO, "launcher": "qemu", "qemu": {"backend": ["b", "{socket}"]}}


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
    assert str(found.blob_socket) == "/run/cape/blobs.sock"
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
    "a long folder": ({"run_dir": "/run/" + "x" * 90}, "run_dir has 95 bytes"),
    "port": ({"listen": {"sessions": 65536}}, "$.listen.sessions"),
    "no image": ({"image": None}, "needs a section [image]"),
    "sections of another": ({"process": PROCESS["process"]}, "has no section [process]"),
    "cid of the parent": ({"image": {**NITRO["image"], "first_cid": 3}}, "$.image.first_cid"),
    "little memory": ({"image": {**NITRO["image"], "memory_mib": 32}}, "$.image.memory_mib"),
    "credentials": ({"kms": {**KMS, "credentials": "AKIA"}}, "$.kms.credentials"),
    "key of another region": (
        {"kms": {**KMS, "region": "eu-west-1"}},
        "of the region eu-central-1",
    ),
    "an alias": ({"kms": {**KMS, "key_id": "alias/cape"}}, "is not the ARN of a KMS key"),
    "endpoint": ({"kms": {**KMS, "endpoint": "https://kms.example"}}, "kms.endpoint"),
    "endpoint and port": ({"kms": {**KMS, "endpoint": "kms.example:443"}}, "kms.endpoint"),
    "metadata service": ({"kms": {**KMS, "imds_url": "169.254.169.254"}}, "form http://host"),
    "a folder of wide letters": ({"run_dir": "/run/" + "é" * 50}, "run_dir has 105 bytes"),
    "a long socket": ({"blobs": "/run/" + "x" * 103}, "blobs has 108 bytes"),
    "two stores": ({"blobs": "b", "blob_folder": "f"}, "leave out one"),
    "the default and a folder": (
        {"blobs": "/run/cape/blobs.sock", "blob_folder": "f"},
        "leave out one",
    ),
    "ports without end": ({"enclaves": 2, "listen": {"enclaves": 65535}}, "leaves no port"),
    "a port twice": ({"listen": {"sessions": 9470}}, "has port 9470 twice"),
    "a port of an enclave twice": (
        {"enclaves": 4, "listen": {"enclaves": 9467}},
        "has port 9470 twice",
    ),
    "a limit that is none": ({"runtime_limits": {"workers": "many"}}, "$.runtime_limits"),
    "a limit below none": ({"runtime_limits": {"workers": -1}}, "$.runtime_limits"),
    "a limit without end": ({"runtime_limits": {"timeout_s": float("inf")}}, "$.runtime_limits"),
    "a limit that is no number": (
        {"runtime_limits": {"timeout_s": float("nan")}},
        "$.runtime_limits",
    ),
    "a limit's name": ({"runtime_limits": {"Workers": 1}}, "$.runtime_limits"),
}


@pytest.mark.parametrize(("changes", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_with_its_place(tmp_path, changes, says):
    told = {key: value for key, value in {**NITRO, **changes}.items() if value is not None}
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, told)
    assert says in str(raised.value)
    assert "host.toml" in str(raised.value)
    assert "docs/operate/hosts.md" in raised.value.hint


WHOLE = {
    "nitro-cli": {
        **NITRO,
        "control_plane": CONTROL,
        "kms": KMS,
        "limits": {"connections": 1},
        "listen": {"sessions": 1},
        "nitro_cli": {"program": "nitro-cli"},
        "runtime_limits": {"workers": 1},
    },
    "process": PROCESS,
    "qemu": QEMU,
}


def keys():
    """Each key of a configuration, with the launcher that it is looked at with, and its schema."""
    (_, schemas) = msgspec.json.schema_components([Configuration], ref_template="{name}")
    for name, schema in schemas["Configuration"]["properties"].items():
        references = [schema, *schema.get("anyOf", ())]
        section = next((each["$ref"] for each in references if "$ref" in each), None)
        launcher = name if name in WHOLE else "nitro-cli"
        if section is None:
            yield launcher, (name,), schema
            continue
        for key, described in schemas[section]["properties"].items():
            yield launcher, (name, key), described


def nonsense(schema):
    """What is no value of a key: of another type, without anything in it, without end."""
    schema = next((each for each in schema.get("anyOf", ()) if each["type"] != "null"), schema)
    kind = schema.get("type", "string")
    yield "another type", [] if kind != "array" else "one"
    if kind == "integer":
        yield "a fraction", 1.5
        yield "below", schema["minimum"] - 1
        yield "above", schema["maximum"] + 1
    elif kind == "string":
        yield "too long", "x" * 5000
        yield "two lines", "a\nb"
        yield "a NUL", "a\0b"
        if not schema.get("pattern", "").startswith("^([0-9a-f]{64})?"):
            yield "empty", ""
    elif kind == "array":
        yield "without end", ["https://cape.example.org"] * 300
        yield "an empty one", [""]
    elif kind == "object":
        yield "without end", {f"a{'b' * number}": 1 for number in range(65)}


NONSENSE = [
    pytest.param(launcher, path, wrong, id=f"{'.'.join(path)}: {what}")
    for launcher, path, schema in keys()
    for what, wrong in nonsense(schema)
]


def test_a_store_of_its_own_is_beside_its_other_sockets(tmp_path):
    found = loaded(tmp_path, {**NITRO, "run_dir": "/run/two", "blob_folder": "/srv/blobs"})
    assert str(found.blob_socket) == "/run/two/blobs.sock"
    assert str(loaded(tmp_path, {**NITRO, "blobs": "/run/b"}).blob_socket) == "/run/b"


@pytest.mark.parametrize("launcher", WHOLE)
def test_what_is_right_is_loaded(tmp_path, launcher):
    assert loaded(tmp_path, WHOLE[launcher]).launcher == launcher


@pytest.mark.parametrize(("launcher", "path", "wrong"), NONSENSE)
def test_no_key_has_a_value_that_is_none(tmp_path, launcher, path, wrong):
    told = dict(WHOLE[launcher])
    section, key = told, path[-1]
    if len(path) > 1:
        section = told[path[0]] = dict(told.get(path[0], {}))
    section[key] = wrong
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, told)
    assert key in str(raised.value)
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
