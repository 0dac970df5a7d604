"""An agent and its enclaves, as processes, from a deploy to the end."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator

import httpx
import pytest
from tests.e2e.processes import children, descendants, is_running, wait_until
from tests.host.hosts import CAPE, serve, states, status

from pycape import errors
from pycape.demo import echo_folder

WAITS = """
def cape_handler(context):
    yield b"begun"
    context.input.read()
    yield b"done"
"""


def lasting(ended: threading.Event) -> Iterator[bytes]:
    """An input that goes on until then."""
    yield b"some"
    while not ended.wait(0.01):
        yield b" more"


def text_of(*words):
    done = subprocess.run([*CAPE, *map(str, words)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_function_is_deployed_and_run_through_the_host(platform, agent):
    assert platform.readiness() == "no enclave is running"
    configuration = platform.configuration()
    running = agent(configuration)
    found = serve(configuration)
    wait_until(lambda: platform.readiness() == "ok")
    with platform.client() as cape:
        function = cape.deploy(echo_folder(), name="echo")
        ciphertext = cape.encrypt(b"through a host")
        assert cape.run(function, None, ciphertext) == b"through a host"
        large = bytes(range(256)) * (1 << 14)
        assert cape.run(function, None, large) == large
    metrics = httpx.get(f"http://127.0.0.1:{running.data['operate']}/metrics").text
    assert "cape_host_enclaves_serving 1\n" in metrics
    moved = 'cape_host_moved_bytes_total{pipe="sessions",direction="to_enclave"} '
    assert float(metrics.partition(moved)[2].split()[0]) > 1 << 22
    [enclave] = found.enclaves
    of_enclave = httpx.get(f"http://127.0.0.1:{enclave.operate}/metrics").text
    assert 'cape_enclave_calls_total{operation="run",outcome="ok"} 2' in of_enclave
    assert enclave.slots > 0

    code, shown, _ = text_of("host", "status", "--config", configuration)
    assert code == 0
    assert shown.startswith("one: process\n  enclave 0  serving    0 of ")
    assert f"told {platform.url}: ok" in shown
    assert running.end() == 0
    wait_until(lambda: platform.readiness() == "no enclave is running")
    assert b"through a host" not in running.log_file.read_bytes()


def test_a_killed_enclave_is_started_again_and_serves(platform, agent):
    configuration = platform.configuration("killed")
    agent(configuration)
    [before] = serve(configuration).enclaves
    with platform.client() as cape:
        wait_until(lambda: platform.readiness() == "ok")
        function = cape.deploy(echo_folder(), name="killed")
        os.kill(before.pid, signal.SIGKILL)
        wait_until(lambda: status(configuration).enclaves[0].starts == 2)
        serve(configuration)
        wait_until(lambda: platform.readiness() == "ok")
        assert cape.run(function, None, b"again") == b"again"
    [after] = status(configuration).enclaves
    assert (after.starts, after.failure) == (2, None)
    assert after.pid != before.pid


def test_sessions_are_spread_over_enclaves_and_outlive_one_of_them(platform, agent):
    configuration = platform.configuration("two", enclaves=2)
    running = agent(configuration)
    first, second = serve(configuration).enclaves
    wait_until(lambda: platform.readiness() == "ok")
    with platform.client() as cape:
        function = cape.deploy(echo_folder(), name="two")
        with (
            cape.function_context(function, None) as one,
            cape.function_context(function, None) as other,
        ):
            assert (one.invoke(b"1"), other.invoke(b"2")) == (b"1", b"2")
            for enclave in (first, second):
                metrics = f"http://127.0.0.1:{enclave.operate}/metrics"
                # The connection of the deploy is gone a moment later.
                wait_until(
                    lambda url=metrics: "\ncape_enclave_connections 1\n" in httpx.get(url).text
                )
        os.kill(first.pid, signal.SIGKILL)
        # The other takes what comes meanwhile.
        assert cape.run(function, None, b"still") == b"still"
    serve(configuration)
    assert running.end() == 0


def test_asked_to_end_it_lets_calls_end_and_takes_no_others(platform, agent, tmp_path):
    configuration = platform.configuration("drained")
    running = agent(configuration)
    serve(configuration)
    wait_until(lambda: platform.readiness() == "ok")
    (tmp_path / "app.py").write_text(WAITS)
    ended = threading.Event()
    with platform.client() as cape:
        function = cape.deploy(tmp_path, name="drained")
        with cape.function_context(function, None) as call:
            stream = call.stream(lasting(ended))
            assert next(stream) == b"begun"
            running.process.send_signal(signal.SIGTERM)
            wait_until(lambda: states(configuration) == ["stopping"])
            wait_until(lambda: platform.readiness() == "no enclave is running")
            assert status(configuration).enclaves[0].failed_checks == [], (
                "it ends, and lacks nothing"
            )
            with platform.client() as other, pytest.raises(errors.CapeError):
                other.with_options(max_retries=0).run(function, None, b"0")
            ended.set()
            assert list(stream) == [b"done"]
    assert running.process.wait(60) == 0
    assert "host ended" in running.log_file.read_text()


def test_asked_twice_it_does_not_wait(platform, agent, tmp_path):
    configuration = platform.configuration("hurried")
    running = agent(configuration)
    serve(configuration)
    wait_until(lambda: platform.readiness() == "ok")
    (tmp_path / "app.py").write_text(WAITS)
    with platform.client() as cape:
        function = cape.deploy(tmp_path, name="hurried")
        with pytest.raises(errors.CapeError), cape.function_context(function, None) as call:
            stream = call.stream(lasting(threading.Event()))
            assert next(stream) == b"begun"
            running.process.send_signal(signal.SIGTERM)
            wait_until(lambda: states(configuration) == ["stopping"])
            running.process.send_signal(signal.SIGTERM)
            list(stream)
    assert running.process.wait(60) == 0


def test_enclaves_that_never_start_are_given_up_and_told(platform):
    """The vault is another: each start ends at once, and after five of them so does the agent."""
    configuration = platform.configuration("hopeless", vault="ab" * 32)
    code, _, log = text_of("host", "run", "--config", configuration)
    assert code == 1
    assert "every enclave of this host was given up" in log
    assert log.count('"event": "enclave did not start"') == 5
    assert "Traceback" not in log


def test_an_enclave_without_its_store_says_what_it_lacks(platform, agent):
    configuration = platform.configuration("storeless", blobs=str(platform.folder / "nowhere"))
    agent(configuration)
    wait_until(lambda: status(configuration).enclaves[0].failed_checks == ["blobs"])
    _, shown, _ = text_of("host", "status", "--config", configuration)
    assert "\n  enclave 0  not ready  blobs\n" in shown


def test_an_agent_that_is_killed_leaves_nothing_behind(platform, agent):
    configuration = platform.configuration("left")
    running = agent(configuration)
    serve(configuration)
    below = descendants(running.process.pid)
    assert len(below) > 2
    running.process.kill()
    running.process.wait()
    wait_until(lambda: not any(map(is_running, below)))
    again = agent(configuration)
    serve(configuration)
    assert again.end() == 0


def test_two_agents_do_not_share_a_folder(platform, agent):
    configuration = platform.configuration("shared")
    agent(configuration)
    code, _, told = text_of("host", "run", "--config", configuration)
    assert code == 78
    assert "an agent runs already" in told


def test_a_port_that_is_taken_is_said_and_what_looks_at_ports(platform):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listen = {"sessions": port, "enclaves": 0, "operate": 0}
        configuration = platform.configuration("taken", listen=listen)
        code, _, told = text_of("host", "run", "--config", configuration)
    assert code == 78
    assert f"cape-host: cannot listen on 127.0.0.1:{port}" in told
    assert "hint: `cape host doctor`" in told


def test_an_agent_whose_data_path_dies_ends_and_says_so(platform, agent):
    configuration = platform.configuration("cut")
    running = agent(configuration)
    [enclave] = serve(configuration).enclaves
    [data_path] = children(running.process.pid) - {enclave.pid}
    os.kill(data_path, signal.SIGKILL)
    assert running.process.wait(60) == 1
    assert running.logged("data path ended") == 1
    assert b"the data path ended" in running.process.stdout.read()
    assert not is_running(enclave.pid), "nothing is left behind"


def test_a_host_goes_on_while_its_control_plane_is_away(platform, agent):
    configuration = platform.configuration(
        "alone",
        control_plane={"urls": ["http://127.0.0.1:9"], "token_file": str(platform.admit("alone"))},
    )
    running = agent(configuration)
    serve(configuration)
    wait_until(lambda: "no answer" in next(iter(status(configuration).control_planes.values())))
    assert states(configuration) == ["serving"]
    assert running.logged("control plane not told") == 1, "it is told once, not every two seconds"
    assert running.end(signal.SIGINT) == 0


def told(configuration):
    return next(iter(status(configuration).control_planes.values()))


def test_the_second_of_two_agents_of_one_name_is_refused_until_the_first_is_gone(platform, agent):
    first = platform.configuration("twin")
    running = agent(first)
    serve(first)
    wait_until(lambda: told(first) == "ok")
    text = first.read_text()
    second = first.with_name("other-twin.toml")
    port = re.search(r"sessions = (\d+)", text)[1]
    folders = [f'"{each.with_suffix("")}"' for each in (first, second)]
    text = text.replace(*folders)
    text = text.replace(f"sessions = {port}", "sessions = 0")
    second.write_text(text)
    other = agent(second)
    wait_until(lambda: told(second) == "refused (409): another agent reports as twin already")
    serve(second)
    assert told(first) == "ok"
    assert other.logged("control plane not told") == 1
    # Killed, it says nothing any more; in order, it says so at once.
    running.process.kill()
    wait_until(lambda: told(second) == "ok")
    assert other.end() == 0
    again = agent(first)
    wait_until(lambda: told(first) == "ok")
    assert again.logged("control plane not told") == 0


def test_a_new_token_counts_without_a_restart(platform, agent):
    configuration = platform.configuration("rotated")
    running = agent(configuration)
    wait_until(lambda: told(configuration) == "ok")
    token_file = configuration.with_suffix(".token")
    data = ("--data-dir", platform.folder / "state")
    code, token, _ = text_of("host", "admit", "rotated", *data)
    assert code == 0
    token_file.write_text(token)
    code, _, said = text_of("host", "dismiss", "rotated", "--earlier", *data)
    assert code == 0, said
    wait_until(lambda: told(configuration) == "ok")
    code, _, said = text_of("host", "dismiss", "rotated", "--yes", *data)
    assert code == 0, said
    wait_until(lambda: told(configuration) == "refused (401): not a token of the host rotated")
    assert states(configuration) != ["given up"], "calls under way go on"
    assert running.logged("control plane told") == 1


def test_status_without_an_agent_says_so(platform):
    configuration = platform.configuration("nobody")
    code, shown, _ = text_of("host", "status", "--config", configuration, "--json")
    assert code == 69
    assert "no agent answers" in json.loads(shown)["error"]["message"]
