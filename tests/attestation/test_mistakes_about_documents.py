"""What verifiers of attestation documents have got wrong, tried with `attestation.verify`.

The core has its own tests of these (`attest_rules/prior_mistakes.rs`); here the package is asked,
with documents that share no code with it.
"""

import inspect
from datetime import timedelta

import pytest

from pycape import attestation, errors, policy

from . import cbor
from .forge import NONCE, NOW, PCRS, document, enclose, leaf, payload, sign
from .judge import ENCLAVE, INSTANCE, REGION, ROOT, SOUND, refused, verify


def test_without_a_defect_it_is_accepted():
    assert verify(document(SOUND)).pcrs == PCRS


@pytest.mark.parametrize("pcrs", [{}, {3: PCRS[3]}, {1: PCRS[1]}, {0: bytes(48)}])
def test_pcr_check_skipped_when_the_argument_is_absent_or_empty(pcrs):
    assert inspect.signature(attestation.verify).parameters["policy"].default is inspect._empty
    with pytest.raises(TypeError):
        verify(document(SOUND), policy=None)
    with pytest.raises(ValueError, match="release"):
        policy.Policy([])
    with pytest.raises(ValueError, match="PCR0"):
        policy.Release(pcrs)


def test_all_none_pcrs_pass():
    with pytest.raises(TypeError):
        policy.Release(dict.fromkeys(range(3)))
    with pytest.raises(TypeError):
        policy.Release(None)


def test_only_pcr_bytes_compared_and_no_signature_checked():
    content = cbor.encode(payload(SOUND))
    refused(errors.SignatureInvalid, enclose(content, bytes(96)))
    refused(errors.SignatureInvalid, enclose(content, b"\1" * 96))
    refused(errors.SignatureInvalid, sign(content, INSTANCE.key))
    genuine = document(SOUND)
    for altered in (PCRS[0], NONCE):
        at = genuine.index(altered)
        forged = genuine[:at] + bytes([genuine[at] ^ 1]) + genuine[at + 1 :]
        fits = policy.Policy([policy.Release({0: attestation.inspect(forged).pcrs[0]})])
        nonce = attestation.inspect(forged).nonce
        refused(errors.SignatureInvalid, forged, policy=fits, nonce=nonce)


@pytest.mark.parametrize("certificate", [..., None, b""], ids=["absent", "null", "empty"])
def test_certificate_missing_and_so_no_signature_checked(certificate):
    refused(errors.DocumentMalformed, document(SOUND, certificate=certificate))


@pytest.mark.parametrize("cabundle", [..., None, []], ids=["absent", "null", "empty"])
def test_cabundle_missing_and_so_no_chain_checked(cabundle):
    refused(errors.DocumentMalformed, document(SOUND, cabundle=cabundle))


def test_duplicate_map_keys_of_which_the_last_wins():
    fields = list(payload(SOUND).items())
    for twice in ("pcrs", "nonce", "certificate"):
        pairs = cbor.Pairs([(twice, payload(SOUND)[twice]), *fields])
        refused(errors.DocumentMalformed, sign(cbor.encode(pairs), ENCLAVE.key))


def test_trailing_bytes_after_the_payload():
    content = cbor.encode(payload(SOUND))
    refused(errors.DocumentMalformed, sign(content + b"\0", ENCLAVE.key))
    refused(errors.DocumentMalformed, document(SOUND) + b"\0")


def test_duplicate_pcr_index():
    for pair in ((0, PCRS[0]), (0, b"\xee" * 48), (15, PCRS[15])):
        pcrs = cbor.Pairs([*PCRS.items(), pair])
        refused(errors.DocumentMalformed, document(SOUND, pcrs=pcrs))


def test_an_all_zero_pcr_dropped_and_its_pin_passed_over():
    pinned = policy.Policy([policy.Release({0: PCRS[0], 8: PCRS[8]})])
    assert verify(document(SOUND), policy=pinned)
    zero = document(SOUND, pcrs={**PCRS, 8: bytes(48)})
    assert refused(errors.PcrMismatch, zero, policy=pinned).index == 8
    absent = {index: value for index, value in PCRS.items() if index != 8}
    assert refused(errors.PcrMismatch, document(SOUND, pcrs=absent), policy=pinned).index == 8


@pytest.mark.parametrize("index", [0, 1, 2])
def test_debug_documents_accepted(index):
    pinned = policy.Policy([policy.Release({8: PCRS[8]})])
    debug = document(SOUND, pcrs={**PCRS, index: bytes(48)})
    refused(errors.DebugModeEnclave, debug, policy=pinned)
    untold = {i: value for i, value in PCRS.items() if i != index}
    refused(errors.DebugModeEnclave, document(SOUND, pcrs=untold), policy=pinned)


def test_timestamp_unused():
    for away, accepted in (
        (timedelta(minutes=5), True),
        (timedelta(minutes=5, milliseconds=1), False),
        (timedelta(minutes=-2), True),
        (timedelta(minutes=-2, milliseconds=-1), False),
    ):
        data = document(SOUND, timestamp=int((NOW - away).timestamp() * 1000))
        if accepted:
            assert verify(data)
        else:
            refused(errors.DocumentTooOld, data)


def test_nonce_optional():
    assert inspect.signature(attestation.verify).parameters["nonce"].default is inspect._empty
    refused(errors.NonceMismatch, document(SOUND, nonce=None))
    refused(errors.NonceMismatch, document(SOUND, nonce=None), nonce=b"")
    refused(errors.NonceMismatch, document(SOUND, nonce=b""))
    refused(errors.NonceMismatch, document(SOUND, nonce=NONCE[:-1]))
    refused(errors.NonceMismatch, document(SOUND, nonce=NONCE + b"\0"))
    refused(errors.DocumentMalformed, document(SOUND, nonce=...), "nonce")


@pytest.mark.parametrize("half", [slice(-96, -48), slice(-48, None)], ids=["r", "s"])
def test_leading_zero_of_a_signature_dropped(half):
    short = next(data for _ in range(1 << 13) if (data := document(SOUND))[half][0] == 0)
    assert verify(short)


def test_mock_that_skips_the_checks(monkeypatch):
    """Code that is not judged is all that the insecure policy leaves out."""
    from pycape import insecure

    monkeypatch.setattr("pycape.insecure._warned", False)
    with pytest.warns(RuntimeWarning):
        anything = insecure.any_code()
    assert verify(document(SOUND), policy=anything)
    for expected, data in {
        errors.ChainInvalid: document([*SOUND, leaf(ENCLAVE)]),
        errors.TrustRootMismatch: document([REGION, leaf(REGION)]),
        errors.SignatureInvalid: sign(cbor.encode(payload(SOUND)), ROOT.key),
        errors.DocumentTooOld: document(SOUND, timestamp=1),
        errors.NonceMismatch: document(SOUND, nonce=b"another"),
        errors.DebugModeEnclave: document(SOUND, pcrs={**PCRS, 0: bytes(48)}),
        errors.DocumentMalformed: document(SOUND, digest="SHA256"),
    }.items():
        refused(expected, data, policy=anything)


@pytest.mark.parametrize("index", [3, 4])
def test_relay_to_the_same_code_on_another_machine(index):
    """The same image on the attacker's own machine: the role or the instance tells them apart."""
    pinned = policy.Policy([policy.Release({0: PCRS[0], index: PCRS[index]})])
    assert verify(document(SOUND), policy=pinned)
    elsewhere = document(SOUND, pcrs={**PCRS, index: b"\xaa" * 48})
    assert refused(errors.PcrMismatch, elsewhere, policy=pinned).index == index


def test_what_a_document_claims_written_on_a_terminal():
    """Anybody may have written it, so its control characters are told, not obeyed."""
    forged = document(SOUND, module_id="i-0\x1b[2J\u202e")
    shown = repr(attestation.inspect(forged))
    assert shown.isprintable()
    assert "i-0\\u{1b}[2J\\u{202e}" in shown
