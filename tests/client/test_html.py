"""What notebooks show: all of it escaped, nothing from outside, no secret."""

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.attestation.forge import NOW, PCRS, document
from tests.attestation.judge import SOUND, verify

from pycape import FunctionRef, Result, Timing, _core, attestation, envelope, policy
from pycape._html import box, code, folded, lines
from pycape.keys import PrivateKey
from pycape.packaging import package

from .doubles import manifest

HOSTILE = "<script>alert('x')</script>\"\u202e\n&"
TAGS = {"code", "details", "div", "strong", "summary", "table", "tbody", "td", "th", "tr", "br"}
STYLES = {
    "background",
    "border",
    "border-collapse",
    "border-radius",
    "margin",
    "max-width",
    "overflow-wrap",
    "padding",
    "text-align",
    "vertical-align",
    "white-space",
}


class Reader(HTMLParser):
    """Refuses what these pages have no need of, and keeps their rows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS
        for name, value in attrs:
            assert (name, value) == ("scope", "row") or name == "style"
            if name == "style":
                declared = [each.partition(":") for each in value.split(";")]
                assert {name.strip() for name, _, _ in declared} <= STYLES
                # No colour: a page's own are right, whether it is light or dark.
                assert {value.strip() for name, _, value in declared if "back" in name} <= {"none"}
        if tag != "br":
            self.open.append(tag)
        if tag in ("th", "td"):
            self.text.append((tag, ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"th", "td"} & {*self.open}:
            tag, text = self.text[-1]
            self.text[-1] = tag, text + data

    @property
    def rows(self) -> dict[str, str]:
        """What stands beside each name; of several, beside the first."""
        rows: dict[str, str] = {}
        for (_, name), (_, value) in zip(self.text[::2], self.text[1::2], strict=True):
            rows.setdefault(name, value)
        return rows


def shown(thing) -> Reader:
    page = thing._repr_html_()
    assert "<script" not in page
    assert "\u202e" not in page
    assert "://" not in page
    return Reader(page)


def test_text_of_strangers_is_escaped_wherever_it_stands():
    page = box(
        HOSTILE,
        {HOSTILE: HOSTILE, "code": code(HOSTILE), "lines": lines([HOSTILE, None, 1])},
        folded(HOSTILE, {HOSTILE: HOSTILE}),
        note=HOSTILE,
    )
    assert page.count("&lt;script&gt;") == 9
    assert "<script" not in page
    assert "\n" not in page
    Reader(page)


def test_what_there_is_not_is_left_out_and_what_is_long_is_cut():
    page = box("t", {"none": None, "zero": 0, "many": 1234567, "yes": True, "long": "x" * 5000})
    assert "none" not in page.replace("background:none", "")
    rows = Reader(page).rows
    assert (rows["zero"], rows["many"], rows["yes"]) == ("0", "1,234,567", "True")
    assert rows["long"] == "x" * 1000 + "..."


def test_an_attestation_shows_what_was_proven():
    page = shown(verify(document(SOUND)))
    assert page.rows["enclave"] == "i-0123456789abcdef0-enc0123456789abcdef"
    assert page.rows["challenge"] == "answered"
    assert page.rows["at"] == "2026-01-15T12:00:00Z"
    assert page.rows["PCR2"] == PCRS[2].hex()
    assert page.rows["1"].startswith("CN=root")
    assert page.rows["5"].startswith("CN=enclave")


def test_what_was_not_asked_of_an_attestation_is_told():
    anything = verify(document(SOUND), nonce=None, policy=_core.Policy.insecure_any_code())
    rows = shown(anything).rows
    assert rows["challenge"] == "any was accepted"
    assert rows["release"] == "any code was accepted (insecure)"


def test_names_in_an_attestation_are_escaped():
    pinned = {index: PCRS[index] for index in (0, 1, 2)}
    release = policy.Policy([policy.Release(pinned, name=HOSTILE)])
    verified = verify(document(SOUND), policy=release)
    assert "<script>alert('x')" in shown(verified).rows["release"]


def test_what_was_not_verified_says_so():
    claimed = attestation.inspect(document(SOUND, module_id="<i>"))
    page = claimed._repr_html_()
    assert page.index("Unverified attestation") < page.index("&lt;i&gt;")
    assert "Nothing of it was checked." in page
    shown(claimed)


def test_an_envelope_shows_who_can_open_it_and_not_what_is_in_it():
    keys = [PrivateKey.generate(kind).public_key for kind in ("xwing", "x25519")]
    sealed = envelope.seal(b"a secret", keys, context={"<b>": HOSTILE.replace("\n", "")})
    page = shown(envelope.inspect(sealed))
    assert page.rows["recipients"] == "".join(f"{each.kind} {each.key_id.hex()}" for each in keys)
    assert page.rows["plaintext"] == "8 bytes"
    assert "<script>alert" in page.rows["<b>"]
    [stanza] = envelope.inspect(envelope.seal(b"", keys[:1], anonymous=True)).recipients
    assert not any(stanza.key_id)
    hidden = shown(envelope.inspect(envelope.seal(b"", keys[:1], anonymous=True)))
    assert hidden.rows["recipients"] == "xwing not told"


def test_a_function_shows_its_names():
    rows = shown(FunctionRef(name="bob/<b>", checksum="ab" * 32)).rows
    assert rows["name"] == "bob/<b>"
    assert rows["checksum"] == "ab" * 32
    assert "account" not in rows


def test_a_manifest_shows_what_its_account_signed():
    account = _core.Account.generate()
    signed = _core.Manifest.verify(manifest(account, handler="app:cape_handler"))
    page = shown(signed)
    assert page.rows["account"] == account.id
    assert page.rows["limits"] == "64 MiB, 1 s"
    assert account.to_text() not in signed._repr_html_()


def test_a_bundle_shows_what_was_packed_and_not_where(tmp_path):
    folder = tmp_path / "function"
    folder.mkdir()
    (folder / "app.py").write_text("def cape_handler(input):\n    return input\n")
    (folder / "<b>.txt").write_text("x")
    with package(folder, python="3.11", platform="x86_64-manylinux_2_28") as bundle:
        page = shown(bundle)
        assert str(Path(bundle.path).parent) not in bundle._repr_html_()
    assert page.rows["<b>.txt"] == "1 byte"
    assert page.rows["SHA-256"] == bundle.sha256
    assert page.rows["dependencies"] == "none"


def test_a_result_shows_how_it_came_about_and_not_the_output():
    receipt = SimpleNamespace(
        checksum="ab" * 32,
        outcome="success",
        started=NOW,
        duration_us=1500,
        sequence=3,
        input_digest="cd" * 32,
        ciphertext_digest=None,
        output_digest="ef" * 32,
    )
    usage = {"duration_us": 1500, "cold": True}
    verified = verify(document(SOUND))
    timing = Timing(place=0.001, run=0.25)
    result = Result(b"a secret", "ab" * 32, timing, usage, verified, receipt)
    page = shown(result)
    assert page.rows["output"] == "8 bytes, in .output"
    assert page.rows["timing"] == "place 1.0 ms, connect 0.0 ms, attest 0.0 ms, run 250.0 ms"
    assert page.rows["cold"] == "True"
    assert page.rows["outcome"] == "success"
    assert "secret" not in result._repr_html_()


@pytest.mark.parametrize("module", ["attestation", "envelope", "receipts"])
def test_whatever_module_is_imported_its_results_are_shown(module):
    names = ["EnvelopeHeader", "VerifiedAttestation", "UnverifiedReceipt", "Manifest"]
    program = f"import pycape.{module}; from pycape import _core; " + "".join(
        f"_core.{name}._repr_html_; " for name in names
    )
    subprocess.run([sys.executable, "-c", program], check=True)
