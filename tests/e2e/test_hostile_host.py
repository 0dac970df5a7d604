"""A host with all the means that docs/spec/trust.md grants it."""

import shutil

import pytest

from pycape import errors
from pycape.demo import echo_folder

from .conftest import user
from .processes import restart_enclave
from .tampering import HostileTransport, flip


def hostile(platform, folder, **means):
    return user(platform, folder, transport=HostileTransport(**means), max_retries=0)


def test_every_part_of_the_server_hello_is_authenticated(platform, alice, echo, tmp_path):
    """One bit in each of 64 places, spread over the ServerHello."""
    size = 0

    def measure(number: int, message: bytes) -> bytes:
        nonlocal size
        size = len(message) if number == 0 else size
        return message

    with hostile(platform, tmp_path / "alice", to_client=measure) as cape:
        assert cape.run(echo, None, b"x") == b"x"
    for position in range(0, size, size // 64):
        tampered = lambda number, message, at=position: (
            flip(message, at) if number == 0 else message
        )
        with (
            hostile(platform, tmp_path / "alice", to_client=tampered) as cape,
            pytest.raises((errors.AttestationError, errors.ProtocolError)),
        ):
            cape.run(echo, None, b"x")


def test_a_replayed_server_hello(platform, alice, echo, tmp_path):
    recorded = []

    def replay(number: int, message: bytes) -> bytes:
        if number == 0:
            recorded.append(message)
            return recorded[0]
        return message

    with hostile(platform, tmp_path / "alice", to_client=replay) as cape:
        cape.run(echo, None, b"first")
        with pytest.raises(errors.NonceMismatch):
            cape.run(echo, None, b"second")


def test_a_replayed_first_message(platform, alice, echo, tmp_path):
    """What one session's client sent is worth nothing in another session."""
    recorded = []

    def replay(number: int, message: bytes) -> bytes:
        if number == 0:
            recorded.append(message)
            return recorded[0]
        return message

    with hostile(platform, tmp_path / "alice", to_enclave=replay) as cape:
        cape.run(echo, None, b"first")
        with pytest.raises(errors.TransportError):
            cape.run(echo, None, b"second")


def test_a_downgraded_suite(platform, alice, echo, tmp_path):
    """The host offers the enclave X25519 only; the client's own offer is what counts."""
    downgrade = lambda url: url.replace("suites=1%2C2", "suites=2").replace(
        "suites=1,2", "suites=2"
    )
    with (
        hostile(platform, tmp_path / "alice", url=downgrade) as cape,
        pytest.raises(errors.NonceMismatch),
    ):
        cape.run(echo, None, b"x")


def test_an_altered_answer(platform, alice, echo, tmp_path):
    tampered = lambda number, message: flip(message, -1) if number == 1 else message
    with (
        hostile(platform, tmp_path / "alice", to_client=tampered) as cape,
        pytest.raises(errors.ProtocolError),
    ):
        cape.run(echo, None, b"x")


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_truncated_answer(platform, alice, echo, tmp_path, size):
    truncated = lambda number, message: None if number == 1 + (size > 1 << 20) * 3 else message
    with (
        hostile(platform, tmp_path / "alice", to_client=truncated) as cape,
        pytest.raises(errors.StreamTruncated),
    ):
        cape.run(echo, None, bytes(size))


def test_an_altered_request(platform, alice, echo, tmp_path):
    tampered = lambda number, message: flip(message, -1)  # noqa: ARG005
    with (
        hostile(platform, tmp_path / "alice", to_enclave=tampered) as cape,
        pytest.raises(errors.TransportError),
    ):
        cape.run(echo, None, b"x")
    assert alice.run(echo, None, b"unharmed") == b"unharmed"


def test_a_lower_function_version(platform, alice, folder_of, tmp_path):
    """The directory shows a version from before one that this client has seen."""
    folder = folder_of("def cape_handler(input): return b'1'")
    first = alice.deploy(folder, name="rolled-back")
    old = alice.manifest(first).text
    folder_of("def cape_handler(input): return b'2'")
    alice.deploy(folder, name="rolled-back")

    lie = {"v2/functions?": lambda _answer: {"functions": [{"manifest": old}]}}
    with (
        hostile(platform, tmp_path / "alice", answers=lie) as cape,
        pytest.raises(errors.Conflict, match="was seen here before"),
    ):
        cape.run(f"{cape.account_id}/rolled-back", None, b"")


def test_a_directory_that_names_another_account(platform, alice, bob, tmp_path):
    """A name that is known here is shown as somebody else's."""
    alice.claim_name("alice-known")
    bob.claim_name("bob-known")
    with hostile(platform, tmp_path / "carol") as carol:
        carol.encrypt(b"x", username="alice-known")
    claim = {}
    with hostile(
        platform, tmp_path / "watch", answers={"v2/names/": lambda a: claim.update(a) or a}
    ) as watch:
        watch.account_of("bob-known")
    with (
        hostile(platform, tmp_path / "carol", answers={"v2/names/": lambda _a: claim}) as carol,
        pytest.raises(errors.CryptoError),
    ):
        carol.encrypt(b"x", username="alice-known")


def test_a_changed_account_behind_a_known_name(platform, alice, bob, tmp_path, monkeypatch):
    alice.claim_name("alice-changing")
    with user(platform, tmp_path / "carol") as carol:
        carol.encrypt(b"x", username="alice-changing")
        monkeypatch.setattr(
            "pycape._core.verify_name_claim", lambda _text: (bob.account_id, "alice-changing")
        )
        with pytest.raises(errors.RecipientChanged) as raised:
            carol.encrypt(b"x", username="alice-changing")
        assert raised.value.details["now"] == bob.account_id
        carol.trust_account("alice-changing")
        carol.encrypt(b"x", username="alice-changing")


def test_strict_accounts_refuse_unknown_names(platform, alice, tmp_path, monkeypatch):
    alice.claim_name("alice-strict")
    monkeypatch.setenv("CAPE_STRICT_ACCOUNTS", "1")
    with (
        user(platform, tmp_path / "carol") as carol,
        pytest.raises(errors.RecipientUnknown, match="unknown names are refused"),
    ):
        carol.encrypt(b"x", username="alice-strict")


def test_another_function_in_the_directory(platform, alice, echo, folder_of, tmp_path):
    other = alice.manifest(
        alice.deploy(folder_of("def cape_handler(i): return b'evil'"), name="evil")
    )
    lie = {"v2/functions/": lambda answer: {**answer, "manifest": other.text}}
    with (
        hostile(platform, tmp_path / "alice", answers=lie) as cape,
        pytest.raises(errors.ChecksumMismatch),
    ):
        cape.run(echo, None, b"x")


def blobs_of(platform, checksum: str):
    blobs = platform.state.blobs
    return blobs / f"01{checksum}", blobs / f"02{checksum}"


# A function that runs already is in the enclave: what the host does to its blobs shows when
# an enclave loads them, so these tests start another.


def test_a_swapped_blob(own_platform, tmp_path, folder_of):
    with user(own_platform, tmp_path / "alice", max_retries=8) as alice:
        first = alice.deploy(echo_folder(), name="first")
        second = alice.deploy(folder_of("def cape_handler(i): return b'second'"), name="second")
        for kind in (0, 1):
            blob, other = (
                blobs_of(own_platform, first.checksum)[kind],
                blobs_of(own_platform, second.checksum)[kind],
            )
            kept = blob.read_bytes()
            shutil.copy(other, blob)
            restart_enclave(own_platform)
            with pytest.raises(errors.FunctionCorrupted):
                alice.run(first, None, b"x")
            blob.write_bytes(kept)
        assert alice.run(first, None, b"x") == b"x"


@pytest.mark.parametrize("kind", [0, 1], ids=["bundle", "manifest"])
@pytest.mark.parametrize("harm", ["flipped", "cut", "longer", "empty"])
def test_an_altered_blob(own_platform, tmp_path, kind, harm):
    with user(own_platform, tmp_path / "alice", max_retries=8) as alice:
        ref = alice.deploy(echo_folder(), name="echo")
        blob = blobs_of(own_platform, ref.checksum)[kind]
        content = blob.read_bytes()
        harmed = {
            "flipped": flip(content, len(content) // 2),
            "cut": content[: len(content) // 2],
            "longer": content + b"x",
            "empty": b"",
        }[harm]
        blob.write_bytes(harmed)
        restart_enclave(own_platform)
        with pytest.raises(errors.FunctionCorrupted):
            alice.run(ref, None, b"x")
        blob.write_bytes(content)
        assert alice.run(ref, None, b"x") == b"x"


def test_a_missing_blob(own_platform, tmp_path):
    with user(own_platform, tmp_path / "alice", max_retries=8) as alice:
        ref = alice.deploy(echo_folder(), name="echo")
        for blob in blobs_of(own_platform, ref.checksum):
            blob.unlink()
        restart_enclave(own_platform)
        with pytest.raises((errors.NotFound, errors.FunctionCorrupted)):
            alice.run(ref, None, b"x")


def test_blobs_hold_nothing_to_read(own_platform, tmp_path, folder_of):
    marker = "a-marker-that-no-ciphertext-has"
    with user(own_platform, tmp_path / "alice", max_retries=8) as alice:
        alice.deploy(folder_of(f"MARK = '{marker}'\ndef cape_handler(i): return i"), name="marked")
    for blob in own_platform.state.blobs.rglob("*"):
        if blob.is_file():
            assert marker.encode() not in blob.read_bytes()
