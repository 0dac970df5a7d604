"""Indexes that cannot be reached, caches that cannot be written, and doing without either."""

import functools
import http.server
import threading

import pytest

from pycape import errors
from pycape.packaging import Progress


class Listing(http.server.SimpleHTTPRequestHandler):
    """An index of files in a folder; counts what it is asked."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.server.status == 200:
            return super().do_GET()
        return self.send_error(self.server.status)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(index):
    """The index, served at an address; `status` other than 200 makes it refuse."""
    handler = functools.partial(Listing, directory=index.folder.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        served.asked, served.status = [], 200
        served.url = f"http://me:hunter2@127.0.0.1:{served.server_port}"
        served.place = f"127.0.0.1:{served.server_port}"
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        yield served
        served.shutdown()
        thread.join()


@pytest.fixture
def served(function, index, server, monkeypatch):
    """A function whose one dependency is at an address."""
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    index.wheel("helper", "1.0", files={"helper/large.bin": bytes(range(256)) * (3 << 12)})
    (function / "requirements.txt").write_text(
        f"--no-index\n--find-links {server.url}/wheels/\nhelper\n"
    )
    return function


def refused(function, bundle, kind=errors.ConnectFailed):
    with pytest.raises(kind) as caught:
        bundle(function)
    error = caught.value
    assert "hunter2" not in f"{error} {error.hint} {error.details}"
    return error


def test_what_is_locked_and_was_fetched_needs_no_network(served, bundle, server):
    first = bundle(served)
    assert server.asked
    server.asked.clear()
    server.shutdown()
    server.server_close()
    assert bundle(served).sha256 == first.sha256
    assert server.asked == []


def test_without_a_lock_versions_are_those_of_the_cache(served, bundle, server):
    """A warning says so: there may be newer ones."""
    first = bundle(served)
    (served / "cape.lock").unlink()
    server.shutdown()
    server.server_close()
    with pytest.warns(
        UserWarning, match=rf"at {server.place} cannot be reached: .* fetched before"
    ):
        assert bundle(served).lock == first.lock


def test_what_was_not_fetched_yet_is_asked_for(served, bundle, server, monkeypatch, tmp_path):
    first = bundle(served)
    server.asked.clear()
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another"))
    assert bundle(served).sha256 == first.sha256
    assert any(path.endswith("helper-1.0-py3-none-any.whl") for path in server.asked)


def test_a_wheel_that_is_gone(served, bundle, index, monkeypatch, tmp_path):
    bundle(served)
    next(index.folder.glob("helper*")).unlink()
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another"))
    refused(served, bundle, errors.PackagingError)


def test_how_far_the_downloads_are(served, bundle, monkeypatch, tmp_path):
    bundle(served)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another"))
    told = []
    bundle(served, progress=told.append)
    fetched = [each for each in told if each.phase == "fetch"]
    total = fetched[-1].total
    assert 3 << 20 <= total < 4 << 20
    assert fetched == [
        Progress("fetch", 0, 0),
        Progress("fetch", 0, total),
        Progress("fetch", total, total),
    ]
    told.clear()
    bundle(served, progress=told.append)
    assert [each for each in told if each.phase == "fetch"] == [Progress("fetch", 0, 0)]


def test_an_index_that_nobody_serves(function, bundle, index, monkeypatch):
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://me:hunter2@127.0.0.1:9/simple")
    (function / "requirements.txt").write_text("helper\n")
    error = refused(function, bundle)
    assert str(error) == ("the package index at 127.0.0.1:9 cannot be reached: connection refused")
    assert "UV_DEFAULT_INDEX" in error.hint
    assert "HTTPS_PROXY" in error.hint


def test_a_proxy_that_nobody_serves(function, bundle, index, monkeypatch):
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://packages.example/simple")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:9")
    (function / "requirements.txt").write_text("helper\n")
    error = refused(function, bundle)
    assert str(error).startswith("the package index at packages.example cannot be reached: ")
    assert "is the proxy of HTTPS_PROXY" in error.hint


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, errors.PackagingError, "the package index at {} refuses: 401 Unauthorized"),
        (403, errors.PackagingError, "the package index at {} refuses: 403 Forbidden"),
        (503, errors.ConnectFailed, "the package index at {} cannot be reached: it answers 503"),
    ],
)
def test_an_index_that_refuses(function, bundle, server, monkeypatch, status, kind, said):
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{server.url}/simple")
    server.status = status
    (function / "requirements.txt").write_text("helper\n")
    assert str(refused(function, bundle, kind)).startswith(said.format(server.place))


@pytest.mark.parametrize(
    ("status", "kind"), [(404, errors.PackagingError), (500, errors.ConnectFailed)]
)
def test_a_file_at_an_address(function, bundle, server, monkeypatch, status, kind):
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    server.status = status
    file = "helper-1.0-py3-none-any.whl"
    (function / "requirements.txt").write_text(f"helper @ {server.url}/{file}\n")
    assert f"{file} at {server.place}" in str(refused(function, bundle, kind))


def test_uv_that_is_told_to_keep_off_the_network(function, bundle, index, monkeypatch):
    monkeypatch.setenv("UV_OFFLINE", "1")
    (function / "requirements.txt").write_text("helper\n")
    assert "UV_OFFLINE" in refused(function, bundle).hint


def test_a_home_that_cannot_be_written(served, bundle, monkeypatch):
    """The cache is a temporary one then, and a warning says what helps."""
    monkeypatch.delenv("UV_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    for _ in ("without a lock", "with one"):
        with pytest.warns(UserWarning, match="UV_CACHE_DIR names another folder") as warned:
            made = bundle(served)
        assert len(warned) == 1
        assert "helper/__init__.py" in [entry.name for entry in made.files]


def test_a_cache_that_the_environment_names_is_for_its_user_to_mend(served, bundle, monkeypatch):
    monkeypatch.setenv("UV_CACHE_DIR", "/proc/nowhere")
    error = refused(served, bundle, errors.PackagingError)
    assert str(error) == "uv, which resolves dependencies, cannot keep its cache in /proc/nowhere"
    assert "UV_CACHE_DIR" in error.hint
