"""Files and streams, with the sync and the async client: there and back, whole or not at all."""

import asyncio
import io
import os
import re
import resource
import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.independent import envelope as second
from tests.independent import keys as second_keys

from pycape import AsyncCape, Cape, envelope, errors, keys

from .windows import CHUNK, KEY, PUBLIC, WINDOW, octets

pytestmark = pytest.mark.usefixtures("folder")

SIZES = [0, 1, CHUNK, WINDOW - 1, WINDOW, 2 * WINDOW + 5]


class Awaited:
    """`AsyncCape`, whose methods are run to their end."""

    def __getattr__(self, name):
        async def call(*args, **options):
            async with AsyncCape() as cape:
                return await getattr(cape, name)(*args, **options)

        return lambda *args, **options: asyncio.run(call(*args, **options))


@pytest.fixture(params=[Cape, Awaited])
def client(request):
    return request.param()


@pytest.fixture
def plain(folder):
    """A file of some windows."""
    path = folder / "plain"
    path.write_bytes(octets(3 * WINDOW + 5))
    return path


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"config"}


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# There and back


@pytest.mark.parametrize("size", SIZES)
def test_files_there_and_back(client, folder, size):
    (folder / "a").write_bytes(octets(size))
    written = client.encrypt_file("a", "b", key=PUBLIC, context={"note": "x"})
    assert written == (folder / "b").stat().st_size
    assert client.decrypt_file(folder / "b", folder / "c", KEY) == size
    assert (folder / "c").read_bytes() == octets(size)
    assert envelope.inspect((folder / "b").read_bytes()).context == {"note": b"x"}
    assert names(folder) == {"a", "b", "c"}


@pytest.mark.parametrize("size", SIZES)
def test_streams_there_and_back(client, size):
    binary, plaintext = io.BytesIO(), io.BytesIO()
    written = client.encrypt_stream(io.BytesIO(octets(size)), binary, key=PUBLIC)
    assert written == len(binary.getvalue())
    binary.seek(0)
    assert client.decrypt_stream(binary, plaintext, KEY) == size
    assert plaintext.getvalue() == octets(size)


def test_the_second_implementation_opens_and_is_opened(client, folder, plain):
    theirs = second_keys.PrivateKey(second_keys.X25519, KEY.to_raw())
    client.encrypt_file(plain, "ours", key=PUBLIC)
    opened = second.open_((folder / "ours").read_bytes(), [theirs])
    assert opened.plaintext == plain.read_bytes()
    (folder / "theirs").write_bytes(second.seal(b"by another", [theirs.public_key()]))
    client.decrypt_file("theirs", "opened", KEY)
    assert (folder / "opened").read_bytes() == b"by another"


@pytest.mark.parametrize("ends", [b"", b"\n", b"\r\n"])
def test_the_text_form_opens_too_as_commands_and_editors_leave_it(client, folder, ends):
    (folder / "text").write_bytes(envelope.seal(b"x" * 100_000, [PUBLIC]) + ends)
    assert client.decrypt_file("text", "opened", KEY) == 100_000
    assert (folder / "opened").read_bytes() == b"x" * 100_000


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65_537, 2048)


def test_version_one_is_written_on_request_and_opens(client, folder, rsa_key):
    spki = rsa_key.public_key().public_bytes(s.Encoding.DER, s.PublicFormat.SubjectPublicKeyInfo)
    public = keys.PublicKey.from_raw("rsa", spki)
    text = client.encrypt(b"hello", key=public, format="v1")
    assert text.startswith(b"cape:")
    assert not text.startswith(b"cape:2:")
    pem = rsa_key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    (folder / "rsa.pem").write_bytes(pem)
    (folder / "rsa.pem").chmod(0o600)
    (folder / "old").write_bytes(text + b"\n")
    assert client.decrypt_file("old", "opened", "rsa.pem") == 5
    assert (folder / "opened").read_bytes() == b"hello"
    with pytest.raises(ValueError, match="version 1"):
        client.encrypt(b"hello", key=public, format="v1", context={"note": "x"})


def test_several_recipients_who_are_not_told(client, folder, plain):
    other = keys.PrivateKey.generate("xwing")
    client.encrypt_file(plain, "b", recipient=[PUBLIC, other.public_key], anonymous=True)
    header = envelope.inspect((folder / "b").read_bytes())
    assert [stanza.key_id for stanza in header.recipients] == [bytes(8)] * 2
    for opener in (KEY, other):
        client.decrypt_file("b", "c", opener)
        assert (folder / "c").read_bytes() == plain.read_bytes()
    text = client.encrypt(b"x", key=PUBLIC, anonymous=True)
    assert [stanza.key_id for stanza in envelope.inspect(text).recipients] == [bytes(8)]


def test_an_account_is_no_anonymous_recipient(client, plain):
    for recipients in ({}, {"username": "bob"}, {"recipient": [PUBLIC, "bob"]}):
        with pytest.raises(ValueError, match="anonymous recipients are keys"):
            client.encrypt_file(plain, "b", anonymous=True, **recipients)


def test_a_pipe_is_read_to_its_end(client, folder):
    os.mkfifo("pipe")
    data = octets(WINDOW + 5)
    told = []
    feeding = "import sys; data = sys.stdin.buffer.read(); open('pipe', 'wb').write(data)"
    with subprocess.Popen([sys.executable, "-c", feeding], stdin=subprocess.PIPE) as feeder:
        feeder.stdin.write(data)
        feeder.stdin.close()
        client.encrypt_file("pipe", "b", key=PUBLIC, progress=lambda *at: told.append(at))
    assert feeder.returncode == 0
    assert envelope.open((folder / "b").read_bytes(), KEY) == data
    assert told[-1] == (len(data), None)


# Whole or not at all


def test_nothing_is_at_the_destination_before_the_end(client, folder, plain):
    seen = []

    def look(done, total):
        seen.append(names(folder) - {"plain", "b"})
        assert not (folder / destination).exists()

    for destination, work in (
        ("b", lambda: client.encrypt_file("plain", "b", key=PUBLIC, progress=look)),
        ("c", lambda: client.decrypt_file("b", "c", KEY, progress=look)),
    ):
        seen.clear()
        work()
        for parts in seen:  # none, where files need no names
            assert all(re.fullmatch(rf"\.{destination}\..*\.part", part) for part in parts)
        assert len(seen) > 2
    assert names(folder) == {"plain", "b", "c"}


def test_progress_rises_to_the_size(client, plain, sealed):
    for work in (
        lambda tell: client.encrypt_file(plain, "b", key=PUBLIC, progress=tell),
        lambda tell: client.decrypt_file(sealed, "c", KEY, progress=tell),
    ):
        told = []
        work(lambda *at, told=told: told.append(at))
        [total] = {total for _, total in told}
        assert [done for done, _ in told] == sorted({done for done, _ in told})
        assert told[-1] == (total, total)


@pytest.mark.parametrize("before", [None, b"what was there"])
@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda data: data[:-1], errors.DecryptFailed),
        (lambda data: data[: -(len(data) - len(data) // 2)], errors.DecryptFailed),
        (lambda data: data[:-21], errors.Truncated),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), errors.DecryptFailed),
        (lambda data: data[:100], errors.Truncated),
        (lambda _: b"", errors.UnsupportedFormat),
        (lambda _: b"something else", errors.UnsupportedFormat),
        (lambda _: b"cape:2", errors.Truncated),
    ],
)
def test_what_is_not_whole_and_authentic_leaves_nothing(
    client, folder, sealed, damage, error, before
):
    (folder / "damaged").write_bytes(damage(sealed.read_bytes()))
    if before is not None:
        (folder / "c").write_bytes(before)
    present = names(folder)
    with pytest.raises(error):
        client.decrypt_file("damaged", "c", KEY)
    assert names(folder) == present
    if before is not None:
        assert (folder / "c").read_bytes() == before


def test_what_progress_raises_is_passed_on_and_leaves_nothing(client, folder, plain, sealed):
    class EnoughError(Exception):
        pass

    def stop(done, total):
        raise EnoughError

    present = names(folder)
    with pytest.raises(EnoughError):
        client.encrypt_file(plain, "b", key=PUBLIC, progress=stop)
    with pytest.raises(EnoughError):
        client.decrypt_file(sealed, "c", KEY, progress=stop)
    assert names(folder) == present


def test_a_full_disk_leaves_nothing(client, folder, plain, sealed):
    """The limit of a process stands in for that of a disk: `write` fails in the same way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    present = names(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * WINDOW, hard))
    try:
        with pytest.raises(errors.ConfigError, match="plain into b: file too large"):
            client.encrypt_file("plain", "b", key=PUBLIC)
        with pytest.raises(errors.ConfigError, match="sealed into c: file too large"):
            client.decrypt_file("sealed", "c", KEY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(folder) == present


# Permissions, links, what is no file


def test_permissions(client, folder, plain, umask):
    for given, expected in ((0o600, 0o600), (0o644, 0o640), (0o777, 0o640)):
        plain.chmod(given)
        client.encrypt_file(plain, f"{given:o}", key=PUBLIC)
        assert mode(folder / f"{given:o}") == expected
    client.decrypt_file("777", "opened", KEY)
    assert mode(folder / "opened") == 0o600


def test_a_file_that_is_replaced_keeps_its_permissions(client, folder, plain):
    for name in ("b", "c"):
        (folder / name).write_bytes(b"before")
        (folder / name).chmod(0o604)
    client.encrypt_file(plain, "b", key=PUBLIC)
    client.decrypt_file("b", "c", KEY)
    assert (folder / "c").read_bytes() == plain.read_bytes()
    assert (mode(folder / "b"), mode(folder / "c")) == (0o604, 0o604)


def test_links_are_followed_and_stay(client, folder, plain):
    (folder / "elsewhere").mkdir()
    (folder / "source").symlink_to("plain")
    (folder / "destination").symlink_to("elsewhere/sealed")
    for _ in ("where nothing is", "where a file is"):
        client.encrypt_file("source", "destination", key=PUBLIC)
        assert (folder / "destination").is_symlink()
        assert names(folder / "elsewhere") == {"sealed"}
    client.decrypt_file("destination", "opened", KEY)
    assert (folder / "opened").read_bytes() == plain.read_bytes()


def test_a_file_is_not_written_over_itself(client, folder, plain, sealed):
    (folder / "hard").hardlink_to(plain)
    (folder / "soft").symlink_to(plain)
    before = plain.read_bytes()
    for destination in (plain, "plain", "./plain", "hard", "soft"):
        with pytest.raises(ValueError, match="are the same file"):
            client.encrypt_file(plain, destination, key=PUBLIC)
    with pytest.raises(ValueError, match="are the same file"):
        client.decrypt_file(sealed, sealed, KEY)
    assert plain.read_bytes() == before


def test_a_private_key_is_not_written_over(client, folder, sealed):
    keys.save_private_key(KEY, "me.key")
    (folder / "hard").hardlink_to("me.key")
    (folder / "soft").symlink_to("me.key")
    before = (folder / "me.key").read_bytes()
    for destination in ("me.key", folder / "me.key", "./me.key", "hard", "soft"):
        with pytest.raises(ValueError, match=r"^me\.key and .*(key|hard|soft) are the same file$"):
            client.decrypt_file(sealed, destination, "me.key")
    assert (folder / "me.key").read_bytes() == before
    assert client.decrypt_file(sealed, "opened", "me.key")


def test_what_cannot_be_read_or_written(client, folder, plain):
    os.mkfifo("pipe")
    (folder / "file").write_bytes(b"")
    for source, destination, message, hint in (
        ("nowhere", "b", "nowhere: no such file or directory", f"was looked for in {folder}"),
        ("nowhere/a", "b", "nowhere/a: no such file or directory", "there is no folder"),
        (".", "b", r"\.: is a directory", "name a file in it"),
        ("plain", ".", ": is a directory", "name a file in it"),
        ("plain", "nowhere/b", "nowhere/b: no such file or directory", "there is no folder"),
        ("plain", "file/b", "file/b: not a directory", "file is a file, and no folder"),
        ("plain", "pipe", "pipe: is a pipe or a device, which cannot be replaced", "ls -ld pipe"),
        ("plain", "/dev/null", "/dev/null: is a pipe or a device", "ls -ld /dev/null"),
        ("plain", "x" * 300, "file name too long", "choose a shorter name"),
    ):
        for work in (
            lambda: client.encrypt_file(source, destination, key=PUBLIC),  # noqa: B023
            lambda: client.decrypt_file(source, destination, KEY),  # noqa: B023
        ):
            with pytest.raises(errors.ConfigError, match=message) as raised:
                work()
            assert hint in raised.value.hint, destination
    assert names(folder) == {"plain", "pipe", "file"}


def test_a_long_name_leaves_room_for_the_temporary_one(client, folder, plain):
    for name in ("n" * 255, "\N{SNOWMAN}" * 85, "\N{GRINNING FACE}" * 63):
        client.encrypt_file(plain, name, key=PUBLIC)
        client.decrypt_file(name, "opened", KEY)
        assert (folder / "opened").read_bytes() == plain.read_bytes()


# Keys


def test_a_key_file_that_others_can_read_is_refused(client, folder, sealed):
    keys.save_private_key(KEY, "me.key")
    client.decrypt_file(sealed, "c", "me.key")
    (folder / "me.key").chmod(0o640)
    with pytest.raises(errors.ConfigError, match="others can read it") as refused:
        client.decrypt_file(sealed, "d", "me.key")
    assert refused.value.hint == "chmod 600 me.key"
    assert not (folder / "d").exists()


def test_a_keys_text_is_no_path_and_is_not_repeated(client, sealed):
    with pytest.raises(ValueError, match=r"PrivateKey\.from_text") as refused:
        client.decrypt_file(sealed, "c", KEY.to_text())
    assert KEY.to_text() not in str(refused.value)


def test_what_is_for_others_says_where_it_opens(client, folder, sealed):
    for source in ("sealed", "text"):
        (folder / "text").write_bytes(envelope.seal(b"x", [PUBLIC]))
        with pytest.raises(errors.DecryptFailed, match="not for this key") as refused:
            client.decrypt_file(source, "c", keys.PrivateKey.generate("x25519"))
        assert "`cape run FUNCTION -f FILE`" in refused.value.hint


def test_what_was_altered_is_not_said_to_be_for_others(client, folder, sealed):
    """The header opened, so the key is right: in a whole window, and at the end."""
    whole = sealed.read_bytes()
    for place in (len(whole) - 2 * WINDOW, len(whole) - 1):
        altered = bytearray(whole)
        altered[place] ^= 1
        (folder / "altered").write_bytes(altered)
        with pytest.raises(errors.DecryptFailed, match=r"chunk \d+ .* was altered") as refused:
            client.decrypt_file("altered", "c", KEY)
        assert "the key is right" in refused.value.hint
        assert "another" not in refused.value.hint
    with (folder / "altered").open("rb") as reader:
        with pytest.raises(errors.DecryptFailed) as refused:
            client.decrypt_stream(reader, io.BytesIO(), KEY)
        assert "the key is right" in refused.value.hint


# The event loop


def test_the_event_loop_goes_on_meanwhile(plain, sealed):
    async def main():
        loop = asyncio.get_running_loop()

        async def answer():
            return "here"

        def ask(done, total):
            answers.append(asyncio.run_coroutine_threadsafe(answer(), loop).result(timeout=60))

        async with AsyncCape() as cape:
            for work in (
                lambda: cape.encrypt_file(plain, "b", key=PUBLIC, progress=ask),
                lambda: cape.decrypt_file(sealed, "c", KEY, progress=ask),
                lambda: cape.encrypt_stream(
                    plain.open("rb"), io.BytesIO(), key=PUBLIC, progress=ask
                ),
                lambda: cape.decrypt_stream(sealed.open("rb"), io.BytesIO(), KEY, progress=ask),
            ):
                answers = []
                await work()
                assert len(answers) > 2

    asyncio.run(main())


def test_a_task_that_is_cancelled_ends_its_work_and_leaves_nothing(folder):
    """/dev/zero has no end: only being cancelled ends it."""

    async def main():
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()
        tell = lambda *_: loop.call_soon_threadsafe(begun.set)
        async with AsyncCape() as cape:
            work = cape.encrypt_file("/dev/zero", "b", key=PUBLIC, progress=tell)
            task = asyncio.create_task(work)
            await begun.wait()
            parts = names(folder)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert all(part.endswith(".part") for part in parts)
        assert names(folder) == set()

    asyncio.run(main())


# Memory

PEAK = """
import re, sys
from pathlib import Path
from pycape import Cape, keys

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

key = keys.PrivateKey.generate()
cape = Cape()
before = peak()
cape.encrypt_file("large", "sealed", key=key.public_key)
cape.decrypt_file("sealed", "opened", key)
print(peak() - before)
"""


def test_memory_is_constant(folder):
    """A child's own memory: what `getrusage` tells of a child has its parent's in it."""
    size = 256 << 20
    with (folder / "large").open("wb") as file:
        file.truncate(size)
        file.seek(size // 2)
        file.write(b"in the middle")
    run = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert int(run.stdout) <= 32 << 10
    with (folder / "opened").open("rb") as file:
        assert file.seek(0, io.SEEK_END) == size
        file.seek(size // 2)
        assert file.read(14) == b"in the middle\0"
