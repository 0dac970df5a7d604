"""Enclaves by nitro-cli, whose stand-in answers and fails as it does."""

import json
import re
import shutil
import socket
import threading
import zlib
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from tests.e2e.processes import is_running, wait_until
from tests.host.hosts import image_in
from tests.images.made import image_files

from pycape import images
from pycape.errors import ConfigError, ImageError, ImageMalformed, ServiceError
from pycape.host.configuration import Configuration, Image, NitroCli
from pycape.host.launchers import launcher_of, machines, nitro_cli
from pycape.host.launchers.image_file import check_image
from pycape.host.launchers.nitro_cli import NitroProgram
from pycape.host.launchers.nitro_errors import HINTS, nitro_error
from pycape.host.supervision import Conversation, Supervision
from pycape.local.supervisor import Patience, Supervisor

ROOT = Path(__file__).parents[2]
VAULT = "ab" * 32
SOON = Patience(first_delay=0.05, quick_death=60, most=3)


class NitroHost:
    """A machine with nitro-cli, and an agent's part that starts enclaves on it."""

    def __init__(self, folder: Path, **changes):
        self.folder = folder / "nitro"
        self.folder.mkdir()
        program = self.folder / "nitro-cli"
        shutil.copy(Path(__file__).with_name("stand_ins") / "nitro-cli", program)
        image = image_in(folder)
        supervision = folder / "supervision"
        told = {"supervision": str(supervision), "first_cid": 16}
        (self.folder / "told.json").write_text(json.dumps(told))
        nitro = {"program": str(program), "lock": str(folder / "lock"), "start_timeout_s": 30}
        self.configuration = msgspec.convert(
            {
                "name": "one",
                "launcher": "nitro-cli",
                "url": "wss://one.example/v2/session",
                "vault": VAULT,
                "enclaves": 2,
                "run_dir": str(folder),
                "image": {"file": str(image), "memory_mib": 512},
                **changes,
                "nitro_cli": {**nitro, **changes.get("nitro_cli", {})},
            },
            Configuration,
        )
        self.supervision = Supervision(supervision, 2)
        self.program = NitroProgram(self.configuration.nitro_cli)
        self.launcher = launcher_of(self.configuration, self.supervision)

    def comes(self, *behaviours: str) -> None:
        """What happens at the next starts, in turn."""
        (self.folder / "next.json").write_text(json.dumps(behaviours))

    def launch(self, number: int = 0, on_stopping=lambda: None):
        return self.launcher.launch(number, on_stopping)

    def hello(self, number: int = 0) -> dict:
        return json.loads((self.folder / f"hello-{16 + number}").read_text().splitlines()[-1])


@contextmanager
def nitro_host(folder: Path, **changes):
    host = NitroHost(folder, **changes)
    with host.supervision:
        yield host
    for each in host.program.describe():
        host.program.terminate(each.id)


@pytest.fixture
def host(tmp_path):
    with nitro_host(tmp_path) as host:
        yield host


def test_an_enclave_starts_is_told_what_it_needs_and_ends_in_order(host):
    stopping = threading.Event()
    enclave = host.launch(1, stopping.set)
    ready = enclave.ready()
    assert (ready.port, ready.operate, ready.vault) == (7000, 7001, VAULT)
    assert host.hello(1) == {"v": 1, "vault": {"id": VAULT}}
    [running] = host.program.describe()
    assert (running.cid, running.pid, running.state) == (17, enclave.pid, "RUNNING")
    assert host.launcher.route(1, ready).sessions == "vsock:17:7000"
    assert host.launcher.route(1, ready).operate == "vsock:17:7001"
    enclave.stop()
    assert stopping.is_set()
    assert enclave.wait() == 0
    assert host.program.describe() == []
    assert not is_running(running.pid)


def test_what_an_enclave_is_told_of_kms_and_limits(tmp_path, monkeypatch):
    for name, value in {
        "ACCESS_KEY_ID": "AKIA",
        "SECRET_ACCESS_KEY": "s",
        "SESSION_TOKEN": "t",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    (tmp_path / "wrapped").write_text("d3JhcHBlZA==\n")
    kms = {
        "region": "eu-central-1",
        "endpoint": "kms.eu-central-1.amazonaws.com",
        "key_id": "arn:aws:kms:eu-central-1:1:key/a",
        "wrapped_file": str(tmp_path / "wrapped"),
        "credentials": "environment",
    }
    with nitro_host(tmp_path, kms=kms, runtime_limits={"workers": 8}) as host:
        enclave = host.launch()
        enclave.ready()
        assert host.hello() == {
            "v": 1,
            "vault": {
                "id": VAULT,
                "kms": {
                    "region": "eu-central-1",
                    "endpoint": "kms.eu-central-1.amazonaws.com",
                    "key_id": "arn:aws:kms:eu-central-1:1:key/a",
                    "wrapped": "d3JhcHBlZA==",
                    "credentials": {
                        "access_key_id": "AKIA",
                        "secret_access_key": "s",
                        "session_token": "t",
                    },
                },
            },
            "limits": {"workers": 8},
        }
        enclave.stop()


def test_credentials_are_those_of_the_moment_in_which_it_is_told_of_them(tmp_path, monkeypatch):
    """What a start waits for may take longer than they count."""
    made = iter(("at the beginning", "when it asks"))
    monkeypatch.setattr(
        "pycape.host.instructions.credentials", lambda _kms: {"access_key_id": next(made)}
    )
    (tmp_path / "wrapped").write_text("d3JhcHBlZA==\n")
    kms = {
        "region": "eu-central-1",
        "endpoint": "kms.eu-central-1.amazonaws.com",
        "key_id": "arn:aws:kms:eu-central-1:1:key/a",
        "wrapped_file": str(tmp_path / "wrapped"),
    }
    with nitro_host(tmp_path, kms=kms) as host:
        enclave = host.launch()
        enclave.ready()
        told = host.hello()["vault"]["kms"]["credentials"]
        assert told == {"access_key_id": "when it asks"}
        enclave.stop()


def test_without_credentials_nothing_starts(tmp_path):
    kms = {
        "region": "eu-central-1",
        "endpoint": "kms.eu-central-1.amazonaws.com",
        "key_id": "arn:aws:kms:eu-central-1:1:key/a",
        "wrapped_file": str(tmp_path / "missing"),
    }
    with nitro_host(tmp_path, kms=kms) as host:
        with pytest.raises(ConfigError, match="there is no file"):
            host.launch().ready()
        assert not (host.folder / "starting").exists()


@pytest.mark.parametrize(
    ("codes", "says", "hint"),
    [
        (
            "E36 E39",
            "Enclave boot failure (E36), then Enclave process connection failure (E39)",
            "inspect",
        ),
        ("E39", "Enclave process connection failure (E39)", "does not answer"),
        ("E51", "Artifacts path environment variable not set (E51)", "NITRO_CLI_ARTIFACTS"),
        ("E27", "Insufficient memory available (E27)", "allocator.yaml"),
        ("E19", "File operation failure (E19): /dev/nitro_enclaves, open", "enclaves enabled"),
    ],
)
def test_a_start_that_fails_says_why_and_what_to_do(host, codes, says, hint):
    host.comes(codes)
    with pytest.raises(ConfigError) as raised:
        host.launch().ready()
    assert says in str(raised.value)
    assert hint in (raised.value.hint or "")
    assert raised.value.details == {"nitro": codes.split()[0]}
    assert host.program.describe() == []
    enclave = host.launch()
    enclave.ready()
    enclave.stop()


def test_an_error_without_a_code_is_told_as_it_is():
    error = nitro_error("nitro-cli run-enclave", 1, "error: Found argument '--x'\n")
    assert str(error) == "nitro-cli run-enclave ended with status 1: error: Found argument '--x'"
    assert "it gave no reason" in str(nitro_error("nitro-cli", 9, ""))


def test_starts_on_one_machine_wait_for_each_other(host):
    """Side by side all but one of them fail, as those of the real program do."""
    host.comes("slow", "slow")
    first, second = host.launch(0), host.launch(1)
    found = []
    threads = [
        threading.Thread(target=lambda it=it: found.append(it.ready())) for it in (first, second)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 2
    assert sorted(each.cid for each in host.program.describe()) == [16, 17]
    for enclave in (first, second):
        enclave.stop()


def test_there_are_four_at_most(host):
    host.comes(*["silent"] * 4)
    others = [
        host.program.run(Path("x"), host.configuration.image, 100 + number) for number in range(4)
    ]
    with pytest.raises(ConfigError, match="4 enclaves run on this machine, and there can be 4"):
        host.launch().ready()
    host.program.terminate(others[0].id)
    enclave = host.launch()
    enclave.ready()
    enclave.stop()


def test_what_an_agent_that_was_killed_left_behind_is_ended(host):
    host.comes("silent")
    left_over = host.program.run(Path("x"), host.configuration.image, 16)
    enclave = host.launch()
    enclave.ready()
    [running] = host.program.describe()
    assert running.id != left_over.id
    assert not is_running(left_over.pid)
    enclave.stop()


def test_an_enclave_that_does_not_report_is_ended(tmp_path):
    # The program itself has to start within it, on a busy machine too.
    with nitro_host(tmp_path, nitro_cli={"start_timeout_s": 5}) as host:
        host.comes("silent")
        with pytest.raises(ServiceError, match="did not report within 5 s"):
            host.launch().ready()
        assert host.program.describe() == []


def test_an_enclave_that_reports_and_is_never_ready_is_ended_and_not_said_to_have(tmp_path):
    with nitro_host(tmp_path, nitro_cli={"start_timeout_s": 5}) as host:
        host.comes("hangs")
        with pytest.raises(ServiceError, match="was not ready 5 s later") as raised:
            host.launch().ready()
        assert "start_timeout_s" in raised.value.hint
        assert host.program.describe() == []


def test_an_enclave_that_ends_without_a_reason_is_told_by_its_last_line(host):
    host.comes("ends")
    with pytest.raises(ConfigError, match=r"the enclave ended: .*booted") as raised:
        host.launch().ready()
    assert "docs/operate/hosts.md" in raised.value.hint


def test_a_start_that_takes_too_long_is_given_up(tmp_path):
    with nitro_host(tmp_path, nitro_cli={"start_timeout_s": 1}) as host:
        host.comes("slow")
        with pytest.raises(ConfigError, match="takes longer than 1 s") as raised:
            host.launch().ready()
        assert "start_timeout_s" in raised.value.hint


def test_an_enclave_whose_start_was_given_up_does_not_go_on(tmp_path):
    with nitro_host(tmp_path, nitro_cli={"start_timeout_s": 5}) as host:
        host.comes("without a word")
        with pytest.raises(ConfigError, match="takes longer than 5 s"):
            host.launch().ready()
        assert list(host.folder.glob("i-*")), "it had started one"
        assert host.program.describe() == []


def test_another_command_that_takes_too_long_is_not_told_to_have_more_time(tmp_path, monkeypatch):
    program = tmp_path / "nitro-cli"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(nitro_cli, "COMMAND_SECONDS", 0.1)
    cli = NitroProgram(NitroCli(program=str(program)))
    for ask in (cli.describe, lambda: cli.terminate("i-1")):
        with pytest.raises(ConfigError, match=r"takes longer than 0\.1 s") as raised:
            ask()
        assert "start_timeout_s" not in raised.value.hint
        assert "/var/log/nitro_enclaves" in raised.value.hint


def test_an_enclave_that_refuses_says_why(host):
    host.comes("refuses")
    with pytest.raises(ConfigError, match="the enclave: the vault is another"):
        host.launch().ready()


def test_an_enclave_that_does_not_end_is_terminated(host):
    host.comes("lingers")
    enclave = host.launch()
    enclave.ready()
    stopped = threading.Thread(target=enclave.stop)
    stopped.start()
    enclave.hurry()
    stopped.join(60)
    assert not stopped.is_alive()
    assert host.program.describe() == []


def test_one_that_does_not_end_has_its_time_and_not_so_many_questions(monkeypatch):
    """A question may take a minute, where nitro-cli hangs."""
    clock = [0.0]
    monkeypatch.setattr(machines, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    class Hanging:
        pid = 1
        questions = 0

        def start(self):
            pass

        def wait(self, _seconds):
            clock[0] += 60
            self.questions += 1
            return False

        def terminate(self):
            pass

    ours, its = socket.socketpair()
    ready = {"port": 7000, "operate": 7001, "vault": VAULT, "document": "", "stop_grace_s": 100}
    its.sendall(json.dumps(ready).encode() + b"\n")
    machine = Hanging()
    enclave = machines.Guest(
        machine, lambda: b"{}", lambda _given_up: Conversation(ours), 30, lambda: None
    )
    enclave.ready()
    its.close()
    enclave.stop()
    assert machine.questions == 2, "108 s are over then"


def test_a_long_line_costs_what_a_line_may(host):
    host.comes("babbles")
    enclave = host.launch()
    enclave.ready()
    enclave.stop()
    assert enclave.wait() == 0


def test_one_that_is_stopped_while_it_starts_is_gone(host):
    host.comes("slow")
    enclave = host.launch()
    failed = []

    def start():
        try:
            enclave.ready()
        except Exception as error:
            failed.append(error)

    starting = threading.Thread(target=start)
    starting.start()
    wait_until((host.folder / "starting").exists)
    enclave.stop()
    starting.join(60)
    assert failed
    assert host.program.describe() == []


def supervised(host, **events) -> Supervisor:
    events = {
        "on_ready": lambda *_: None,
        "on_end": lambda: None,
        "on_failure": lambda: None,
    } | events
    return Supervisor(host.launch, patience=SOON, hint="look there", **events)


def test_one_that_dies_is_started_again(host):
    supervisor = supervised(host)
    host.comes("dies", "E36 E39")
    supervisor.start_meanwhile()
    wait_until(lambda: supervisor.starts == 2)
    [running] = host.program.describe()
    supervisor.stop()
    assert not is_running(running.pid)
    assert supervisor.failure is None


def events(caplog, level: str) -> list[str]:
    told = [it.getMessage() for it in caplog.records if it.levelname == level]
    return [json.loads(line)["event"] for line in told]


def test_one_that_does_not_start_is_not_told_as_a_death_and_one_that_served_is(host, caplog):
    supervisor = supervised(host)
    host.comes("refuses", "dies")
    supervisor.start_meanwhile()
    wait_until(lambda: supervisor.starts == 2)
    supervisor.stop()
    assert events(caplog, "ERROR") == ["enclave did not start"]
    assert events(caplog, "WARNING") == ["enclave died"]


def test_one_that_never_starts_is_given_up_and_not_tried_for_ever(host):
    failed = threading.Event()
    supervisor = supervised(host, on_failure=failed.set)
    host.comes(*["E36 E39"] * 10)
    supervisor.start_meanwhile()
    assert failed.wait(60)
    assert "died 3 times at once" in str(supervisor.failure)
    assert supervisor.failure.hint == "look there"
    left = json.loads((host.folder / "next.json").read_text())
    assert len(left) == 7
    supervisor.stop()


def test_one_whose_start_has_a_defect_is_given_up_too(host, monkeypatch):
    def defect(_configuration):
        raise ZeroDivisionError

    monkeypatch.setattr("pycape.host.instructions.to_serve", defect)
    failed = threading.Event()
    supervisor = supervised(host, on_failure=failed.set)
    supervisor.start_meanwhile()
    assert failed.wait(20)
    supervisor.stop()


def test_a_console_is_in_the_log_where_it_was_asked_for(tmp_path, caplog):
    caplog.set_level("INFO", "pycape.server")
    with nitro_host(tmp_path, nitro_cli={"insecure_debug": True}) as host:
        enclave = host.launch()
        enclave.ready()
        wait_until(lambda: "Linux version 6.12" in caplog.text)
        enclave.stop()


def test_an_image_that_does_not_fit_is_refused_before_anything_starts(tmp_path):
    image = {"file": str(image_in(tmp_path / "large", 20)), "memory_mib": 64}
    with pytest.raises(ConfigError, match="memory_mib = 64 is too little") as raised:
        NitroHost(tmp_path, image=image)
    assert "memory_mib = 81" in raised.value.hint


def test_a_file_that_is_no_image_is_refused_before_anything_starts(tmp_path):
    file = tmp_path / "no.eif"
    for content, kind in ((None, ConfigError), (b"ELF", ImageMalformed)):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(kind, match=r"no\.eif"):
            check_image(Image(file=str(file), memory_mib=64))


def test_an_image_whose_signature_does_not_hold_is_refused_before_anything_starts(tmp_path):
    files = image_files(tmp_path)
    signer = images.load_signer(Path(files["SIGN_KEY"]), Path(files["SIGN_CERT"]))
    recipe = images.read_recipe(Path(files["RECIPE"]))
    built = images.build(recipe, tmp_path / "signed.eif", signer=signer).path
    image = Image(file=str(built), memory_mib=64)
    assert check_image(image).measurement == images.read(built).pcrs[0].hex()
    octets = bytearray(built.read_bytes())
    octets[-1] ^= 1
    octets[544:548] = crc32_of(octets)
    built.write_bytes(octets)
    with pytest.raises(ImageError, match="would not boot"):
        check_image(image)


def crc32_of(octets: bytes) -> bytes:
    """The checksum of an image's file, which covers all but itself."""
    return zlib.crc32(octets[548:], zlib.crc32(octets[:544])).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("program", "says"),
    [("/nowhere/nitro-cli", "does not run"), ("/bin/true", "answered something else")],
)
def test_the_program_may_be_missing_or_another(program, says):
    with pytest.raises(ConfigError, match=says):
        NitroProgram(NitroCli(program=program)).describe()


def test_the_page_has_each_code_with_what_to_do():
    page = (ROOT / "docs" / "operate" / "aws.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(E\d\d)` \|", page, re.MULTILINE)) == HINTS.keys()
