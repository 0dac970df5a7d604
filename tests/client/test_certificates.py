"""Whose certificates are trusted for TLS: the same for HTTP and for WebSockets, sync and async."""

import asyncio

import pytest

from pycape import AsyncCape, Cape, errors
from pycape._effects import HttpRequest

from .authority import Authority
from .doubles import URL, ScriptedTransport
from .servers import enclave, http_server, listener, send

HINT = "CAPE_CA_FILE"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def another(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("another"), "another")


@pytest.fixture(autouse=True)
def no_authorities(monkeypatch):
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module", params=["http", "websocket"])
def server(request, authority):
    """Lend the address of a server with a certificate for localhost, and what asks it."""
    tls = authority.server("localhost")

    def ask_http(transport, url):
        return transport.request(HttpRequest("GET", url), 10).status == 204

    def ask_websocket(transport, url):
        connection = transport.connect(url, 10)
        said = connection.receive(10, "attest")
        connection.close()
        return said == b"hello"

    if request.param == "http":
        with http_server(lambda handler: send(handler, 204, b""), tls) as url:
            yield url, ask_http
    else:
        with enclave(lambda websocket: websocket.send(b"hello"), ssl=tls) as url:
            yield url, ask_websocket


@pytest.fixture
def ask(server):
    url, ask = server
    return lambda transport: ask(transport, url.replace("127.0.0.1", "localhost"))


def test_an_authority_that_nobody_knows(ask, make_transport):
    with pytest.raises(errors.ConnectFailed, match="CERTIFICATE_VERIFY_FAILED") as raised:
        ask(make_transport())
    assert HINT in raised.value.hint


def test_an_authority_that_was_named_as_an_argument(ask, make_transport, authority):
    assert ask(make_transport(str(authority.file)))


@pytest.mark.parametrize("name", ["CAPE_CA_FILE", "SSL_CERT_FILE"])
def test_an_authority_that_the_environment_names(ask, make_transport, authority, monkeypatch, name):
    monkeypatch.setenv(name, str(authority.file))
    assert ask(make_transport())


def test_the_one_named_first_counts_and_no_other(
    ask, make_transport, authority, another, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(another.file))
    monkeypatch.setenv("CAPE_CA_FILE", str(authority.file))
    assert ask(make_transport())
    with pytest.raises(errors.ConnectFailed):
        ask(make_transport(str(another.file)))


def test_a_certificate_for_another_host(server, make_transport, authority):
    url, ask = server
    with pytest.raises(errors.ConnectFailed, match=r"IP address mismatch.*127\.0\.0\.1") as raised:
        ask(make_transport(str(authority.file)), url)
    assert HINT in raised.value.hint


@pytest.mark.parametrize("name", ["ca_file", "CAPE_CA_FILE", "SSL_CERT_FILE"])
@pytest.mark.parametrize("content", [None, "", "nonsense"])
def test_authorities_that_cannot_be_read(ask, make_transport, tmp_path, monkeypatch, name, content):
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)
    if name != "ca_file":
        monkeypatch.setenv(name, str(file))
    with pytest.raises(errors.ConfigError, match=f"{name}={file}") as raised:
        ask(make_transport(str(file) if name == "ca_file" else None))
    assert "PEM" in raised.value.hint


def test_a_server_that_does_not_speak_tls(make_transport):
    with listener(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")) as address:
        for ask in (
            lambda: make_transport().request(HttpRequest("GET", f"https://{address}/"), 10),
            lambda: make_transport().connect(f"wss://{address}/", 10),
        ):
            with pytest.raises(errors.ConnectFailed):
                ask()


def test_a_server_that_does_not_go_on_with_tls(make_transport):
    with listener() as address:
        for ask in (
            lambda: make_transport().request(HttpRequest("GET", f"https://{address}/"), 0.2),
            lambda: make_transport().connect(f"wss://{address}/", 0.2),
        ):
            with pytest.raises(errors.TimeoutExpired) as raised:
                ask()
            assert raised.value.phase == "connect"


def test_a_password_of_a_netrc_is_not_sent(make_transport, authority, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login alice password secretword\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    seen = []

    def respond(handler):
        seen.append(handler.headers["Authorization"])
        send(handler, 204, b"")

    with http_server(respond, authority.server("localhost")) as url:
        transport = make_transport(str(authority.file))
        transport.request(HttpRequest("GET", url.replace("127.0.0.1", "localhost")), 10)
    assert seen == [None]


@pytest.fixture
def platform(authority):
    """Lend the address of a control plane, by TLS, that knows nobody."""
    with http_server(
        lambda handler: send(handler, 404, b"{}"), authority.server("localhost")
    ) as url:
        yield url.replace("127.0.0.1", "localhost")


def test_the_clients_take_a_file_of_authorities(platform, authority):
    with pytest.raises(errors.RecipientUnknown):
        Cape(platform, ca_file=authority.file).account_of("nobody")

    async def ask():
        async with AsyncCape(platform, ca_file=str(authority.file)) as cape:
            await cape.account_of("nobody")

    with pytest.raises(errors.RecipientUnknown):
        asyncio.run(ask())


@pytest.mark.parametrize("kind", [Cape, AsyncCape])
def test_a_file_of_authorities_that_is_none(kind):
    for wrong in (5, b"bytes", object()):
        with pytest.raises(TypeError, match="ca_file is a path"):
            kind(URL, ca_file=wrong)


def test_a_transport_has_its_own_authorities():
    with pytest.raises(ValueError, match="exclude each other"):
        Cape(URL, transport=ScriptedTransport([]), ca_file="authorities.pem")
