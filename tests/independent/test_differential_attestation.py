"""Two verifiers of one page: both accept the same documents, and refuse the others alike."""

import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_der_x509_certificate
from hypothesis import given, settings
from hypothesis import strategies as st

import pycape.errors
from pycape import attestation as theirs
from pycape import policy as their_policy
from pycape.attestation import TrustRoots

from . import attestation, cbor, errors, minted, policy
from .minted import Certificate, leaf

NOW_MS = 1_800_000_000_000
NOW = NOW_MS // 1000
NONCE, VAULT = bytes(range(32)), bytes([9]) * 32
PCRS = {index: bytes([index + 1]) * 48 for index in range(16)}
USER_DATA = {"v": 2, "use": "session", "vault": VAULT, "runtime": bytes(32), "receipts": bytes(32)}
RELEASES = [{"name": "one", "pcr0": PCRS[0].hex(), "vault": VAULT.hex()}]

# Root, one authority, and leaf. Most tests sign with these; those about certificates make others.
ROOT = Certificate("root").issue(None)
CHAIN = [ROOT, (authority := Certificate("authority").issue(ROOT)), leaf().issue(authority)]


def signed(chain=None, *, user_data=None, **changes):
    chain = chain or CHAIN
    stated = cbor.encode({**USER_DATA, **(user_data or {})})
    members = minted.members(chain, **{"nonce": NONCE, "user_data": stated, **changes})
    return minted.document(chain, members)


GOOD = signed()


def verdicts(document, root=ROOT, releases=RELEASES, now_ms=NOW_MS):
    """Return what each verifier says: None, or the name of the error."""
    toml = "".join(map(release_table, releases))
    ours = outcome(
        lambda: attestation.verify_session(
            document,
            nonce=NONCE,
            trust_roots=[root.der],
            releases=policy.read(toml),
            now_ms=now_ms,
        )
    )
    package = outcome(
        lambda: theirs.verify(
            document,
            policy=their_policy.parse(toml, "policy"),
            nonce=NONCE,
            trust_roots=TrustRoots.development([root.der]),
            now=minted.EPOCH + datetime.timedelta(milliseconds=now_ms),
        )
    )
    return ours, package


def release_table(release):
    dates = {"not_after"}
    lines = [
        f"{key} = {value}" if key in dates else f'{key} = "{value}"'
        for key, value in release.items()
    ]
    return "\n".join(["[[release]]", *lines, ""])


def outcome(verify):
    try:
        verify()
    except (errors.CapeError, pycape.errors.CapeError) as error:
        return type(error).__name__
    return None


def both(expected):
    return (expected, expected)


def test_a_good_document():
    assert verdicts(GOOD) == both(None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"nonce": bytes(32)}, "NonceMismatch"),
        ({"nonce": None}, "NonceMismatch"),
        ({"pcrs": PCRS | {1: bytes(48)}}, "DebugModeEnclave"),
        ({"pcrs": {0: PCRS[0], 2: PCRS[2]}}, "DebugModeEnclave"),
        ({"pcrs": PCRS | {0: bytes([7]) * 48}}, "PcrMismatch"),
        ({"user_data": {"vault": bytes(32)}}, "VaultMismatch"),
        ({"module_id": ""}, "DocumentMalformed"),
        ({"digest": "SHA512"}, "DocumentMalformed"),
        ({"timestamp": 0}, "DocumentMalformed"),
        ({"timestamp": None}, "DocumentMalformed"),
        ({"pcrs": {}}, "DocumentMalformed"),
        ({"pcrs": PCRS | {32: bytes(48)}}, "DocumentMalformed"),
        ({"pcrs": PCRS | {3: bytes(47)}}, "DocumentMalformed"),
        ({"cabundle": []}, "DocumentMalformed"),
        ({"cabundle": [ROOT.der, b""]}, "DocumentMalformed"),
        ({"certificate": bytes(1025)}, "DocumentMalformed"),
        ({"nonce": bytes(1025)}, "DocumentMalformed"),
        ({"extra": None}, "DocumentMalformed"),
        ({"cabundle": [CHAIN[1].der, ROOT.der]}, "TrustRootMismatch"),
        ({"cabundle": [ROOT.der]}, "ChainInvalid"),
        ({"certificate": CHAIN[1].der}, "ChainInvalid"),
    ],
)
def test_documents_of_which_one_thing_is_wrong(changes, expected):
    assert verdicts(signed(**changes)) == both(expected)


@pytest.mark.parametrize(
    ("offset_ms", "expected"),
    [
        (-300_001, "DocumentTooOld"),
        (-300_000, None),
        (120_000, None),
        (120_001, "DocumentTooOld"),
    ],
)
def test_the_first_and_the_last_time_of_a_document(offset_ms, expected):
    assert verdicts(signed(timestamp=NOW_MS + offset_ms)) == both(expected)


@pytest.mark.parametrize("which", ["root", "authority", "leaf"])
@pytest.mark.parametrize(
    ("period", "now_ms", "made_ms", "expected"),
    [
        ({"end": NOW}, NOW_MS + 999, NOW_MS + 999, None),
        ({"end": NOW}, NOW_MS + 1000, NOW_MS, "CertificateExpired"),
        ({"end": NOW}, NOW_MS + 999, NOW_MS + 1000, "DocumentTooOld"),
        ({"begin": NOW}, NOW_MS, NOW_MS, None),
        ({"begin": NOW}, NOW_MS - 1, NOW_MS, "CertificateExpired"),
        ({"begin": NOW}, NOW_MS, NOW_MS - 1, "DocumentTooOld"),
    ],
)
def test_the_first_and_the_last_second_of_a_certificate(which, period, now_ms, made_ms, expected):
    chain = issue(**{which: period})
    document = signed(chain, timestamp=made_ms)
    assert verdicts(document, root=chain[0], now_ms=now_ms) == both(expected)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({"root": {"path_length": 1}, "authority": {"path_length": 0}}, None),
        ({"root": {"path_length": 0}}, "ChainInvalid"),
        ({"authority": {"ca": False}}, "ChainInvalid"),
        ({"authority": {"usages": {"digital_signature"}}}, "ChainInvalid"),
        ({"authority": {"usages": {"digital_signature", "key_cert_sign"}}}, None),
        ({"authority": {"curve": ec.SECP256R1()}}, "ChainInvalid"),
        ({"leaf": {"ca": True}}, "ChainInvalid"),
        ({"leaf": {"usages": {"key_cert_sign", "digital_signature"}}}, "ChainInvalid"),
        ({"leaf": {"usages": {"content_commitment"}}}, "ChainInvalid"),
        ({"leaf": {"usages": {"content_commitment", "digital_signature"}}}, None),
    ],
)
def test_what_certificates_may_do(what, expected):
    chain = issue(**what)
    assert verdicts(signed(chain), root=chain[0]) == both(expected)


def issue(root=None, authority=None, leaf=None):
    """Issue a chain whose certificates differ from good ones as said."""
    top = Certificate("root", **(root or {})).issue(None)
    middle = Certificate("authority", **(authority or {})).issue(top)
    return [top, middle, minted.leaf(**(leaf or {})).issue(middle)]


OTHER = bytes([0xEE]) * 48


@pytest.mark.parametrize(
    ("releases", "expected"),
    [
        ([{"not_after": "2027-01-15T08:00:00Z"}], None),
        ([{"not_after": "2027-01-15T07:59:59Z"}], "PcrMismatch"),
        ([{"not_after": "2027-01-15"}], None),
        ([{"not_after": "2027-01-14"}], "PcrMismatch"),
        ([{"pcr1": OTHER.hex()}], "PcrMismatch"),
        ([{"pcr31": OTHER.hex()}], "PcrMismatch"),
        ([{"pcr1": OTHER.hex()}, {}], None),
        ([{"vault": "00" * 32}, {"pcr1": OTHER.hex()}], "VaultMismatch"),
        ([{"pcr1": OTHER.hex()}, {"vault": "00" * 32}], "VaultMismatch"),
        ([{"vault": "00" * 32}, {"not_after": "2020-01-01"}], "PcrMismatch"),
        ([{"pcr0": "00" * 48}], "ConfigError"),
        ([{"pcr0": "00" * 48, "pcr1": PCRS[1].hex()}], "ConfigError"),
        ([{"pcr0": OTHER.hex()[:-2]}], "ConfigError"),
        ([{"vault": "00"}], "ConfigError"),
        ([{"pcr01": OTHER.hex()}], "ConfigError"),
        ([{"pcr32": OTHER.hex()}], "ConfigError"),
        ([{"other": ""}], "ConfigError"),
        ([{"not_after": "2027-01-15T08:00:00"}], "ConfigError"),
        ([{"not_after": "2027-01-15T08:00:00+01:00"}], "ConfigError"),
        ([{"not_after": "2027-01-15T08:00:00.5Z"}], "ConfigError"),
    ],
)
def test_policies(releases, expected):
    releases = [{**RELEASES[0], **changes} for changes in releases]
    assert verdicts(GOOD, releases=releases) == both(expected)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_altered_documents(data):
    document = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        document[data.draw(st.integers(0, len(document) - 1))] = data.draw(st.integers(0, 255))
    ours, package = verdicts(bytes(document))
    assert ours == package
    assert ours is not None or document == GOOD


def test_a_spare_bit_behind_a_certificates_signature():
    """Neither signed nor ever right: the number of bits left over stands before the signature."""
    for certificate in CHAIN[1:]:
        place = GOOD.index(certificate.der) + len(certificate.der)
        place -= len(load_der_x509_certificate(certificate.der).signature) + 1
        for spare in (1, 2, 7):
            altered = GOOD[:place] + bytes([spare]) + GOOD[place + 1 :]
            assert verdicts(altered) == both("ChainInvalid")


def test_a_document_that_is_cut_or_has_more():
    for length in range(0, len(GOOD), 7):
        assert verdicts(GOOD[:length]) == both("DocumentMalformed")
    assert verdicts(GOOD + b"\0") == both("DocumentMalformed")
    assert verdicts(b"\xd2" + GOOD) == both(None)
    assert verdicts(b"\xd3" + GOOD) == both("DocumentMalformed")
    assert verdicts(b"\xd2\xd2" + GOOD) == both("DocumentMalformed")
