"""By way of a proxy: the same for HTTP and for WebSockets, sync and async."""

import base64
from urllib.parse import urlsplit

import pytest

from pycape import errors
from pycape._effects import HttpRequest
from pycape._proxies import proxy_for

from .authority import Authority
from .connect_proxy import connect_proxy
from .servers import closed_port, enclave, http_server, send

HOST = "platform.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(authority):
    return authority.server(HOST)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "WSS_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(params=["http", "websocket"])
def ask(request, make_transport, authority, tls):
    """Return what asks `platform.example`, and the port that it is at in truth."""
    transport = make_transport(str(authority.file))

    def ask_http(timeout=60):
        answer = transport.request(HttpRequest("GET", f"https://{HOST}/x"), timeout)
        return answer.json()["said"]

    def ask_websocket(timeout=60):
        connection = transport.connect(f"wss://{HOST}/v2/session", timeout)
        said = connection.receive(60, "attest")
        connection.close()
        return said.decode()

    if request.param == "http":
        with http_server(lambda handler: send(handler, 200, b'{"said": "hello"}'), tls) as url:
            yield ask_http, urlsplit(url).port
    else:
        with enclave(lambda websocket: websocket.send(b"hello"), ssl=tls) as url:
            yield ask_websocket, urlsplit(url).port


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_the_way_by_a_proxy(ask, monkeypatch, name):
    ask, port = ask
    with connect_proxy(port) as (proxy, heads):
        monkeypatch.setenv(name, proxy)
        assert ask() == "hello"
    [head] = heads
    assert head.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n")
    assert "Authorization" not in head


def test_the_more_exact_variable_wins_and_a_scheme_may_be_left_out(ask, monkeypatch):
    ask, port = ask
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{closed_port()}")
    with connect_proxy(port) as (proxy, heads):
        monkeypatch.setenv("HTTPS_PROXY", proxy.removeprefix("http://"))
        assert ask() == "hello"
    assert len(heads) == 1


def test_credentials_of_the_address(ask, monkeypatch):
    ask, port = ask
    with connect_proxy(port) as (proxy, heads):
        monkeypatch.setenv("HTTPS_PROXY", proxy.replace("http://", "http://al%20ice:p%40ss%2F@"))
        assert ask() == "hello"
    said = heads[0].partition("Proxy-Authorization: Basic ")[2].partition("\r\n")[0]
    assert base64.b64decode(said) == b"al ice:p@ss/"


def test_a_user_without_a_password(ask, monkeypatch):
    ask, port = ask
    with connect_proxy(port) as (proxy, heads):
        monkeypatch.setenv("HTTPS_PROXY", proxy.replace("http://", "http://alice@"))
        assert ask() == "hello"
    assert base64.b64encode(b"alice:").decode() in heads[0]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "answered 403"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "answered 502"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "proxy"),
    ],
)
def test_a_proxy_that_refuses(ask, monkeypatch, answer, said):
    ask, port = ask
    with connect_proxy(port, answer) as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(errors.ConnectFailed, match=said) as raised:
            ask()
    assert urlsplit(proxy).netloc in str(raised.value)
    assert raised.value.hint.startswith("HTTPS_PROXY names this proxy")


def test_a_proxy_that_wants_another_password_and_nobody_sees_it(ask, monkeypatch):
    ask, port = ask
    answer = (
        b"HTTP/1.1 407 Proxy Authentication Required\r\n"
        b"Proxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"
    )
    with connect_proxy(port, answer) as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", proxy.replace("http://", "http://alice:wrongword@"))
        with pytest.raises(errors.ConnectFailed, match="answered 407") as raised:
            ask()
    error = raised.value
    assert "USER:PASSWORD" in error.hint
    assert "wrongword" not in f"{error} {error!r} {error.hint} {error.details}"


def test_a_proxy_that_says_nothing(ask, monkeypatch):
    ask, port = ask
    with connect_proxy(port, None) as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(
            errors.TimeoutExpired, match=r"by way of the proxy .* within 0\.3 s \(connect\)"
        ) as raised:
            ask(0.3)
    assert raised.value.phase == "connect"


def test_a_proxy_that_is_not_there(ask, monkeypatch):
    ask, _ = ask
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(errors.ConnectFailed, match=r"by way of the proxy 127\.0\.0\.1"):
        ask()


@pytest.mark.parametrize(
    "value",
    [
        "socks5://127.0.0.1:1",
        "https://alice:secretword@127.0.0.1:1",
        "nonsense://proxy.example",
        "http://",
        "http://alice:secretword@",
        "http://alice:secret/word@proxy.example:1",
        "http://proxy.example:99999",
        "http://proxy.example/path",
        "http://proxy example:1",
        "http://[::1:5",
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY", "https_proxy"])
def test_what_is_no_proxy(make_transport, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    transport = make_transport()
    for ask in (
        lambda: transport.request(HttpRequest("GET", f"https://{HOST}/"), 5),
        lambda: transport.connect(f"wss://{HOST}/", 5),
    ):
        with pytest.raises(errors.ConfigError, match=name) as raised:
            ask()
        assert "http://HOST:PORT" in raised.value.hint
        assert str(raised.value).startswith(f"{name} names ")
        assert "secret" not in str(raised.value)


PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("url", "exemptions", "exempt"),
    [
        ("https://platform.example", "", False),
        ("https://platform.example", "platform.example", True),
        ("https://platform.example", "other.example, platform.example", True),
        ("https://platform.example", ".example", True),
        ("https://platform.example", "example", True),
        ("https://platform.example", "form.example", False),
        ("https://platform.example", "*", True),
        ("wss://platform.example:8443/v2", "platform.example:8443", True),
        ("wss://platform.example:8444/v2", "platform.example:8443", False),
        ("wss://10.1.2.3/v2", "10.0.0.0/8", True),
        ("wss://10.1.2.3/v2", "10.1.2.3", True),
        ("wss://11.1.2.3/v2", "10.0.0.0/8", False),
        ("wss://[fd00::5]:443/v2", "fd00::/8", True),
        ("wss://[fd00::5]:443/v2", "10.0.0.0/8, nonsense/x", False),
    ],
)
def test_what_goes_by_no_proxy(monkeypatch, url, exemptions, exempt):
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", exemptions)
    assert (proxy_for(url) is None) == exempt


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
def test_this_machine_is_reached_by_no_proxy(monkeypatch, scheme, host):
    monkeypatch.setenv("ALL_PROXY", PROXY)
    assert proxy_for(f"{scheme}://{host}:8700/x") is None


def test_a_proxy_shows_no_password(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://alice:secretword@[fd00::1]:3128")
    proxy = proxy_for("https://platform.example")
    assert f"{proxy} {proxy!r}" == (
        "[fd00::1]:3128 Proxy(address='[fd00::1]:3128', setting='HTTPS_PROXY')"
    )
    assert proxy.url == "http://alice:secretword@[fd00::1]:3128"
