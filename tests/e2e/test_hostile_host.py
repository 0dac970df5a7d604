"""A host between client and enclave, with all the means that docs/spec/trust.md grants it.

Both clients, since each has connections of its own.
"""

import base64
import logging
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from pycape import errors
from pycape.attestation import TrustRoots

from .conftest import exactly, hostile, user
from .tampering import HostileTransport, Replay, flip, in_first


def test_a_host_that_does_nothing_is_not_noticed(run_through, echo):
    assert run_through(echo, b"1", b"2") == [b"1", b"2"]


def test_the_clients_nonce_is_32_random_bytes_and_never_logged(run_through, echo, caplog):
    """Not the sixteen digits of another client, which its log had too."""
    queries = []
    record = lambda url: queries.append(parse_qs(urlsplit(url).query)) or url
    with caplog.at_level(logging.DEBUG, "pycape"):
        run_through(echo, b"1", b"2", b"3", url=record)
    nonces = [query["nonce"][0] for query in queries]
    assert len({base64.urlsafe_b64decode(nonce + "=") for nonce in nonces}) == 3
    assert {len(nonce) for nonce in nonces} == {43}
    said = [record.getMessage() for record in caplog.records if record.name.startswith("pycape")]
    assert said
    assert not any(nonce in line for nonce in nonces for line in said)


# A ServerHello of suite 1 begins with a map's head, the key 1 and the suite. It ends with the
# document, the KEM key of 1216 bytes, the server's nonce of 32, an empty path and the index 0, each
# with its key and its head in front.
END_OF_KEY = -1 - 1 - 2 - 32 - 3
END_OF_DOCUMENT = END_OF_KEY - 1216 - 4
PARTS = {
    "map": (0, errors.ProtocolError),
    "suite": (2, errors.ProtocolError),
    "protected header": (10, errors.DocumentMalformed),
    "signature": (END_OF_DOCUMENT - 1, errors.SignatureInvalid),
    "KEM key": (END_OF_KEY - 1, errors.NonceMismatch),
    "server nonce": (-5, errors.NonceMismatch),
    "path": (-3, errors.ProtocolError),
    "index": (-1, errors.ProtocolError),
}


@pytest.mark.parametrize(("position", "expected"), PARTS.values(), ids=PARTS)
def test_a_tampered_server_hello(run_through, echo, position, expected):
    tamper = in_first(lambda message: flip(message, position))
    with exactly(expected):
        run_through(echo, b"x", to_client=tamper)


def test_every_part_of_the_server_hello_is_authenticated(platform, alice, echo, tmp_path):
    """One bit in each of 64 places, spread over the ServerHello."""
    sizes = []
    measure = in_first(lambda message: sizes.append(len(message)) or message)
    with hostile(platform, tmp_path / "alice", to_client=measure) as cape:
        assert cape.run(echo, None, b"x") == b"x"
    for position in range(0, sizes[0], sizes[0] // 64):
        tamper = in_first(lambda message, at=position: flip(message, at))
        with (
            hostile(platform, tmp_path / "alice", to_client=tamper) as cape,
            pytest.raises((errors.AttestationError, errors.ProtocolError)),
        ):
            cape.run(echo, None, b"x")


def test_a_replayed_server_hello(run_through, echo):
    replay = Replay()
    with exactly(errors.NonceMismatch):
        run_through(echo, b"first", b"second", to_client=replay)
    assert len(replay.recorded) == 3, "and where the control plane says then, once"


def test_a_replayed_first_message(run_through, echo):
    """What one session's client sent is worth nothing in another session: nothing runs."""
    replay = Replay()
    with exactly(errors.StreamTruncated, match="1002"):
        run_through(echo, b"first", b"second", to_enclave=replay)
    assert len(replay.recorded) == 2


def test_a_downgraded_suite(run_through, echo):
    """The host offers the enclave X25519 only; the client's own offer is what counts."""
    downgrade = lambda url: url.replace("suites=1%2C2", "suites=2").replace(
        "suites=1,2", "suites=2"
    )
    with exactly(errors.NonceMismatch):
        run_through(echo, b"x", url=downgrade)


def test_a_relay_to_the_same_code_on_another_machine(
    platform, own_platform, alice, echo, run_through, tmp_path
):
    """The attacker runs the same image and has the session taken there: the vault is another."""
    elsewhere = httpx.post(f"{own_platform.url}/v2/placements", json={}).json()["url"]
    relay = lambda url: f"{elsewhere}?{url.partition('?')[2]}"
    with exactly(errors.TrustRootMismatch):
        run_through(echo, b"x", url=relay)
    both = [*platform.profile.trust_roots, *own_platform.profile.trust_roots]
    options = {"transport": HostileTransport(url=relay), "trust_roots": TrustRoots(both)}
    with (
        user(platform, tmp_path / "alice", **options) as cape,
        exactly(errors.VaultMismatch),
    ):
        cape.run(echo, None, b"x")


def test_an_altered_answer(run_through, echo):
    tamper = lambda number, message: flip(message, -1) if number == 1 else message
    with exactly(errors.ProtocolError):
        run_through(echo, b"x", to_client=tamper)


@pytest.mark.parametrize(("size", "last"), [(10, 1), (3_000_000, 4)])
def test_a_truncated_answer(run_through, echo, size, last):
    truncate = lambda number, message: None if number == last else message
    with exactly(errors.StreamTruncated):
        run_through(echo, bytes(size), to_client=truncate)


def test_a_repeated_part_of_an_answer(run_through, echo):
    frames = []

    def repeat(number: int, message: bytes) -> bytes:
        frames.append(message)
        return frames[1] if number == 2 else message

    with exactly(errors.ProtocolError):
        run_through(echo, bytes(3_000_000), to_client=repeat)


def test_an_altered_request(run_through, alice, echo):
    tamper = lambda _number, message: flip(message, -1)
    with exactly(errors.StreamTruncated, match="1002"):
        run_through(echo, b"x", to_enclave=tamper)
    assert alice.run(echo, None, b"unharmed") == b"unharmed"
