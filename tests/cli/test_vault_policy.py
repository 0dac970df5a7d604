"""The key policy that `cape vault policy` writes: who may do what, and nobody else anything."""

import json
from pathlib import Path

import pytest

PUBLISHED = json.loads(
    (Path(__file__).parents[1] / "vectors" / "kms_policy.json").read_text("utf-8")
)
ROLE = "arn:aws:iam::111122223333:role/cape-host"
ADMIN = "arn:aws:iam::111122223333:role/kms-admin"
# By which somebody could have the secret, or wrap another one, or let others do so.
USES = ("Decrypt", "Encrypt", "ReEncrypt", "Generate", "DeriveSharedSecret", "Grant", "Replicate")


def release(name: str, first: str = "a", extra: str = "") -> str:
    pcrs = "".join(f'pcr{index} = "{f"{first}{index}" * 48:.96}"\n' for index in range(3))
    return f'[[release]]\nname = "{name}"\n{pcrs}vault = "{"11" * 32}"\n{extra}'


@pytest.fixture
def write(stranger, tmp_path):
    """Write the policy for the releases of a file each."""

    def write(*files: str, options: tuple[str, ...] = ("--admin", ADMIN)) -> dict:
        names = [tmp_path / f"{number}.toml" for number in range(len(files))]
        for name, text in zip(names, files, strict=True):
            name.write_text(text)
        return stranger.data("vault", "policy", *names, "--role", ROLE, *options)["policy"]

    return write


def conditions(policy: dict) -> dict[str, dict]:
    return {each["Sid"]: each.get("Condition", {}) for each in policy["Statement"]}


def test_it_is_the_published_one(write):
    """The tests of the runtime have KMS judge by it."""
    assert write(release("one")) == PUBLISHED


def test_releases_that_are_measured_alike_count_once(write):
    assert write(release("one"), release("one"), release("again")) == PUBLISHED


def test_each_release_has_statements_of_its_own(write):
    """Registers of two releases are never mixed: each has to be met as a whole."""
    policy = write(release("old"), release("new", "b") + release("newer", "c"))
    found = conditions(policy)
    assert [*found] == [
        "Administration",
        *(f"{does}Release{number}" for number in (1, 2, 3) for does in ("Unwrap", "Create")),
    ]
    for number, first in enumerate("abc", 1):
        pcrs = found[f"UnwrapRelease{number}"]["StringEqualsIgnoreCase"]
        assert pcrs == {
            "kms:RecipientAttestation:ImageSha384": f"{first}0" * 48,
            "kms:RecipientAttestation:PCR1": f"{first}1" * 48,
            "kms:RecipientAttestation:PCR2": f"{first}2" * 48,
        }


def test_nobody_uses_the_key_but_attested_enclaves(write):
    policy = write(release("one"), options=("--admin", ADMIN, "--account", "111122223333"))
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        actions = statement["Action"]
        if statement["Sid"] == "Administration":
            assert statement["Principal"]["AWS"] == [ADMIN, "arn:aws:iam::111122223333:root"]
            named = [action for action in actions for use in USES if use in action]
            assert not named and not [action for action in actions if "*" in action]
            assert "kms:PutKeyPolicy" in actions
        else:
            assert statement["Principal"] == {"AWS": [ROLE]}
            assert actions in {"kms:Decrypt", "kms:GenerateDataKey"}
            condition = statement["Condition"]
            assert condition["StringEquals"] == {"kms:EncryptionContext:cape": "vault"}
            assert condition["StringEqualsIgnoreCase"]


def test_a_signed_release_is_known_by_its_certificate(write):
    signed = f'[[release]]\nname = "ours"\npcr8 = "{"88" * 48}"\nvault = "{"11" * 32}"\n'
    condition = conditions(write(signed))["UnwrapRelease1"]
    assert condition["StringEqualsIgnoreCase"] == {"kms:RecipientAttestation:PCR8": "88" * 48}
    # A debug enclave of a signed image has nothing measured; its signer may be told all the same.
    assert condition["StringNotEqualsIgnoreCase"] == {
        "kms:RecipientAttestation:ImageSha384": "00" * 48
    }
    assert "StringNotEqualsIgnoreCase" not in conditions(write(release("one")))["UnwrapRelease1"]


def test_a_release_that_ends_is_shut_out_by_kms_too(write):
    condition = conditions(write(release("old", extra="not_after = 2027-01-31\n")))
    assert condition["UnwrapRelease1"]["DateLessThan"] == {
        "aws:CurrentTime": "2027-02-01T00:00:00Z"
    }


def test_a_release_that_is_over_is_told(stranger, tmp_path):
    file = tmp_path / "policy.toml"
    file.write_text(release("old", extra="not_after = 2020-01-31\n") + release("new", "b"))
    outcome = stranger.ok("vault", "policy", file, "--role", ROLE, "--admin", ADMIN)
    assert outcome.stderr == "release 'old' ended at 2020-01-31T23:59:59Z: nobody accepts it\n"


def test_an_image_is_no_policy(stranger, tmp_path):
    image = tmp_path / "cape.eif"
    image.write_bytes(b".eif\x00\x04\xff")
    error = stranger.error("vault", "policy", image, "--role", ROLE, "--admin", ADMIN)
    assert "cape.eif is an enclave image, and a policy of releases is wanted" in error["message"]
    assert "`cape image policy FILE > policy.toml`" in error["hint"]


def test_making_vaults_can_be_left_out(write):
    policy = write(release("one"), options=("--admin", ADMIN, "--no-create"))
    assert [*conditions(policy)] == ["Administration", "UnwrapRelease1"]


def test_other_partitions(stranger, tmp_path):
    (tmp_path / "policy.toml").write_text(release("one"))
    role = ROLE.replace("arn:aws:", "arn:aws-cn:")
    policy = stranger.data(
        "vault", "policy", tmp_path / "policy.toml", "--role", role, "--account", "111122223333"
    )["policy"]
    assert policy["Statement"][0]["Principal"]["AWS"] == ["arn:aws-cn:iam::111122223333:root"]


def test_it_is_read_from_stdin_and_written_to_a_file(stranger, tmp_path):
    file = tmp_path / "key.json"
    stranger.ok(
        *("vault", "policy", "-", "--role", ROLE, "--admin", ADMIN, "-o", file),
        stdin=release("one").encode(),
    )
    assert json.loads(file.read_text()) == PUBLISHED


def test_who_runs_hosts_does_not_manage_the_key(stranger, tmp_path):
    (tmp_path / "policy.toml").write_text(release("one"))
    options = ("--role", ROLE, "--admin", ADMIN, "--admin", ROLE)
    error = stranger.error("vault", "policy", tmp_path / "policy.toml", *options)
    assert f"{ROLE} would use the key and manage it" in error["message"]


def test_a_debug_enclave_is_none_to_trust(stranger, tmp_path):
    zero = release("debug").replace("a1" * 48, "00" * 48)
    (tmp_path / "policy.toml").write_text(zero)
    error = stranger.error(
        "vault", "policy", tmp_path / "policy.toml", "--role", ROLE, "--admin", ADMIN
    )
    assert "release 'debug' has an empty PCR1: an enclave in debug mode" in error["message"]


def test_more_releases_than_kms_takes(stranger, tmp_path):
    many = "".join(release(f"release {number}", f"{number:x}") for number in range(16, 256))
    (tmp_path / "policy.toml").write_text(many)
    error = stranger.error(
        "vault", "policy", tmp_path / "policy.toml", "--role", ROLE, "--admin", ADMIN
    )
    assert "and KMS takes 32768" in error["message"]
