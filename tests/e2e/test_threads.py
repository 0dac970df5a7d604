"""What threads may share, as docs/guide/files.md says: each call gets its own answer."""

import threading

import pytest
from tests import threads

from pycape import attestation, envelope, keys, policy

COUNT = 6
ROUNDS = 4


def in_threads(use) -> None:
    """Run `use(data)` in threads at once, with other data in each; raise what one raised."""
    together = threading.Barrier(COUNT)

    def run(number: int) -> None:
        together.wait(60)
        for round_ in range(ROUNDS):
            use(b"%d of thread %d" % (round_, number))

    threads.in_threads(run, COUNT)


def test_one_client(alice, echo):
    def use(data):
        assert alice.run(echo, None, data) == data
        sealed = alice.encrypt(data)
        result = alice.call(echo, None, sealed)
        assert result.output == data
        assert result.receipt.ciphertext_digest is not None

    in_threads(use)


def test_one_connection(alice, echo):
    with alice.function_context(echo, None) as function:

        def use(data):
            assert function.invoke(data) == data

        in_threads(use)
    alice.connect(echo, None)

    def use_of_client(data):
        assert alice.invoke(data) == data

    in_threads(use_of_client)
    alice.close()


@pytest.mark.parametrize("kind", ["xwing", "x25519"])
def test_one_key(kind):
    key = keys.PrivateKey.generate(kind)

    def use(data):
        assert envelope.open(envelope.seal(data, [key.public_key]), key) == data

    in_threads(use)


def test_one_policy_with_roots_and_cache(platform, alice):
    verified, _ = alice.attest()
    trusted = {
        "policy": policy.Policy.from_toml(platform.profile.policy_toml),
        "trust_roots": platform.profile.roots(),
        "cache": attestation.ChainCache(),
    }

    def use(_):
        again = attestation.verify(verified.document, nonce=None, now=verified.timestamp, **trusted)
        assert again.document_sha384 == verified.document_sha384

    in_threads(use)
    assert len(trusted["cache"])
