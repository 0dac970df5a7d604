"""An attacker who runs the very same code on a machine of its own, and stands in between.

Both platforms are measured alike (PCR0 to PCR2 are the same bytes), and the other one's documents
go back to a root that the client trusts as well: so it is with AWS's root, which vouches for every
enclave of every customer. What tells them apart is the vault, and PCR4, the instance.
docs/security/relay.md says what each test here shows.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pycape import Cape, errors, insecure, policy, receipts
from pycape._config import Config
from pycape.attestation import TrustRoots
from pycape.demo import echo_folder
from pycape.local import LocalPlatform

from .conftest import exactly, user
from .tampering import HostileTransport

CODE = (0, 1, 2)
ROLE, INSTANCE = 3, 4


@pytest.fixture(scope="module")
def attacker(tmp_path_factory):
    """The attacker's platform: this code, another vault."""
    home = tmp_path_factory.mktemp("attacker")
    with LocalPlatform(
        data_folder=home / "data", config_folder=home / "config", port=0
    ) as platform:
        yield platform


@pytest.fixture(scope="module")
def thief(platform, tmp_path_factory):
    """An attacker who has the platform's vault secret, on an instance of its own.

    Only what may release the secret can help it: the key of the KMS, or its administrator.
    """
    home = tmp_path_factory.mktemp("thief")
    with LocalPlatform(data_folder=home / "data", config_folder=home / "config", port=0):
        pass  # it gets a security module, so an instance, of its own
    stolen = home / "data" / "local"
    shutil.copy(platform.state.vault_key, stolen / "vault.key")
    # What its own platform says of itself is of no interest; its vault's id has to be right.
    known, mine = (
        json.loads((folder / "vault.json").read_text()) for folder in (platform.state.path, stolen)
    )
    (stolen / "vault.json").write_text(json.dumps({**mine, "vault": known["vault"]}))
    with LocalPlatform(
        data_folder=home / "data", config_folder=home / "config", port=0
    ) as platform_of_thief:
        yield platform_of_thief


@pytest.fixture
def roots(platform, attacker, thief):
    """All of them trusted, as one root of AWS's would be."""
    return TrustRoots([root_of(each) for each in (platform, attacker, thief)])


@pytest.fixture
def victim(platform, roots, tmp_path) -> Callable[..., Cape]:
    """A caller who has joined the platform, and whose host does what it likes."""

    def make(judged_by: policy.Policy | None = None, **means) -> Cape:
        folder = tmp_path / "alice"
        Config(config_dir=folder).install_profile(platform.profile, make_default=True)
        return Cape(
            config_dir=folder,
            policy=judged_by,
            trust_roots=roots,
            transport=HostileTransport(**means),
            max_retries=0,
        )

    return make


def root_of(platform: LocalPlatform) -> bytes:
    root = x509.load_pem_x509_certificate((platform.state.nsm / "root.pem").read_bytes())
    return root.public_bytes(Encoding.DER)


def placed_at(platform: LocalPlatform) -> Callable[[str], str]:
    """Take a client's connection to another platform's enclave."""
    elsewhere = httpx.post(f"{platform.url}/v2/placements", json={}).json()["url"]
    return lambda url: f"{elsewhere}?{url.partition('?')[2]}"


def pinned(platform: LocalPlatform) -> policy.Release:
    [release] = policy.Policy.from_toml(platform.profile.policy_toml).releases
    return release


def proof(platform: LocalPlatform, roots: TrustRoots, folder: Path):
    """Return what an honest client of the platform sees."""
    with user(platform, folder, trust_roots=roots) as cape:
        return cape.attest()[0]


def test_both_platforms_run_identical_code_and_differ_in_vault_and_instance(
    platform, attacker, roots, tmp_path
):
    mine = proof(platform, roots, tmp_path / "mine")
    theirs = proof(attacker, roots, tmp_path / "theirs")
    assert [mine.pcrs[index] for index in CODE] == [theirs.pcrs[index] for index in CODE]
    assert mine.vault != theirs.vault
    assert mine.pcrs[INSTANCE] != theirs.pcrs[INSTANCE]


def test_a_relay_that_forwards_bytes_unchanged_is_just_a_network(victim, echo):
    """Whoever carries bytes learns sizes and times, and nothing else; it is no attack to catch."""
    seen = []
    record = lambda _number, message: seen.append(message) or message
    with victim(to_enclave=record, to_client=record) as cape:
        assert cape.run(echo, None, b"a secret of the caller's") == b"a secret of the caller's"
    assert not any(b"a secret of the caller's" in message for message in seen)


def test_the_same_code_with_another_vault_is_vault_mismatch(victim, echo, attacker):
    sent = []
    with (
        victim(url=placed_at(attacker), to_enclave=_recorded(sent)) as cape,
        exactly(errors.VaultMismatch),
    ):
        cape.run(echo, None, b"x")
    assert sent == [], "nothing was sent to it"


def test_the_same_code_is_no_recipient_of_what_is_encrypted_for_an_account(
    victim, attacker, tmp_path
):
    with victim(url=placed_at(attacker)) as cape, exactly(errors.VaultMismatch):
        cape.encrypt(b"x")


def test_a_document_passed_on_from_the_right_enclave_is_nonce_mismatch(
    victim, echo, platform, attacker
):
    """The attacker answers with a KEM key of its own and the right enclave's document."""
    hellos = []

    def graft(number: int, message: bytes) -> bytes:
        if number:
            return message
        hellos.append(message)
        return with_document_of(hellos[0], message) if len(hellos) > 1 else message

    with victim(to_client=graft) as cape:
        assert cape.run(echo, None, b"x") == b"x"
        cape._transport._means.url = placed_at(attacker)
        with exactly(errors.NonceMismatch):
            cape.run(echo, None, b"x")
    assert len(hellos) == 3, "and where the control plane says then, once"


def test_without_a_vault_in_the_policy_no_session_is_opened_at_all(
    victim, echo, platform, attacker
):
    release = pinned(platform)
    unpinned = policy.Release(pcrs=release.pcrs, name="without a vault")
    for means in ({}, {"url": placed_at(attacker)}):
        with (
            victim(policy.Policy([unpinned]), **means) as cape,
            exactly(errors.VaultMismatch, match="names no vault"),
        ):
            cape.run(echo, None, b"x")


def test_who_accepts_any_code_is_relayed_unseen(victim, attacker, recwarn):
    """What remains without a policy: the attacker's own enclave is as good as any."""
    with victim(insecure.any_code(), url=placed_at(attacker)) as cape:
        verified, _description = cape.attest()
    assert verified.vault == bytes.fromhex(attacker_vault(attacker))
    assert verified.release is None


def test_the_right_vault_on_another_instance_is_caught_by_a_pin_of_pcr4_alone(
    victim, echo, platform, thief, roots, tmp_path
):
    mine = proof(platform, roots, tmp_path / "mine")
    release = pinned(platform)
    with victim(url=placed_at(thief)) as cape:
        verified, _description = cape.attest()
    assert verified.vault == mine.vault, "measurements and vault are those of the policy"
    assert verified.pcrs[INSTANCE] != mine.pcrs[INSTANCE]
    with_instance = policy.Release(
        pcrs={**release.pcrs, INSTANCE: mine.pcrs[INSTANCE]}, vault=release.vault
    )
    with victim(policy.Policy([with_instance])) as cape:
        assert cape.run(echo, None, b"x") == b"x"
    with (
        victim(policy.Policy([with_instance]), url=placed_at(thief)) as cape,
        exactly(errors.PcrMismatch) as refused,
    ):
        cape.run(echo, None, b"x")
    assert refused.value.index == INSTANCE


def test_another_role_is_caught_by_a_pin_of_pcr3(victim, echo, platform):
    release = pinned(platform)
    with_role = policy.Release(pcrs={**release.pcrs, ROLE: b"\x33" * 48}, vault=release.vault)
    with victim(policy.Policy([with_role])) as cape, exactly(errors.PcrMismatch) as refused:
        cape.run(echo, None, b"x")
    assert refused.value.index == ROLE


def test_a_receipt_of_the_same_code_with_another_vault_is_vault_mismatch(
    platform, attacker, roots, tmp_path
):
    with user(attacker, tmp_path / "mallory", trust_roots=roots) as mallory:
        theirs = mallory.call(mallory.deploy(echo_folder()), None, b"x").receipt
    mine = policy.Policy.from_toml(platform.profile.policy_toml)
    with exactly(errors.VaultMismatch):
        receipts.verify(theirs.to_bytes(), policy=mine, trust_roots=roots)


def attacker_vault(attacker: LocalPlatform) -> str:
    return pinned(attacker).vault.hex()


def _recorded(messages: list[bytes]):
    return lambda _number, message: messages.append(message) or message


def with_document_of(donor: bytes, hello: bytes) -> bytes:
    """Put the document of one ServerHello into another. docs/spec/session.md, handshake."""
    return hello[:START] + document_in(donor) + hello[START + len(document_in(hello)) :]


# A map's head, key 1 and the suite, key 2; then the document as a byte string of two length bytes.
START = 4


def document_in(hello: bytes) -> bytes:
    assert hello[START] == 0x59
    length = int.from_bytes(hello[START + 1 : START + 3], "big")
    return hello[START : START + 3 + length]
