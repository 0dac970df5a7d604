"""The second client and the package, each with what the other made."""

import pytest

from pycape import Cape, package
from pycape._config import Config

from . import bundle, statements
from .conftest import deploy, refused

SOURCE = "def cape_handler(input): return input[::-1]"


@pytest.fixture
def cape(platform, tmp_path):
    """Bob, who uses the package."""
    Config(config_dir=tmp_path).install_profile(platform.profile, make_default=True)
    with Cape(config_dir=tmp_path) as cape:
        yield cape


@pytest.fixture
def theirs(cape, tmp_path):
    """A function that the package packed and deployed."""
    folder = tmp_path / "function"
    folder.mkdir()
    (folder / "app.py").write_text(SOURCE)
    return cape.deploy(folder, name="reverse")


def test_the_package_runs_what_ours_deployed(alice, cape):
    with alice.connect() as connection:
        function = deploy(alice, connection, SOURCE)
    token, _ = statements.sign_token(alice.account, function)
    assert cape.run(function.id, token, b"abc") == b"cba"
    assert cape.manifest(function.id).checksum == function.checksum.hex()


def test_ours_runs_what_the_package_deployed(alice, cape, theirs):
    token = cape.create_token(theirs)
    found = alice.function(theirs.id)
    assert found.checksum.hex() == theirs.checksum
    with alice.connect(found) as connection:
        assert alice.run(connection, found, b"abc", token=token.raw) == b"cba"


@pytest.mark.parametrize("kem", ["x25519", "xwing"])
def test_an_enclave_opens_for_us_what_the_package_sealed(alice, cape, echo, kem):
    ciphertext = cape.encrypt(b"from the package", username=alice.account.id, kem=kem)
    with alice.connect() as connection:
        assert alice.run(connection, echo, ciphertext) == b"from the package"


def test_an_enclave_opens_for_the_package_what_ours_sealed(alice, cape, theirs):
    with alice.connect() as connection:
        ciphertext = alice.encrypt(connection, b"abc", cape.account_id)
    assert cape.run(theirs, None, ciphertext) == b"cba"


def test_both_read_the_same_epoch_and_the_same_list(alice, cape, theirs):
    token = cape.create_token(theirs)
    cape.rotate_keys()
    cape.revoke(tokens=[token])
    epoch = alice.control_plane.epoch(cape.account_id)
    revocations = alice.control_plane.revocations(cape.account_id)
    found = alice.function(theirs.id)
    with alice.connect() as connection:
        ciphertext = alice.encrypt(connection, b"abc", cape.account_id)
        assert cape.run(theirs, None, ciphertext) == b"cba"
        with refused("TokenRevoked"):
            alice.run(connection, found, b"", token=token.raw, records=[epoch, revocations])


def test_both_pack_the_same_bytes(tmp_path):
    files = {
        "app.py": SOURCE.encode(),
        "data/ü.txt": b"text",
        "data/run": b"#!/bin/sh\n",
        "z": b"",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    with package(tmp_path, python="3.11", platform="x86_64-manylinux_2_28") as built:
        assert built.path.read_bytes() == bundle.pack(files)
