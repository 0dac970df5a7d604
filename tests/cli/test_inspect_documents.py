"""cape inspect: attestation documents, their debug mode, and their form."""

import pytest
from tests.attestation.judge_vector import judge
from tests.attestation.vectors.chain import NOW_MS as FORGED_AT_MS
from tests.attestation.vectors.chain import ROOT
from tests.attestation.vectors.document import NONCE, PCRS, POLICY, document, enclose, payload

from pycape import attestation, errors

ZERO = bytes(48)


def test_an_attestation_document_looks_like_a_release_or_not(cape, stranger, platform, tmp_path):
    (tmp_path / "file").write_bytes(platform.profile.birth)
    assert cape.data("inspect", "file")["facts"]["looks_like_release"] == "local"
    data = stranger.data("inspect", "file")
    assert data["facts"]["looks_like_release"] is None
    assert "cape attest --file" in " ".join(data["words"])


@pytest.mark.parametrize(
    "pcrs",
    [
        *({**PCRS, index: ZERO} for index in range(3)),
        *({other: PCRS[other] for other in PCRS if other != index} for index in range(3)),
        dict.fromkeys(PCRS, ZERO),
        {},
    ],
    ids=["0 zero", "1 zero", "2 zero", "0 untold", "1 untold", "2 untold", "all zero", "none"],
)
def test_debug_mode_is_what_the_verifier_calls_so(stranger, pcrs):
    pcrs = pcrs or {8: PCRS[8]}
    debugged = document(pcrs=pcrs)
    vector = {"trust_root": ROOT, "purpose": "any", "nonce": NONCE, "document": debugged}
    times = {"now_ms": FORGED_AT_MS, "max_age_ms": 300_000}
    with pytest.raises(errors.DebugModeEnclave):
        judge({**vector, **times, "policy": POLICY})
    assert stranger.data("inspect", "-", stdin=debugged)["facts"]["debug_mode"] is True
    assert "debug mode  yes" in stranger.ok("inspect", "-", stdin=debugged).text


def test_without_debug_mode(stranger):
    signed = document(pcrs={**PCRS, 3: ZERO, 8: ZERO})
    assert stranger.data("inspect", "-", stdin=signed)["facts"]["debug_mode"] is False


@pytest.mark.parametrize(
    "data",
    [
        document(module_id="i" * (16_384 - 2 - len(payload(module_id="")))),
        b"\x9f" + document()[1:] + b"\xff",
        b"\xd2\x9f" + document()[1:] + b"\xff",
        b"\xd2" + document(),
    ],
    ids=["16 KiB", "indefinite", "indefinite with its tag", "tagged"],
)
def test_documents_of_every_form_that_verify_takes(stranger, tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    for source in ("file", "-"):
        facts = stranger.data("inspect", source, stdin=data)["facts"]
        assert facts["size"] == len(data)
        assert facts["nonce"] == NONCE.hex()


@pytest.mark.parametrize(
    "data",
    [
        document() + b"\0",
        document().ljust(32_769, b"\0"),
        document()[:-1],
        b"\x9f" + document()[1:],
        document(digest="SHA256"),
        document(nonce=...),
        document(module_id="i-" + "a" * 16_384),
        enclose(protected=b"\xa0"),
    ],
    ids=["behind", "too large", "cut", "no end", "digest", "field", "payload", "header"],
)
def test_a_document_out_of_form_is_told_as_verify_tells_it(stranger, tmp_path, data):
    with pytest.raises(errors.DocumentMalformed) as raised:
        attestation.inspect(data)
    (tmp_path / "file").write_bytes(data)
    error = stranger.error("inspect", "file")
    assert (error["status"], error["code"]) == (77, errors.DocumentMalformed.code)
    assert error["message"] == str(raised.value)
