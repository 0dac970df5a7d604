"""What is refused, each with its own error, through the public API."""

import base64
import dataclasses
import json
import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from pycape import Cape, FunctionRef, Token, _core, errors, policy
from pycape._config import Config
from pycape._session import now_ms
from pycape.demo import echo_folder

from .conftest import exactly, user


def pinned(platform, **changes) -> policy.Policy:
    """Return the platform's policy with some pins of its release changed."""
    [release, *_] = policy.Policy.from_toml(platform.profile.policy_toml).releases
    fields = {"pcrs": release.pcrs, "vault": release.vault, "name": "changed", **changes}
    return policy.Policy([policy.Release(**fields)])


def profile_with(platform, folder, **changes) -> None:
    profile = dataclasses.replace(platform.profile, **changes)
    Config(config_dir=folder).install_profile(profile, make_default=True)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_wrong_pcr(platform, tmp_path, index):
    [release, *_] = policy.Policy.from_toml(platform.profile.policy_toml).releases
    wrong = pinned(platform, pcrs={**release.pcrs, index: bytes([7]) * 48})
    with (
        user(platform, tmp_path / "user", policy=wrong) as cape,
        exactly(errors.PcrMismatch) as raised,
    ):
        cape.encrypt(b"x")
    assert raised.value.index == index
    assert raised.value.expected == "07" * 48
    assert raised.value.actual == release.pcrs[index].hex()
    assert raised.value.hint


def test_another_vault(platform, tmp_path):
    with (
        user(platform, tmp_path / "user", policy=pinned(platform, vault=bytes(32))) as cape,
        exactly(errors.VaultMismatch),
    ):
        cape.encrypt(b"x")


def test_a_release_without_a_vault_opens_no_session(platform, tmp_path):
    with (
        user(platform, tmp_path / "user", policy=pinned(platform, vault=None)) as cape,
        exactly(errors.VaultMismatch),
    ):
        cape.encrypt(b"x")


def test_a_release_whose_time_is_over(platform, tmp_path):
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with (
        user(platform, tmp_path / "user", policy=pinned(platform, not_after=yesterday)) as cape,
        exactly(errors.PcrMismatch, match="until|ended|passed|not_after"),
    ):
        cape.encrypt(b"x")


def test_no_policy_is_no_call(platform, tmp_path):
    profile_with(platform, tmp_path / "user", policy_toml="")
    with Cape(config_dir=tmp_path / "user") as cape, exactly(errors.PolicyRequired):
        cape.encrypt(b"x")


def test_a_root_that_is_not_trusted(platform, tmp_path):
    profile_with(platform, tmp_path / "user", development=False, trust_roots=())
    with Cape(config_dir=tmp_path / "user") as cape, exactly(errors.TrustRootMismatch):
        cape.encrypt(b"x")


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (6, errors.DocumentTooOld),
        (120, errors.DocumentTooOld),
        (240, errors.CertificateExpired),
        (-60, errors.CertificateExpired),
    ],
)
def test_a_stale_document(platform, tmp_path, monkeypatch, minutes, expected):
    """The client's clock goes on, or back, and the document that the enclave makes does not."""
    with user(platform, tmp_path / "user") as cape:
        monkeypatch.setattr("pycape._session.now_ms", lambda: now_ms() + minutes * 60_000)
        with exactly(expected) as raised:
            cape.encrypt(b"x")
        told = re.search(r"clock is (\d+) s (ahead of|behind) the time", raised.value.hint)
        # The rest is what it took from the document's making to its judging.
        assert abs(int(told[1]) - abs(minutes) * 60) <= 60
        assert told[2] == ("behind" if minutes < 0 else "ahead of")
        monkeypatch.undo()
        assert cape.encrypt(b"x")


def test_a_function_of_another_account_opening_a_ciphertext(alice, bob, echo):
    token = alice.create_token(echo)
    for_bob = bob.encrypt(b"bob's own")
    with exactly(errors.DecryptFailed, match="was encrypted for") as raised:
        bob.run(echo, token, for_bob)
    assert raised.value.details["encrypted_for"] == bob.account_id
    with exactly(errors.DecryptFailed, match="no key that the function opens") as raised:
        alice.run(echo, None, for_bob)
    assert raised.value.details["function_account"] == alice.account_id
    assert "encrypted_for" not in raised.value.details, "the enclave says it, not the client"


def test_a_ciphertext_that_was_altered(alice, echo):
    ciphertext = alice.encrypt(b"x")
    altered = ciphertext[:-2] + (b"A" if ciphertext[-2:-1] != b"A" else b"B") + ciphertext[-1:]
    with exactly(errors.DecryptFailed):
        alice.run(echo, None, altered)


def test_a_ciphertext_of_version_1_is_not_opened_inside(alice, echo):
    with exactly(errors.UnsupportedFormat):
        alice.run(echo, None, b"cape:" + base64.b64encode(bytes(600)))


def test_a_use_rule_that_names_another_function(alice, echo, folder_of):
    other = alice.deploy(folder_of("def cape_handler(input): return b'stolen'"), name="other")
    with exactly(errors.UseForbidden):
        alice.run(other, None, alice.encrypt(b"x", functions=[echo]))


def test_a_use_rule_whose_time_is_over(alice, echo):
    over = datetime.now(UTC) - timedelta(seconds=1)
    with exactly(errors.UseForbidden):
        alice.run(echo, None, alice.encrypt(b"x", not_after=over))


def test_a_token_for_another_function(platform, alice, bob, echo, folder_of):
    other = alice.deploy(folder_of("def cape_handler(input): return b'other'"), name="other")
    token = alice.create_token(other)
    with exactly(errors.TokenWrongFunction):
        bob.run(echo, token, b"x")


def test_a_token_for_another_function_that_only_the_enclave_sees(
    alice, bob, echo, folder_of, monkeypatch
):
    other = alice.deploy(folder_of("def cape_handler(input): return b'other'"), name="other")
    token = alice.create_token(other)
    lie = type("Claims", (), {"checksum": echo.checksum})()
    monkeypatch.setattr(Token, "inspect", lambda _self: lie)
    with exactly(errors.TokenWrongFunction):
        bob.run(echo, token, b"x")


def test_an_expired_token(alice, bob, echo):
    token = alice.create_token(echo, expires=1)
    time.sleep(2)
    with exactly(errors.TokenExpired):
        bob.run(echo, token, b"x")


def test_a_token_that_somebody_else_signed(alice, bob, echo):
    forged = Token(_core.Account.generate().sign_token(echo.checksum, 60, None, now_ms()))
    with exactly(errors.TokenInvalid):
        bob.run(echo, forged, b"x")


def test_an_altered_token(alice, bob, echo):
    text = alice.create_token(echo).raw
    with exactly(errors.TokenInvalid):
        bob.run(echo, Token(text[:-4] + "AAAA"), b"x")


def test_a_checksum_that_differs(alice, echo):
    other = "0" * 64
    with exactly(errors.NotFound, match=other):
        alice.run(FunctionRef(name=echo.full_name, checksum=other), None, b"x")
    with exactly(errors.ChecksumMismatch, match="does not have the checksum"):
        FunctionRef(id=echo.id, checksum=other)


def test_a_function_that_does_not_exist(alice):
    with exactly(errors.NotFound):
        alice.run(_core.function_id("ab" * 32), None, b"x")


def test_a_revoked_token(alice, bob, folder_of):
    folder = folder_of("def cape_handler(input): return input", "revocation_max_age_s = 600\n")
    ref = alice.deploy(folder, name="revocable")
    keep, lose = alice.create_token(ref), alice.create_token(ref)
    alice.revoke(tokens=[lose])
    assert bob.run(ref, keep, b"x") == b"x"
    with exactly(errors.TokenRevoked):
        bob.run(ref, lose, b"x")
    alice.revoke(functions=[ref])
    with exactly(errors.PermissionDenied):
        bob.run(ref, keep, b"x")


def test_a_revoked_token_of_a_function_that_demands_no_list(alice, bob, folder_of):
    ref = alice.deploy(folder_of("def cape_handler(input): return input"), name="no-list")
    keep, lose = alice.create_token(ref), alice.create_token(ref)
    alice.revoke(tokens=[lose])
    assert bob.run(ref, keep, b"x") == b"x"
    with exactly(errors.TokenRevoked):
        bob.run(ref, lose, b"x")


def test_a_stale_revocation_list_where_the_manifest_demands_a_fresh_one(alice, bob, folder_of):
    folder = folder_of("def cape_handler(input): return input", "revocation_max_age_s = 60\n")
    ref = alice.deploy(folder, name="fresh")
    token = alice.create_token(ref)
    with exactly(errors.PermissionDenied, match="only with a revocation list"):
        bob.run(ref, token, b"no list at all")
    account = alice._platform.account
    old = account.sign_revocations(1, [], [], now_ms() - 61_000)
    alice._drive(alice._platform.directory.publish_revocations(account.id, old))
    with exactly(errors.PermissionDenied, match="may be 60 s old"):
        bob.run(ref, token, b"x")
    alice.revoke()
    assert bob.run(ref, token, b"x") == b"x"


def test_the_owner_too_needs_a_fresh_revocation_list(alice, folder_of):
    folder = folder_of("def cape_handler(input): return input", "revocation_max_age_s = 600\n")
    ref = alice.deploy(folder, name="owners")
    with exactly(errors.PermissionDenied, match="only with a revocation list"):
        alice.run(ref, None, b"x")
    alice.revoke()
    assert alice.run(ref, None, b"x") == b"x"


def test_only_the_owner_deploys_under_an_account(platform, alice, bob, tmp_path):
    """Bob signs a proof of his own for a manifest of Alice's: the enclave refuses."""
    from pycape.packaging import package

    profile = platform.profile
    with package(echo_folder(), python=profile.python, platform=profile.platform) as bundle:
        deployment = alice._drive(alice._platform.deployments.plan(bundle, "by-bob"))

        def deploy(session):
            proof = session.sign_owner_proof(bob._platform.account)
            return session.deploy(deployment.text, proof, [bundle.path.read_bytes()])

        with exactly(errors.PermissionDenied):
            alice._ask(alice._platform.policy(), deploy)


def test_an_owner_proof_of_another_session(platform, alice, echo):
    target = alice._drive(alice._platform.target(echo, None))
    opened = alice._open(alice._platform.policy(), None)
    opened.connection.close()
    proof = opened.session.sign_owner_proof(alice._platform.account)

    def run(session):
        return session.run(
            target.manifest.checksum,
            token=None,
            owner_proof=proof,
            statements=[],
            shared=False,
            data=memoryview(b"x"),
            receipt=False,
        )

    with exactly(errors.PermissionDenied):
        alice._ask(alice._platform.policy(), run)


def test_a_bundle_that_is_not_what_the_manifest_says(platform, alice):
    from pycape.packaging import package

    profile = platform.profile
    with package(echo_folder(), python=profile.python, platform=profile.platform) as bundle:
        deployment = alice._drive(alice._platform.deployments.plan(bundle, "altered"))
        altered = bytearray(bundle.path.read_bytes())
        altered[len(altered) // 2] ^= 1

        def deploy(session):
            proof = session.sign_owner_proof(alice._platform.account)
            return session.deploy(deployment.text, proof, [bytes(altered)])

        with exactly(errors.ChecksumMismatch, match="not the one that the manifest names"):
            alice._ask(alice._platform.policy(), deploy)
        with exactly(errors.Conflict):
            alice._drive(alice._platform.deployments.publish(deployment))


@pytest.mark.parametrize(
    ("source", "settings", "expected"),
    [
        ("def cape_handler(input):\n  while True: pass", "timeout_s = 1\n", errors.FunctionTimeout),
        (
            "def cape_handler(input): return bytes(1 << 32)",
            "memory_mib = 64\n",
            errors.FunctionOutOfMemory,
        ),
        ("import os\ndef cape_handler(input): os.kill(os.getpid(), 9)", "", errors.FunctionCrashed),
        ("import os\ndef cape_handler(input): os._exit(3)", "", errors.FunctionCrashed),
        ("def cape_handler(input): return 5", "", errors.FunctionError),
        ("1 / 0", "", errors.FunctionError),
    ],
    ids=["hangs", "hoards", "killed", "exits", "returns a number", "fails at import"],
)
def test_a_function_that_fails_costs_only_its_own_call(
    alice, echo, folder_of, source, settings, expected
):
    ref = alice.deploy(
        folder_of(
            source if "cape_handler" in source else f"{source}\ndef cape_handler(i): ..., ",
            settings,
        ),
        name="failing",
    )
    with exactly(expected):
        alice.run(ref, None, b"x")
    assert alice.run(echo, None, b"unharmed") == b"unharmed"


def test_insecure_any_code_is_loud(platform, tmp_path, monkeypatch):
    from pycape import insecure

    monkeypatch.setattr("pycape.insecure._warned", False)
    with pytest.warns(RuntimeWarning, match="nothing is confidential"):
        anything = insecure.any_code()
    assert "INSECURE" in repr(anything).upper()
    with user(platform, tmp_path / "user", policy=anything) as cape:
        assert cape.encrypt(b"x").startswith(b"cape:2:")
    assert not list((tmp_path / "user" / "keys").glob("**/*.json"))


def test_import_pycape_does_not_load_insecure():
    import subprocess
    import sys

    code = "import pycape, sys; pycape.Cape; print('pycape.insecure' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_every_error_reaches_json():
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.CapeError):
            json.dumps({"code": kind("x").code, "docs": kind("x").docs_url})
