"""Whom a ciphertext is for, and what the client says of it before anything is sent."""

from pycape import envelope, errors, keys

from .conftest import exactly, hostile


def test_a_ciphertext_for_several_of_whom_the_caller_knows_only_itself(alice, bob, echo):
    token = alice.create_token(echo)
    bob.encrypt(b"bob's key is known here now")
    for_both = alice.encrypt(b"for both", recipient=[alice.account_id, bob.account_id])
    assert bob.run(echo, token, for_both) == b"for both"


def test_a_ciphertext_of_another_account_is_not_sent(platform, alice, bob, echo, tmp_path):
    token = alice.create_token(echo)
    for_bob = bob.encrypt(b"bob's own")
    sent = []

    def record(_number: int, message: bytes) -> bytes:
        sent.append(message)
        return message

    with (
        hostile(platform, tmp_path / "bob", to_enclave=record) as cape,
        exactly(errors.DecryptFailed, match=bob.account_id) as raised,
    ):
        cape.run(echo, token, for_bob)
    assert not sent
    assert alice.account_id in str(raised.value)
    assert "recipient=" in raised.value.hint


def test_a_key_pair_of_ones_own_opens_without_the_platform(bob):
    private_key = keys.PrivateKey.generate()
    text = private_key.public_key.to_text()
    for ciphertext in (
        bob.encrypt(b"x", key=text),
        bob.encrypt(b"x", key=text.encode()),
        bob.encrypt(b"x", recipient=[bob.account_id, private_key.public_key]),
    ):
        assert envelope.open(ciphertext, private_key) == b"x"
