"""The fixed names of `pycape.policy` and `pycape.attestation`, with real documents."""

import dataclasses
import inspect
import json
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from pycape import attestation, errors, policy
from pycape.insecure import any_code

from .doubles import any_policy, release

DOCUMENTS = Path(__file__).parents[3] / "shared" / "nitro-docs"
FORM = bytes.fromhex("3000")


# Policies


def test_a_release_says_what_it_pins():
    made = policy.Release(pcrs={0: "ab" * 48, 1: b"\2" * 48}, vault="cd" * 32, name="runtime 4.0.0")
    assert made.pcrs == {0: b"\xab" * 48, 1: b"\2" * 48}
    assert (made.vault, made.name, made.not_after) == (b"\xcd" * 32, "runtime 4.0.0", None)
    assert made == policy.Release({0: "AB" * 48, 1: b"\2" * 48}, b"\xcd" * 32, "runtime 4.0.0")
    assert len(made.digest) == 64


def test_what_a_release_counts_until():
    last_day = policy.Release({0: "ab" * 48}, not_after=date(2030, 1, 31))
    assert last_day.not_after == datetime(2030, 1, 31, 23, 59, 59, tzinfo=UTC)
    noon = datetime(2030, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))
    assert policy.Release({0: "ab" * 48}, not_after=noon).not_after == noon


def test_the_last_moment_that_there_is():
    for last in (datetime.max.replace(tzinfo=UTC), date.max):
        made = policy.Release({0: "ab" * 48}, not_after=last)
        assert made.not_after == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        (read,) = policy.Policy.from_toml(policy.Policy([made]).to_toml()).releases
        assert read == made


def test_alternatives_keep_what_else_a_release_wants():
    until = datetime(2030, 1, 31, 12, tzinfo=UTC)
    mine = policy.Release({0: "ab" * 48, 4: "cd" * 48}, vault="ef" * 32, not_after=until)
    theirs = policy.Release({0: "ab" * 48})
    made = policy.Policy([mine, theirs]).with_alternatives({0: ["11" * 48, "22" * 48]}).releases
    assert [(release.pcrs, release.vault, release.not_after) for release in made] == [
        ({0: b"\x11" * 48, 4: b"\xcd" * 48}, b"\xef" * 32, until),
        ({0: b"\x22" * 48, 4: b"\xcd" * 48}, b"\xef" * 32, until),
        ({0: b"\x11" * 48}, None, None),
        ({0: b"\x22" * 48}, None, None),
    ]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"pcrs": {}}, ValueError),
        ({"pcrs": {1: "ab" * 48}}, ValueError),
        ({"pcrs": {0: "00" * 48}}, ValueError),
        ({"pcrs": {0: "ab" * 47}}, ValueError),
        ({"pcrs": {0: "xy" * 48}}, ValueError),
        ({"pcrs": {0: b"\1" * 47}}, ValueError),
        ({"pcrs": {32: "ab" * 48}}, ValueError),
        ({"pcrs": {-1: "ab" * 48}}, ValueError),
        ({"pcrs": {10**30: "ab" * 48}}, ValueError),
        ({"pcrs": {"0": "ab" * 48}}, TypeError),
        ({"pcrs": {0: 5}}, TypeError),
        ({"pcrs": [("0", "ab" * 48)]}, TypeError),
        ({"vault": "ab" * 31}, ValueError),
        ({"vault": 5}, TypeError),
        ({"name": 5}, TypeError),
        ({"not_after": "2030-01-31"}, TypeError),
        ({"not_after": 5}, TypeError),
        ({"not_after": date(1969, 12, 31)}, ValueError),
        ({"not_after": datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)}, ValueError),
        ({"not_after": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))}, ValueError),
        ({"name": "x" * (1 << 20)}, ValueError),
        ({"not_after": datetime(2030, 1, 1)}, ValueError),  # noqa: DTZ001 - that is the mistake
    ],
)
def test_what_is_no_release(arguments, error):
    with pytest.raises(error):
        policy.Release(**{"pcrs": {0: "ab" * 48}, **arguments})


@pytest.mark.parametrize(
    ("releases", "error"), [([], ValueError), ([5], TypeError), (None, TypeError), ("x", TypeError)]
)
def test_what_is_no_policy(releases, error):
    with pytest.raises(error):
        policy.Policy(releases)


def test_a_policy_goes_to_a_file_and_back(tmp_path):
    releases = [release(), release(3, not_after=date(2030, 1, 31))]
    path = tmp_path / "policy.toml"
    path.write_text(policy.Policy(releases).to_toml())
    for location in (path, str(path)):
        assert policy.load(location).releases == releases


@pytest.mark.parametrize("content", [None, "", "x", "[[release]]", "release = 1", "[other]\na = 1"])
def test_a_file_that_is_no_policy(tmp_path, content):
    path = tmp_path / "policy.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(errors.ConfigError, match=r"policy\.toml"):
        policy.load(path)


def test_any_code_is_loud(monkeypatch):
    monkeypatch.setattr("pycape.insecure._warned", False)
    with pytest.warns(RuntimeWarning, match="nothing is confidential"):
        insecure = any_code()
    assert insecure.is_insecure
    assert "insecure" in repr(insecure).lower()
    assert not any_policy().is_insecure


# Trust roots


def test_the_root_of_aws_is_compiled_in():
    [digest] = attestation.TrustRoots.aws().digests
    assert digest == "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"


@pytest.mark.parametrize(
    ("certificates", "error"),
    [
        ([], ValueError),
        ([b""], ValueError),
        ([b"not DER"], ValueError),
        ([FORM + b"x"], ValueError),
        (["text"], TypeError),
        ([5], TypeError),
        ([[300]], TypeError),
        (5, TypeError),
    ],
)
def test_what_is_no_root(certificates, error):
    with pytest.raises(error):
        attestation.TrustRoots(certificates)


# Documents


def test_names_and_their_arguments():
    parameters = inspect.signature(attestation.verify).parameters
    assert list(parameters) == [
        *("document", "policy", "nonce", "trust_roots", "now", "max_age", "purpose", "cache")
    ]
    assert parameters["nonce"].default is inspect.Parameter.empty, "None is spelled out"
    assert all(
        parameter.kind is parameter.KEYWORD_ONLY
        for name, parameter in parameters.items()
        if name != "document"
    )


@dataclasses.dataclass
class Real:
    """A document that a real enclave made, and what is known of it."""

    data: bytes
    facts: dict

    @property
    def made(self) -> datetime:
        return datetime.fromtimestamp(self.facts["timestamp_ms"] / 1000, UTC)

    @property
    def policy(self) -> policy.Policy:
        pcrs = attestation.inspect(self.data).pcrs
        return policy.Policy([policy.Release({index: pcrs[index] for index in range(3)})])


def real_documents() -> list:
    index = DOCUMENTS / "index.json"
    if not index.exists():
        skipped = pytest.mark.skip("real attestation documents: ../shared/nitro-docs is not there")
        return [pytest.param(None, marks=skipped, id="none")]
    entries = json.loads(index.read_text())
    entries = entries if isinstance(entries, list) else entries["documents"]
    found = [Real((DOCUMENTS / entry["file"]).read_bytes(), entry) for entry in entries]
    return [pytest.param(each, id=Path(each.facts["file"]).stem) for each in found]


@pytest.mark.parametrize("real", real_documents())
def test_the_verdict_on_a_real_document(real):
    def verify(**arguments):
        defaults = {
            "policy": policy.Policy([release()]) if real.facts["debug"] else real.policy,
            "nonce": attestation.inspect(real.data).nonce,
            "now": real.made,
        }
        return attestation.verify(real.data, **{**defaults, **arguments})

    if not real.facts["aws_root"]:
        expected = errors.TrustRootMismatch
    elif not real.facts["cose_signature_ok"]:
        expected = errors.SignatureInvalid
    elif real.facts["debug"]:
        expected = errors.DebugModeEnclave
    else:
        expected = None
    if expected is not None:
        with pytest.raises(expected):
            verify()
        return

    verified = verify()
    claimed = attestation.inspect(real.data)
    for field in ("module_id", "timestamp", "pcrs", "public_key", "user_data", "nonce"):
        assert getattr(verified, field) == getattr(claimed, field)
    assert verified.trust == "aws"
    assert verified.document == real.data
    assert verified.module_id in repr(verified)
    assert verified.pcrs[0].hex()[:8] in repr(verified)

    with pytest.raises(errors.CertificateExpired):
        verify(now=real.made + timedelta(hours=4))
    with pytest.raises(errors.DocumentTooOld):
        verify(now=real.made + timedelta(minutes=6))
    assert verify(now=real.made + timedelta(minutes=6), max_age=timedelta(minutes=10))
    with pytest.raises(errors.PcrMismatch) as raised:
        verify(policy=any_policy())
    assert raised.value.actual == claimed.pcrs[0].hex()
    with pytest.raises(errors.NonceMismatch):
        verify(nonce=b"another")
    assert verified.nonce_checked is (claimed.nonce is not None)
    assert not verify(nonce=None).nonce_checked
    with pytest.raises(errors.TrustRootMismatch):
        verify(trust_roots=attestation.TrustRoots([FORM]))

    cache = attestation.ChainCache()
    for _ in range(2):
        verify(cache=cache)
    assert len(cache) > 0
    with pytest.raises(errors.CertificateExpired):
        verify(cache=cache, now=real.made + timedelta(hours=4))


@pytest.mark.parametrize("data", [b"", b"x", bytes(100), b"\x84" + bytes(40_000)])
def test_bytes_that_are_no_document(data):
    with pytest.raises(errors.DocumentMalformed):
        attestation.inspect(data)
    with pytest.raises(errors.DocumentMalformed):
        attestation.verify(data, policy=any_policy(), nonce=None)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"now": datetime(2030, 1, 1)}, ValueError),  # noqa: DTZ001 - that is the mistake
        ({"now": datetime(1960, 1, 1, tzinfo=UTC)}, ValueError),
        ({"now": 5}, TypeError),
        ({"now": date(2030, 1, 1)}, TypeError),
        ({"max_age": timedelta(seconds=-1)}, ValueError),
        ({"max_age": 300}, TypeError),
        ({"nonce": "text"}, TypeError),
        ({"nonce": 5}, TypeError),
        ({"nonce": [300]}, TypeError),
        ({"policy": None}, TypeError),
        ({"policy": "policy.toml"}, TypeError),
        ({"trust_roots": [FORM]}, TypeError),
        ({"cache": {}}, TypeError),
    ],
)
def test_arguments_of_another_kind(arguments, error):
    with pytest.raises(error):
        attestation.verify(b"x", **{"policy": any_policy(), "nonce": None, **arguments})


def test_what_only_verification_can_make():
    for kind in (attestation.VerifiedAttestation, attestation.UnverifiedAttestation):
        with pytest.raises(TypeError):
            kind()
