"""A control plane that lies: what it says is believed only as far as it is signed."""

from pycape import FunctionRef, errors

from .conftest import exactly, hostile, user


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
        exactly(errors.Conflict, match="was seen here before"),
    ):
        cape.run(f"{cape.account_id}/rolled-back", None, b"")


def claim_of(user, name: str) -> dict:
    """Return what a directory answers that has a user's claim to a name."""
    return {"claim": user._platform.account.sign_name_claim(name)}


def test_a_claim_to_another_name(platform, alice, bob, tmp_path):
    alice.claim_name("alice-known")
    lie = {"v2/names/": lambda _answer: claim_of(bob, "bob-known")}
    with (
        hostile(platform, tmp_path / "carol", answers=lie) as carol,
        exactly(errors.RecipientUnknown, match="the claim of 'bob-known'"),
    ):
        carol.encrypt(b"x", username="alice-known")


def test_a_changed_account_behind_a_known_name(platform, alice, bob, tmp_path):
    """The operator signs a claim of its own to a name that belongs to somebody else."""
    alice.claim_name("alice-changing")
    lie = {"v2/names/": lambda _answer: claim_of(bob, "alice-changing")}
    with user(platform, tmp_path / "carol") as carol:
        carol.encrypt(b"x", username="alice-changing")
    with hostile(platform, tmp_path / "carol", answers=lie) as carol:
        for ask in (
            lambda: carol.encrypt(b"x", username="alice-changing"),
            lambda: carol.functions("alice-changing"),
            lambda: carol.run("alice-changing/echo", "a.token", b"x"),
        ):
            with exactly(errors.RecipientChanged) as raised:
                ask()
            assert raised.value.details["known"] == alice.account_id
            assert raised.value.details["now"] == bob.account_id
        carol.trust_account("alice-changing")
        assert carol.account_of("alice-changing") == bob.account_id


def test_the_first_answer_for_a_name_is_believed_and_shown(platform, alice, bob, tmp_path, caplog):
    """What nobody can prevent: so the account id is shown, and account ids need no directory."""
    alice.claim_name("alice-unseen")
    lie = {"v2/names/": lambda _answer: claim_of(bob, "alice-unseen")}
    with hostile(platform, tmp_path / "carol", answers=lie) as carol:
        assert carol.account_of("alice-unseen") == bob.account_id
        assert carol.account_of(alice.account_id) == alice.account_id
    assert f"alice-unseen is {bob.account_id}" in caplog.text


def test_strict_accounts_refuse_unknown_names(platform, alice, tmp_path, monkeypatch):
    alice.claim_name("alice-strict")
    monkeypatch.setenv("CAPE_STRICT_ACCOUNTS", "1")
    with (
        user(platform, tmp_path / "carol") as carol,
        exactly(errors.RecipientUnknown, match="unknown names are refused"),
    ):
        carol.encrypt(b"x", username="alice-strict")


def test_another_function_in_the_directory(platform, alice, echo, folder_of, tmp_path):
    other = alice.manifest(
        alice.deploy(folder_of("def cape_handler(i): return b'evil'"), name="evil")
    )
    lie = {"v2/functions": lambda answer: {**answer, "manifest": other.text}}
    for name in (echo.id, FunctionRef(name=echo.full_name, checksum=echo.checksum)):
        with (
            hostile(platform, tmp_path / "alice", answers=lie) as cape,
            exactly(errors.ChecksumMismatch),
        ):
            cape.run(name, None, b"x")


def test_another_checksum_of_a_known_version(platform, alice, folder_of, tmp_path):
    """The account itself signs two functions as the same version of one name."""
    ref = alice.deploy(folder_of("def cape_handler(input): return b'1'"), name="twofold")
    seen = alice.manifest(ref)
    kept = ("name", "version", "bundle_size", "python", "platform", "handler", "isolation")
    fields = {field: getattr(seen, field) for field in (*kept, "memory_mib", "timeout_s", "env")}
    second = alice._platform.account.sign_manifest(**fields, bundle_sha256="ee" * 32)
    lie = {"v2/functions?": lambda _answer: {"functions": [{"manifest": second}]}}
    with (
        hostile(platform, tmp_path / "alice", answers=lie) as cape,
        exactly(errors.ChecksumMismatch, match="and now has"),
    ):
        cape.run(f"{cape.account_id}/twofold", None, b"")


def test_somebody_elses_function_under_a_name(platform, alice, bob, folder_of, tmp_path):
    folder = folder_of("def cape_handler(input): return b'1'")
    alice.deploy(folder, name="mine")
    theirs = bob.manifest(bob.deploy(folder, name="mine")).text
    lie = {"v2/functions?": lambda _answer: {"functions": [{"manifest": theirs}]}}
    with (
        hostile(platform, tmp_path / "alice", answers=lie) as cape,
        exactly(errors.ProtocolError, match=r"answered with .*/mine when asked for"),
    ):
        cape.run(f"{cape.account_id}/mine", None, b"")


def test_an_older_epoch_record(platform, alice, tmp_path):
    """A client that has seen an epoch takes no lower one, whether the record is old or withheld."""
    with user(platform, tmp_path / "carol") as carol:
        account = carol.account_id
        carol.rotate_keys()
        old = carol._platform.account.sign_epoch_record(1)
        carol.rotate_keys()
    with user(platform, tmp_path / "dave") as dave:
        dave.encrypt(b"x", username=account)
    for said in ({"record": old}, None):
        lie = {"v2/accounts/": lambda _answer, said=said: said}
        with (
            hostile(platform, tmp_path / "dave", answers=lie) as dave,
            exactly(errors.RecipientChanged, match="and 2 is known here"),
        ):
            dave.encrypt(b"x", username=account, kem="x25519")


def test_an_older_revocation_list(platform, alice, bob, folder_of, tmp_path):
    """What an enclave has seen of an account's lists cannot be taken back."""
    folder = folder_of("def cape_handler(input): return input", "revocation_max_age_s = 600\n")
    ref = alice.deploy(folder, name="revoking")
    token, foreign = alice.create_token(ref), bob._platform.account.sign_revocations(1, [], [], 1)
    alice.revoke()
    old = alice._drive(alice._platform.directory.revocation_list(alice.account_id))
    assert bob.run(ref, token, b"x") == b"x"
    alice.revoke(tokens=[token])
    with exactly(errors.TokenRevoked):
        bob.run(ref, token, b"x")
    for said, reason in (
        ({"list": old}, "list 2 was seen before"),
        ({"list": foreign}, "it is of"),
        (None, "only with a revocation list"),
    ):
        lie = {"v2/revocations/": lambda _answer, said=said: said}
        with (
            hostile(platform, tmp_path / "bob", answers=lie) as cape,
            exactly(errors.PermissionDenied, match=reason),
        ):
            cape.run(ref, token, b"x")
