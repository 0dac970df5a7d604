"""cape attest: each check with its evidence, of an enclave now, and of a document that was kept."""

import json
import re
from types import SimpleNamespace

import pytest
from tests.attestation.judge_vector import judge
from tests.attestation.vectors.chain import NOW_MS, ROOT
from tests.attestation.vectors.document import NONCE, POLICY, document

from pycape import attestation, errors
from pycape._clock import show_time
from pycape.cli._verdict import Verdict

CHECKS = [
    "form",
    "trust root",
    "chain",
    "signature",
    "age",
    "nonce",
    "purpose",
    "debug mode",
    "measurements",
    "vault",
]


def judged(**changes) -> attestation.VerifiedAttestation:
    """Return what a sound document with these fields proved."""
    vector = {"trust_root": ROOT, "policy": POLICY, "purpose": "any", "nonce": NONCE}
    times = {"now_ms": NOW_MS, "max_age_ms": 300_000}
    return judge({"document": document(**changes), **vector, **times})


@pytest.fixture
def kept(cape):
    """What `--save` keeps: a document, and the verdict beside it."""
    cape.ok("attest", "--save", "doc.cbor")
    return "doc.cbor"


def test_an_enclave_that_is_approved(cape):
    data = cape.data("attest")
    assert [check["name"] for check in data["checks"]] == CHECKS
    assert all(check["held"] for check in data["checks"])
    assert (data["trust"], data["release"]) == ("development", "local")
    assert len(data["chain"]) == 5
    assert data["runtime"]["mode"] == "development"
    assert abs(data["runtime"]["clock_ahead_ms"]) <= 5000
    layers = data["runtime"]["isolation"]
    assert all(layer["on"] for layer in layers if layer["required"])
    assert all(layer["off_because"] for layer in layers if not layer["on"])


def layers(**off: str) -> list[SimpleNamespace]:
    """Seventeen layers, of which some are off."""
    names = [f"layer_of_isolation_{number}" for number in range(17 - len(off))]
    because = {**dict.fromkeys(names), **off}
    return [
        SimpleNamespace(name=name, required=False, off_because=reason)
        for name, reason in because.items()
    ]


def of_runtime(isolation: list[SimpleNamespace]) -> str:
    told = {"version": "4", "mode": "development", "python": "3.11", "platform": "x"}
    runtime = SimpleNamespace(**told, vault_backends=[], isolation=isolation)
    description = SimpleNamespace(runtime=runtime, clock_ms=None, module_clock_ms=None)
    return Verdict("enclave", judged(), [], description).as_text()


def test_layers_that_are_off_come_first_with_the_reason():
    text = of_runtime(layers(control_group="version 2 has no controller memory here, " * 3))
    _, _, told = text.partition("\nisolation of functions: ")
    first, off, *rest = told.splitlines()
    assert first == "16 of 17 layers are on"
    assert off.startswith("  OFF  control_group  version 2 has no controller")
    on = "\n".join(rest).partition("  on   ")[2]
    assert len(re.findall(r"layer_of_isolation_\d+", on)) == 16
    assert max(map(len, text.splitlines())) <= 80
    assert "INSECURE" not in text


def test_all_layers_on_are_few_lines():
    told = of_runtime(layers()).partition("\nisolation of functions: ")[2]
    assert told.startswith("all 17 layers are on\n  on   layer")
    assert "OFF" not in told


def test_a_layer_that_somebody_switched_off_is_loud(careless):
    text = careless.ok("attest").text
    warning = "INSECURE: the settings switch off layers around functions: landlock, memory_watch"
    joined = re.sub(r"\s+", " ", text)
    assert joined.count(warning) == 2
    head = re.sub(r"\s+", " ", text.partition("  held    form")[0])
    assert warning in head, "above the checks"
    assert re.search(r"^  OFF  landlock +the settings switch it off \(insecure_off\)$", text, re.M)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("ahead_ms", "said"),
    [
        (None, None),
        (-5_000, "agrees with its security module's"),
        (5_600, "6 s ahead of its security module's"),
        (-61_000, "61 s behind its security module's: it judges nothing"),
    ],
)
def test_an_enclave_whose_clock_differs_says_so(ahead_ms, said):
    module = None if ahead_ms is None else NOW_MS
    clock = {"clock_ms": NOW_MS + (ahead_ms or 0), "module_clock_ms": module}
    told = {"version": "4", "mode": "development", "python": "3.11", "platform": "x"}
    runtime = SimpleNamespace(**told, vault_backends=[], isolation=[])
    description = SimpleNamespace(runtime=runtime, **clock)
    verdict = Verdict("enclave", judged(), [], description)
    assert verdict.as_json()["runtime"]["clock_ahead_ms"] == ahead_ms
    [row] = re.findall(r"^  clock +(.*)$", verdict.as_text(), re.MULTILINE) or [None]
    assert row == said


def test_a_person_sees_the_same(cape):
    text = cape.ok("attest").text
    for check in CHECKS:
        assert re.search(rf"^  held    {check}  ", text, re.MULTILINE), check
    assert "development: a root of somebody's own vouches for this enclave, not AWS" in text
    pcr0 = cape.data("attest")["pcrs"]["0"]
    assert pcr0 in re.sub(r"\s+", "", text)


def test_measurements_as_the_first_system_showed_them(cape):
    assert cape.data("get-pcrs")["pcrs"]["0"] == [cape.data("attest")["pcrs"]["0"]]


def test_the_address_may_be_an_argument(cape, platform):
    assert cape.data("attest", platform.url)["subject"] == platform.url
    assert cape.error("attest", "http://127.0.0.1:1")["status"] == 69


def test_another_policy_refuses_it_and_says_how_far_it_came(cape, tmp_path):
    policy = cape.ok("config", "export").text.partition("[[release]]")
    text = re.sub(r'(pcr1 = ")..', r"\g<1>ff", policy[1] + policy[2])
    (tmp_path / "policy.toml").write_text(text)
    refused = cape("attest", "--policy", "policy.toml")
    assert refused.status == 77
    told = refused.text.splitlines()
    assert [line.split("  ")[1] for line in told[:8]] == ["held"] * 8
    assert told[8].startswith("  FAILED  measurements  PCR1")
    assert refused.text.rstrip().endswith("-       vault         not reached")
    error = cape.error("attest", "--policy", "policy.toml")
    assert error["code"] == errors.PcrMismatch.code
    held = {check["name"]: check["held"] for check in error["data"]["checks"]}
    assert held == {**dict.fromkeys(CHECKS[:8], True), "measurements": False, "vault": None}


@pytest.fixture
def other_policy(cape, tmp_path):
    """A policy of a release with another PCR1; return what it has to be."""
    profile = cape.ok("config", "export").text
    text = re.sub(r'(pcr1 = ")..', r"\g<1>ff", profile[profile.index("[[release]]") :])
    (tmp_path / "policy.toml").write_text(text)
    return re.search(r'pcr1 = "([0-9a-f]{96})"', text)[1]


def test_what_a_refusal_was_by_is_told_whole(cape, other_policy):
    measured = cape.data("attest")
    data = cape.error("attest", "--policy", "policy.toml")["data"]
    actual = measured["pcrs"]["1"]
    told = {"release": "local", "index": 1, "expected": other_policy, "actual": actual}
    assert (data["verdict"], data["mismatch"]) == ("refused", told)
    assert data["because"]["code"] == errors.PcrMismatch.code
    evidence = {check["name"]: check["evidence"] for check in data["checks"]}
    approved = {check["name"]: check["evidence"] for check in measured["checks"]}
    for name in ("trust root", "signature", "purpose", "debug mode"):
        assert evidence[name] == approved[name]
    assert evidence["form"].startswith("COSE_Sign1 with ES384, ")
    assert evidence["age"].endswith(" s, of at most 300 s")
    assert evidence["nonce"].startswith("answers the challenge ")
    assert f"expected {other_policy} actual {actual}" in evidence["measurements"]
    assert data["claims"]["pcrs"]["1"] == actual
    text = cape("attest", "--policy", "policy.toml").text
    assert max(map(len, text.splitlines())) <= 80
    joined = re.sub(r"\s+", "", text)
    assert f"expected{other_policy}actual{actual}" in joined


def test_a_document_that_was_refused_is_kept_as_evidence(cape, other_policy, tmp_path):
    outcome = cape("attest", "--policy", "policy.toml", "--save", "refused")
    assert outcome.status == 77
    assert "kept the refused document in refused, the verdict in refused.json\n" in outcome.stderr
    verdict = json.loads((tmp_path / "refused.json").read_text())
    assert (verdict["verdict"], verdict["mismatch"]["expected"]) == ("refused", other_policy)
    assert verdict["claims"]["nonce"]
    document = (tmp_path / "refused").read_bytes()
    assert verdict["claims"]["nonce"] == attestation.inspect(document).nonce.hex()
    again = cape.data("attest", "-f", "refused", "--nonce", verdict["claims"]["nonce"])
    assert (again["verdict"], again["nonce_checked"]) == ("approved", True), "by the true policy"
    offline = ["attest", "-f", "refused", "--any-nonce", "--policy", "policy.toml"]
    assert cape(*offline, "--profile", "local", "--save", "copy").status == 77
    assert (tmp_path / "copy").read_bytes() == document
    verdict = json.loads((tmp_path / "copy.json").read_text())
    assert (verdict["subject"], verdict["verdict"]) == ("refused", "refused")


def test_what_breaks_the_form_is_kept_too(cape, tmp_path):
    (tmp_path / "broken").write_bytes(b"\xa0")
    assert cape("attest", "-f", "broken", "--any-nonce", "--save", "kept").status == 65
    verdict = json.loads((tmp_path / "kept.json").read_text())
    assert (verdict["verdict"], verdict["claims"]) == ("refused", None)
    assert (tmp_path / "kept").read_bytes() == b"\xa0"


def test_lines_are_for_a_terminal_of_80_columns(cape, kept):
    for words in (["attest"], ["attest", "-f", kept, "--any-nonce"]):
        assert max(map(len, cape.ok(*words).text.splitlines())) <= 80
    module = "i-0123456789abcdef0-enc0123456789abcdef0" * 3
    text = Verdict("a" * 200, judged(module_id=module), [], None).as_text()
    assert max(map(len, text.splitlines())) <= 80
    joined = re.sub(r"\s+", "", text)
    assert f"measurementsof{module}" in joined
    assert "a" * 200 + ":agenuineenclave" in joined


def test_what_nobody_asked_for_did_not_hold(cape, kept, tmp_path):
    profile = cape.ok("config", "export").text
    policy = re.sub(r'(pcr1 = ")..', r"\g<1>ff", profile[profile.index("[[release]]") :])
    (tmp_path / "policy.toml").write_text(policy)
    refused = ["attest", "-f", kept, "--any-nonce", "--policy", "policy.toml"]
    error = cape.error(*refused, "--profile", "local")
    held = {check["name"]: check["held"] for check in error["data"]["checks"]}
    assert (held["age"], held["nonce"], held["measurements"]) == (True, None, False)


def test_a_policy_alone_is_judged_by_the_root_of_aws(cape, kept, tmp_path):
    profile = cape.ok("config", "export").text
    (tmp_path / "policy.toml").write_text(profile[profile.index("[[release]]") :])
    kept_by_policy = ["attest", "-f", kept, "--any-nonce", "--policy", "policy.toml"]
    assert cape.error(*kept_by_policy)["code"] == errors.TrustRootMismatch.code
    assert cape.data(*kept_by_policy, "--profile", "local")["trust"] == "development"


def test_only_the_release_that_fits_is_told_of(cape, kept, tmp_path):
    profile = cape.ok("config", "export").text
    mine = re.sub(r"\nvault = .*", "", profile[profile.index("[[release]]") :])
    others = f'[[release]]\nname = "others"\npcr0 = "{"99" * 48}"\nvault = "{"11" * 32}"\n'
    (tmp_path / "policy.toml").write_text(f"{mine}\n{others}not_after = 2020-01-01\n")
    by_policy = ["attest", "-f", kept, "--any-nonce", "--policy", "policy.toml"]
    told = cape.ok(*by_policy, "--profile", "local").text
    assert "FAILED" not in told
    assert "  -       vault         release 'local' names none" in told.splitlines()
    data = cape.data(*by_policy, "--profile", "local")
    held = {check["name"]: check["held"] for check in data["checks"]}
    assert held["measurements"] is True
    assert [name for name, each in held.items() if each is None] == ["nonce", "purpose", "vault"]


def test_a_document_that_was_kept(cape, kept, tmp_path):
    verdict = json.loads((tmp_path / "doc.cbor.json").read_text())
    data = cape.data("attest", "--file", kept, "--any-nonce")
    assert data["document_sha384"] == verdict["document_sha384"]
    unasked = [check["name"] for check in data["checks"] if not check["held"]]
    assert unasked == ["nonce", "purpose"]
    assert data["runtime"] is None
    at = verdict["timestamp"]
    assert cape.data("attest", "-f", kept, "--any-nonce", "--at", at)["subject"] == kept


def test_what_a_document_carries_is_told_and_kept(cape, kept, tmp_path):
    claimed = attestation.inspect((tmp_path / kept).read_bytes())
    verdict = json.loads((tmp_path / "doc.cbor.json").read_text())
    assert (verdict["nonce"], verdict["nonce_checked"]) == (claimed.nonce.hex(), True)
    assert (verdict["public_key"], verdict["user_data"]) == (None, claimed.user_data.hex())
    said = verdict["user_data_says"]
    assert said.keys() == {"v", "use", "vault", "runtime", "receipts"}
    assert (said["v"], said["use"], said["vault"]) == (2, "session", verdict["vault"])
    assert claimed.user_data.hex().endswith(said["receipts"])
    assert said["runtime"] in claimed.user_data.hex()
    text = cape.ok("attest", "--file", kept, "--any-nonce").text
    carried = text.partition("\nwhat the document carries\n")[2]
    assert max(map(len, carried.splitlines())) <= 80
    joined = re.sub(r"\s+", "", carried)
    assert f"nonce{verdict['nonce']}" in joined
    assert f"publickeynoneuserdata{verdict['user_data']}" in joined
    for name in ("use", "vault", "runtime", "receipts"):
        assert f"{name}{said[name]}" in joined


def test_the_nonce_that_was_kept_is_the_one_to_judge_by(cape, kept, tmp_path):
    verdict = json.loads((tmp_path / "doc.cbor.json").read_text())
    data = cape.data("attest", "--file", kept, "--nonce", verdict["nonce"])
    assert (data["nonce"], data["nonce_checked"]) == (verdict["nonce"], True)
    evidence = f"answers the challenge {verdict['nonce'][:16]}..."
    assert {"name": "nonce", "held": True, "evidence": evidence} in data["checks"]
    data = cape.data("attest", "--file", kept, "--any-nonce")
    assert (data["nonce"], data["nonce_checked"]) == (verdict["nonce"], False)


def test_a_birth_document_says_what_keeps_the_secret(cape, platform, tmp_path):
    (tmp_path / "birth.cbor").write_bytes(platform.profile.birth)
    at = show_time(attestation.inspect(platform.profile.birth).timestamp)
    data = cape.data("attest", "-f", "birth.cbor", "--any-nonce", "--at", at)
    assert (data["nonce"], data["nonce_checked"]) == (None, False)
    assert data["user_data_says"] == {
        "v": 2,
        "use": "vault-birth",
        "key": "file",
        "vault": data["vault"],
    }


def test_user_data_of_others_is_only_shown():
    verified = judged(user_data=b"hello", public_key=b"\x01\x02")
    verdict = Verdict("file", verified, [], None)
    told = verdict.as_json()
    assert (told["user_data"], told["user_data_says"]) == (b"hello".hex(), None)
    assert told["public_key"] == "0102"
    assert f"user data   {b'hello'.hex()}" in verdict.as_text()


def test_a_document_is_judged_at_the_time_that_is_named(cape, kept):
    error = cape.error("attest", "-f", kept, "--any-nonce", "--at", "2035-01-31T12:00:00Z")
    assert error["code"] == errors.CertificateExpired.code
    assert [check["held"] for check in error["data"]["checks"][:3]] == [True, True, False]


def test_a_nonce_that_it_does_not_answer(cape, kept):
    assert (
        cape.error("attest", "--file", kept, "--nonce", "00" * 32)["code"]
        == errors.NonceMismatch.code
    )


@pytest.mark.parametrize(
    "options",
    [
        ["--file", "doc.cbor"],
        ["--file", "doc.cbor", "--nonce", "00", "--any-nonce"],
        ["--file", "doc.cbor", "--nonce", "xyz"],
        ["--file", "doc.cbor", "--any-nonce", "--at", "yesterday"],
        ["--any-nonce"],
        ["--at", "2026-01-01"],
        ["--nonce", "00"],
    ],
    ids=" ".join,
)
def test_wrong_uses(cape, kept, options):
    error = cape.error("attest", *options)
    assert (error["status"], error["code"]) == (2, "CAPE-CLI-001")
    assert error["hint"]


def test_what_is_no_document(cape):
    error = cape.error("attest", "--file", "-", "--any-nonce", stdin=b"\xa0")
    assert (error["status"], error["code"]) == (65, "CAPE-CLI-003")
    assert error["message"] == "stdin is no attestation document: it begins as none does"
    assert error["data"]["checks"][0]["held"] is False


def test_a_document_that_is_cut_is_refused(cape, kept, tmp_path):
    file = tmp_path / kept
    file.write_bytes(file.read_bytes()[:-1])
    error = cape.error("attest", "--file", kept, "--any-nonce")
    assert (error["status"], error["code"]) == (77, errors.DocumentMalformed.code)
    assert error["data"]["checks"][0]["held"] is False


def test_without_a_policy_there_is_no_verdict(stranger, platform):
    error = stranger.error("attest", "--url", platform.url)
    assert (error["status"], error["code"]) == (78, errors.PolicyRequired.code)
