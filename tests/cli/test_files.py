"""encrypt, decrypt and recipients on files: names, forms, what is replaced, what stays."""

from pathlib import Path

import pytest
from tests.independent import envelope as second
from tests.independent import keys as second_keys
from tests.room import room_for

from pycape import envelope, errors
from pycape.keys import PrivateKey

NO_OUTPUT, USAGE, DATA, NO_INPUT, CONFIG = 1, 2, 65, 66, 78


@pytest.fixture
def public(stranger) -> str:
    """The public key of me.key."""
    return stranger.ok("keys", "generate", "me.key", "--kind", "x25519").line


@pytest.fixture
def other(stranger) -> str:
    """The public key of other.key."""
    return stranger.ok("keys", "generate", "other.key", "--kind", "x25519").line


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(bytes(range(256)) * 4096)
    return path


def key_id(text: str) -> str:
    from pycape.keys import PublicKey

    return PublicKey.from_text(text).key_id.hex()


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


# Names and forms


def test_a_file_gets_a_file_beside_it_in_binary_form(stranger, public, report, tmp_path):
    outcome = stranger.ok("encrypt", "report.pdf", "-r", public)
    assert (outcome.stdout, outcome.stderr) == (b"", "wrote report.pdf.cape\n")
    sealed = (tmp_path / "report.pdf.cape").read_bytes()
    assert sealed.startswith(b"CAPE\x02")
    assert stranger.ok("decrypt", "report.pdf.cape", "-k", "me.key").stdout == report.read_bytes()
    assert names(tmp_path) == {"me.key", "report.pdf", "report.pdf.cape"}


def test_what_the_command_wrote_the_second_implementation_opens(stranger, public, report, tmp_path):
    stranger.ok("encrypt", "report.pdf", "-r", public)
    octets = PrivateKey.from_text((tmp_path / "me.key").read_text().strip()).to_raw()
    theirs = second_keys.PrivateKey(second_keys.X25519, octets)
    sealed = (tmp_path / "report.pdf.cape").read_bytes()
    assert second.open_(sealed, [theirs]).plaintext == report.read_bytes()
    (tmp_path / "theirs").write_bytes(second.seal(b"by another", [theirs.public_key()]))
    assert stranger.ok("decrypt", "theirs", "-k", "me.key").text == "by another"


def test_for_programs(stranger, public, report, tmp_path):
    assert stranger.ok("encrypt", "report.pdf", "-r", public, "-q").line == "report.pdf.cape"
    data = stranger.data("encrypt", "report.pdf", "-r", public, "-o", "b")
    assert data == {"file": "b", "size": (tmp_path / "b").stat().st_size}
    data = stranger.data("decrypt", "b", "-k", "me.key", "-o", "c")
    assert data == {"file": "c", "size": report.stat().st_size}
    outcome = stranger.ok("decrypt", "b", "-k", "me.key", "-o", "d", "-q")
    assert (outcome.line, outcome.stderr) == ("d", "")


def test_a_folder_as_output(stranger, public, report, tmp_path):
    (tmp_path / "there").mkdir()
    stranger.ok("encrypt", "report.pdf", "-r", public, "-o", "there")
    stranger.ok("decrypt", "there/report.pdf.cape", "-k", "me.key", "-o", "there")
    assert names(tmp_path / "there") == {"report.pdf", "report.pdf.cape"}
    assert (tmp_path / "there" / "report.pdf").read_bytes() == report.read_bytes()
    (tmp_path / "there" / "report.pdf.cape").rename("unnamed")
    error = stranger.error("decrypt", "unnamed", "-k", "me.key", "-o", "there")
    assert (error["status"], error["hint"]) == (USAGE, "name the file: -o there/FILE")


def test_the_form_can_be_chosen(stranger, public, report, tmp_path):
    stranger.ok("encrypt", "report.pdf", "-r", public, "--text")
    assert (tmp_path / "report.pdf.cape").read_bytes().startswith(b"cape:2:")
    binary = stranger.ok("encrypt", "-f", "report.pdf", "-r", public, "--binary").stdout
    assert binary.startswith(b"CAPE\x02")
    for stdin in (binary, stranger.ok("encrypt", "-f", "report.pdf", "-r", public).stdout):
        opened = stranger.ok("decrypt", "-", "-k", "me.key", stdin=stdin)
        assert opened.stdout == report.read_bytes()


def test_stdin(stranger, public, tmp_path):
    assert stranger.ok("encrypt", "-", "-r", public, stdin=b"x").text.startswith("cape:2:")
    stranger.ok("encrypt", "-", "-r", public, "-o", "b", stdin=b"\x00\xff")
    assert (tmp_path / "b").read_bytes().startswith(b"CAPE\x02")
    assert stranger.ok("decrypt", "b", "-k", "me.key").stdout == b"\x00\xff"


@pytest.mark.parametrize(
    "given",
    [
        "reprot.pdf",
        "documents/report",
        "My Report 2026.pdf",
        "song.mp3",
        "me@example.com",
        "LICENCE",
        "My Plan",
    ],
)
@pytest.mark.parametrize("options", [[], ["-o", "r.cape"], ["-o", "r.cape", "-q"], ["--json"]])
def test_a_mistyped_name_is_not_encrypted_for_the_file(stranger, public, given, options):
    """Who then deletes the original would have lost it."""
    for name in ("LICENSE", "My Plans"):
        Path(name).write_bytes(b"")
    before = names(Path())
    outcome = stranger("encrypt", given, "-r", public, *options)
    assert outcome.status == NO_INPUT
    told = outcome.text if "--json" in options else outcome.stderr
    assert f"there is no file '{given}'" in told
    assert "if it is a text, write it to stdin, and -f - in its place" in told
    assert names(Path()) == before
    outcome = stranger.ok("encrypt", "-f", "-", "-r", public, stdin=given.encode())
    assert stranger.ok("decrypt", "-", "-k", "me.key", stdin=outcome.stdout).text == given


def test_a_name_that_was_meant_is_told(stranger, public):
    Path("LICENSE").write_bytes(b"")
    assert stranger.error("encrypt", "LICENCE", "-r", public)["hint"].startswith(
        "did you mean LICENSE? "
    )


@pytest.mark.parametrize("text", ["hello world", "it is 3.50", "yes/no and so on", "a.b: c", "so."])
@pytest.mark.parametrize("options", [[], ["-o", "greeting.cape"]])
def test_what_looks_like_no_name_is_a_text(stranger, public, text, options):
    outcome = stranger.ok("encrypt", text, "-r", public, *options)
    sealed = Path("greeting.cape").read_bytes() if options else outcome.stdout
    assert stranger.ok("decrypt", "-", "-k", "me.key", stdin=sealed).text == text


def test_a_word_is_told_to_be_a_text(stranger, public):
    """It may be the name of a file elsewhere."""
    told = "there is no file hello, so these letters are what is encrypted\n"
    assert stranger.ok("encrypt", "hello", "-r", public).stderr == told
    outcome = stranger.ok("encrypt", "hello", "-r", public, "-o", "greeting.cape")
    assert outcome.stderr == f"wrote greeting.cape\n{told}"
    assert stranger.ok("encrypt", "hello world", "-r", public).stderr == ""


def test_a_file_is_called_plain(stranger, public, report, tmp_path):
    """Of what has a file as output, `json` alone is a format."""
    stranger.ok("encrypt", "report.pdf", "-r", public)
    assert stranger.ok("decrypt", "report.pdf.cape", "-k", "me.key", "-o", "plain").stdout == b""
    assert (tmp_path / "plain").read_bytes() == report.read_bytes()
    stranger.ok("encrypt", "-f", "-", "-r", public, "-o", "plain", "--yes", stdin=b"word")
    assert stranger.ok("decrypt", "plain", "-k", "me.key", "-o", "json").json["text"] == "word"
    stranger.ok("decrypt", "plain", "-k", "me.key", "-o", "./json")
    assert (tmp_path / "json").read_bytes() == b"word"


def test_a_folder_is_no_input(stranger, public, tmp_path):
    (tmp_path / "folder").mkdir()
    error = stranger.error("encrypt", "folder", "-r", public)
    assert (error["status"], error["message"]) == (NO_INPUT, "folder: is a directory")
    assert "tar c FOLDER" in error["hint"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("encrypt report.pdf --binary --format v1", "version 1 has no binary form"),
        ("encrypt - --binary --json", "the binary form is not for JSON"),
        ("encrypt report.pdf --anonymous", "anonymous recipients are keys"),
        ("encrypt report.pdf -r alice --anonymous", "anonymous recipients are keys"),
        ("encrypt - -o .", ". is a folder"),
        ("decrypt - -k me.key -o .", ". is a folder"),
        ("recipients add report.pdf -k me.key", "nobody is named"),
        ("recipients add report.pdf -k me.key" + " -r alice" * 33, "33 are named"),
        ("recipients remove . -k me.key -r 0011223344556677", ". is no file"),
    ],
)
def test_what_contradicts_itself(stranger, public, report, words, message):
    outcome = stranger(*words.split(), "--json")
    assert outcome.status == USAGE
    assert message in outcome.json["error"]["message"]


# What is replaced, and what is not


def test_a_file_is_replaced_when_that_was_said(stranger, public, report, tmp_path):
    (tmp_path / "report.pdf.cape").write_bytes(b"before")
    for words in (
        ["encrypt", "report.pdf", "-r", public],
        ["encrypt", "hello world", "-r", public, "-o", "report.pdf.cape"],
    ):
        error = stranger.error(*words)
        assert (error["status"], error["hint"]) == (USAGE, "--yes does it without asking")
        assert "report.pdf.cape exists: replace it?" in error["message"]
        assert (tmp_path / "report.pdf.cape").read_bytes() == b"before"
    stranger.ok("encrypt", "report.pdf", "-r", public, "--yes")
    before = report.read_bytes()
    error = stranger.error("decrypt", "report.pdf.cape", "-k", "me.key", "-o", "report.pdf")
    assert error["status"] == USAGE
    report.write_bytes(b"changed")
    stranger.ok("decrypt", "report.pdf.cape", "-k", "me.key", "-o", "report.pdf", "--yes")
    assert report.read_bytes() == before


@pytest.mark.parametrize("output", ["report.pdf", "./report.pdf", "link"])
def test_a_file_is_not_written_over_itself(stranger, public, report, tmp_path, output):
    (tmp_path / "link").symlink_to("report.pdf")
    before = report.read_bytes()
    error = stranger.error("encrypt", "report.pdf", "-r", public, "-o", output, "--yes")
    assert (error["status"], error["message"]) == (
        USAGE,
        f"report.pdf and {output} are the same file",
    )
    assert report.read_bytes() == before


@pytest.mark.parametrize("output", ["me.key", "link", "../KEYS/me.key", "."])
def test_a_private_key_is_not_written_over(stranger, public, tmp_path, output):
    stranger.ok("encrypt", "-f", "-", "-r", public, "-o", "me.key.cape", stdin=b"word")
    (tmp_path / "link").symlink_to("me.key")
    before = (tmp_path / "me.key").read_bytes()
    output = output.replace("KEYS", tmp_path.name)
    written = "me.key" if output == "." else output
    error = stranger.error("decrypt", "me.key.cape", "-k", "me.key", "-o", output, "--yes")
    assert error["status"] == USAGE
    assert error["message"] == f"{written} is a private key, which is never overwritten"
    assert (tmp_path / "me.key").read_bytes() == before


def test_devices_are_written_to(stranger, public, report):
    stranger.ok("encrypt", "report.pdf", "-r", public, "-o", "/dev/null")
    error = stranger.error("encrypt", "report.pdf", "-r", public, "-o", "/dev/full")
    assert (error["status"], error["message"]) == (1, "/dev/full: no space left on device")


@pytest.mark.parametrize("cut", [1, 100, 1 << 19])
def test_what_is_not_whole_is_not_written(stranger, public, report, tmp_path, cut):
    stranger.ok("encrypt", "report.pdf", "-r", public)
    sealed = (tmp_path / "report.pdf.cape").read_bytes()
    (tmp_path / "cut.cape").write_bytes(sealed[:-cut])
    present = names(tmp_path)
    error = stranger.error("decrypt", "cut.cape", "-k", "me.key", "-o", "opened")
    assert error["status"] == DATA
    assert names(tmp_path) == present


def test_what_was_secret_is_its_owners_alone(stranger, public, report, tmp_path):
    report.chmod(0o640)
    stranger.ok("encrypt", "report.pdf", "-r", public)
    stranger.ok("decrypt", "report.pdf.cape", "-k", "me.key", "-o", "opened")
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("report.pdf.cape", "opened")]
    assert modes == [0o640, 0o600]


def test_a_key_that_others_can_read_is_refused(stranger, public, report, tmp_path):
    stranger.ok("encrypt", "report.pdf", "-r", public)
    (tmp_path / "me.key").chmod(0o644)
    for words in (
        ["decrypt", "report.pdf.cape", "-k", "me.key"],
        ["recipients", "add", "report.pdf.cape", "-k", "me.key", "-r", public],
    ):
        error = stranger.error(*words)
        assert (error["status"], error["hint"]) == (CONFIG, "chmod 600 me.key")


@pytest.mark.parametrize("form", ["--binary", "--text"])
def test_a_full_disk_leaves_what_was_there(stranger, public, report, tmp_path, form):
    (tmp_path / "out").write_bytes(b"before")
    with room_for(100_000):
        outcome = stranger("encrypt", "report.pdf", "-r", public, form, "-o", "out", "--yes")
    assert outcome.status == NO_OUTPUT
    assert outcome.stderr.startswith("cape: error: out: file too large\n\nhint: make room there")
    assert (tmp_path / "out").read_bytes() == b"before"
    assert names(tmp_path) == {"me.key", "report.pdf", "out"}


# Recipients


def recipients(stranger, file: str) -> list[str | None]:
    return [each["key_id"] for each in stranger.data("recipients", "list", file)["recipients"]]


@pytest.mark.parametrize("form", ["--binary", "--text"])
def test_recipients_come_and_go(stranger, public, other, report, tmp_path, form):
    stranger.ok("encrypt", "report.pdf", "-r", public, form)
    file = "report.pdf.cape"
    before = (tmp_path / file).read_bytes()
    assert recipients(stranger, file) == [key_id(public)]
    stranger.ok("recipients", "add", file, "-r", other, "-k", "me.key")
    assert recipients(stranger, file) == [key_id(public), key_id(other)]
    for key in ("me.key", "other.key"):
        assert stranger.ok("decrypt", file, "-k", key).stdout == report.read_bytes()
    outcome = stranger.ok("recipients", "remove", file, "-r", key_id(public), "-k", "other.key")
    assert outcome.stderr.startswith("removing is no revocation")
    assert outcome.line == f"{key_id(other)}  x25519"
    error = stranger.error("decrypt", file, "-k", "me.key")
    assert (error["status"], error["code"]) == (DATA, errors.DecryptFailed.code)
    assert "`cape run FUNCTION -f FILE`" in error["hint"]
    after = (tmp_path / file).read_bytes()
    assert (after[:5], len(after)) == (before[:5], len(before))
    assert names(tmp_path) == {"me.key", "other.key", "report.pdf", file}


@pytest.mark.parametrize("form", ["--binary", "--text"])
@pytest.mark.parametrize("action", ["add", "remove"])
def test_recipients_on_a_full_disk_stay(stranger, public, other, report, tmp_path, form, action):
    """The file may be the only one there is of what is in it."""
    stranger.ok("encrypt", "report.pdf", "-r", public, "-r", other, form)
    if action == "add":
        stranger.ok("recipients", "remove", "report.pdf.cape", "-r", other, "-k", "me.key")
    before = (tmp_path / "report.pdf.cape").read_bytes()
    with room_for(100_000):
        outcome = stranger("recipients", action, "report.pdf.cape", "-r", other, "-k", "me.key")
    assert outcome.status == NO_OUTPUT
    assert outcome.stderr.startswith(
        "cape: error: report.pdf.cape: file too large\n\nhint: make room"
    )
    assert (tmp_path / "report.pdf.cape").read_bytes() == before
    assert names(tmp_path) == {"me.key", "other.key", "report.pdf", "report.pdf.cape"}


def test_the_payload_of_a_file_stays_as_it_is(stranger, public, other, report, tmp_path):
    stranger.ok("encrypt", "report.pdf", "-r", public)
    file = tmp_path / "report.pdf.cape"
    before = file.read_bytes()
    file.chmod(0o604)
    stranger.ok("recipients", "add", file, "-r", other, "-k", "me.key")
    after = file.read_bytes()
    payload = before[envelope.inspect(before).header_size :]
    assert after[envelope.inspect(after).header_size :] == payload
    assert file.stat().st_mode & 0o777 == 0o604


def test_recipients_who_are_not_told(stranger, public, other, report):
    stranger.ok("encrypt", "report.pdf", "-r", public, "--anonymous")
    file = "report.pdf.cape"
    assert recipients(stranger, file) == [None]
    assert stranger.ok("recipients", "list", file).line == "not told          x25519"
    stranger.ok("recipients", "add", file, "-r", other, "-k", "me.key", "--anonymous")
    assert recipients(stranger, file) == [None, None]
    for key in ("me.key", "other.key"):
        stranger.ok("decrypt", file, "-k", key)
    stranger.ok("encrypt", "report.pdf", "-r", public, "-r", other, "--yes")
    ids = stranger.ok("recipients", "list", file, "-q").text.split()
    assert ids == [key_id(public), key_id(other)]


def test_recipients_of_a_text_that_an_editor_saved(stranger, public, other, tmp_path):
    text = stranger.ok("encrypt", "hello", "-r", public).stdout
    (tmp_path / "letter.cape").write_bytes(text + b"\n")
    assert recipients(stranger, "letter.cape") == [key_id(public)]
    stranger.ok("recipients", "add", "letter.cape", "-r", other, "-k", "me.key")
    assert stranger.ok("decrypt", "letter.cape", "-k", "other.key").text == "hello"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ("list nowhere", NO_INPUT, "nowhere: no such file or directory"),
        ("list me.key", DATA, ""),
        ("list empty", DATA, ""),
        ("add nowhere -r OTHER -k me.key", NO_INPUT, "nowhere: no such file or directory"),
        ("add report.pdf.cape -r OTHER -k nowhere", NO_INPUT, "nowhere: no such file"),
        ("add report.pdf.cape -r OTHER -k other.key", DATA, "not for this key"),
        ("add report.pdf.cape -r PUBLIC -k me.key", USAGE, "would be there twice"),
        ("add report.pdf.cape -r alice -k me.key", CONFIG, "no platform is running here"),
        ("add me.key -r OTHER -k me.key", DATA, ""),
        ("remove report.pdf.cape -r OTHER -k me.key", USAGE, "is not there"),
        ("remove report.pdf.cape -r PUBLIC -k me.key", USAGE, ""),
    ],
)
def test_changes_that_cannot_be(stranger, public, other, report, tmp_path, words, status, message):
    stranger.ok("encrypt", "report.pdf", "-r", public)
    (tmp_path / "empty").write_bytes(b"")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    words = words.replace("OTHER", other).replace("PUBLIC", public)
    error = stranger.error("recipients", *words.split())
    assert error["status"] == status
    assert message in error["message"]
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}


# Enclaves


def test_an_enclave_opens_what_is_in_a_file(cape, echo, tmp_path):
    (tmp_path / "plain").write_bytes(b"\x00binary\xff")
    cape.ok("encrypt", "plain")
    assert cape.ok("run", echo["function_id"], "-f", "plain.cape").stdout == b"\x00binary\xff"
    account = cape.ok("accounts", "show", "-q").line
    public = cape.ok("keys", "generate", "me.key").line
    cape.ok("encrypt", "plain", "-r", public, "--yes")
    cape.ok("recipients", "add", "plain.cape", "-r", account, "-k", "me.key")
    assert cape.ok("run", echo["function_id"], "-f", "plain.cape").stdout == b"\x00binary\xff"
    cape.ok("recipients", "remove", "plain.cape", "-r", account, "-k", "me.key")
    error = cape.error("run", echo["function_id"], "-f", "plain.cape")
    assert error["code"] == errors.DecryptFailed.code
