"""Encrypt, deploy, run: each through the public API, against real processes."""

import asyncio

import numpy
import pytest

from pycape import AsyncCape, FunctionRef, Timeout, Token
from pycape.errors import FunctionError, PermissionDenied

from .conftest import user


def test_an_encrypted_input_is_opened_in_the_enclave(alice, echo):
    ciphertext = alice.encrypt(b"hello world")
    assert ciphertext.startswith(b"cape:2:")
    assert b"hello" not in ciphertext
    assert alice.run(echo, None, ciphertext) == b"hello world"
    assert alice.run(echo, None, b"plain") == b"plain"


def test_a_short_ciphertext_with_x25519(alice, echo):
    short, long = alice.encrypt(b"hi", kem="x25519"), alice.encrypt(b"hi")
    assert len(short) < 400 < 1600 < len(long)
    assert alice.run(echo, None, short) == b"hi"


def test_somebody_else_runs_it_with_a_token(alice, bob, echo, tmp_path):
    token = alice.create_token(echo, expires="1h", name="bob")
    token.to_disk(tmp_path / "bob.token")
    assert bob.run(echo, token, b"by token") == b"by token"
    assert bob.run(echo.id, str(tmp_path / "bob.token"), b"by file") == b"by file"
    assert bob.run(FunctionRef(id=echo.id), Token(token.raw), b"by text") == b"by text"
    echo.to_json(tmp_path / "echo.json")
    assert bob.run(str(tmp_path / "echo.json"), token, b"by json") == b"by json"
    assert bob.run(echo.full_name, token, b"by name") == b"by name"
    with pytest.raises(PermissionDenied, match="takes a token"):
        bob.run(echo, None, b"without")


def test_bob_encrypts_for_alice_by_id_and_by_name(alice, bob, echo):
    alice.claim_name("alice-three-verbs")
    token = alice.create_token(echo)
    for who in (alice.account_id, "alice-three-verbs"):
        ciphertext = bob.encrypt(b"for alice", username=who)
        assert bob.run(echo, token, ciphertext) == b"for alice"
    assert bob.run(
        echo, token, bob.encrypt(b"several", recipient=[alice.account_id, bob.account_id])
    )


def test_a_use_rule_narrows_a_ciphertext_to_named_code(alice, echo):
    assert alice.run(echo, None, alice.encrypt(b"narrow", functions=[echo])) == b"narrow"


def test_any_contiguous_buffer_is_taken(alice, echo):
    array = numpy.arange(64, dtype=numpy.float32)
    assert alice.run(echo, None, array) == array.tobytes()
    for data in (bytearray(b"abc"), memoryview(b"abc")):
        assert alice.run(echo, None, data) == b"abc"
    with pytest.raises(TypeError, match="not str"):
        alice.run(echo, None, "text")
    with pytest.raises(TypeError, match="contiguous"):
        alice.run(echo, None, array[::2])
    with pytest.raises(TypeError, match="one input"):
        alice.run(echo, None)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 5_000_000])
def test_sizes_around_the_limits_of_frames(alice, echo, size):
    data = bytes(i & 0xFF for i in range(251)) * (size // 251 + 1)
    assert alice.run(echo, None, data[:size]) == data[:size]


def test_one_connection_serves_many_calls(alice, echo):
    with alice.function_context(echo, None) as function:
        assert [function.invoke(bytes([i])) for i in range(20)] == [bytes([i]) for i in range(20)]
        assert alice.invoke(b"through the client") == b"through the client"
        assert alice.run(echo, None, b"another connection") == b"another connection"
        assert function.invoke(b"still open") == b"still open"


def test_connect_invoke_close(alice, echo):
    alice.connect(echo, None)
    assert alice.invoke(b"1") == b"1"
    alice.close()
    alice.close()


def test_a_result_tells_how_it_came_about(alice, echo):
    result = alice.call(echo, None, b"x")
    assert result.output == b"x"
    assert result.checksum == echo.checksum
    assert result.verified.trust == "development"
    assert result.verified.nonce_checked
    assert result.timing.attest > 0
    assert result.usage["duration_us"] > 0


def test_a_repeated_deploy_returns_the_function_that_is_there(alice, folder_of):
    folder = folder_of("def cape_handler(input): return b'1'")
    first = alice.deploy(folder, name="repeated")
    assert alice.deploy(folder, name="repeated") == first
    folder_of("def cape_handler(input): return b'2'")
    second = alice.deploy(folder, name="repeated")
    assert second.checksum != first.checksum
    assert alice.manifest(second).version == alice.manifest(first).version + 1
    assert alice.run(first, None, b"") == b"1"
    assert alice.run(second, None, b"") == b"2"


def test_functions_are_listed_and_deleted(alice, folder_of):
    folder = folder_of("def cape_handler(input): return input")
    ref = alice.deploy(folder, name="to-delete")
    assert ref.id in {manifest.function_id for manifest in alice.functions()}
    alice.delete(ref)
    assert ref.id not in {manifest.function_id for manifest in alice.functions()}


def test_handlers_may_return_text_or_be_async_or_take_context(alice, folder_of):
    text = folder_of("def cape_handler(input): return 'grüße'", name="text")
    coroutine = folder_of(
        """
        import asyncio
        async def cape_handler(input):
            await asyncio.sleep(0)
            return input[::-1]
        """,
        name="coroutine",
    )
    context = folder_of(
        "def cape_handler(input, context): return f'{context.checksum} {context.account}'",
        name="context",
    )
    assert alice.run(alice.deploy(text), None, b"") == "grüße".encode()
    assert alice.run(alice.deploy(coroutine), None, b"abc") == b"cba"
    ref = alice.deploy(context)
    assert alice.run(ref, None, b"").decode() == f"{ref.checksum} {alice.account_id}"


def test_relative_paths_are_relative_to_the_bundle(alice, folder_of):
    folder = folder_of(
        """
        from pathlib import Path
        AT_IMPORT = Path("data.txt").read_text()
        def cape_handler(input): return AT_IMPORT + Path("data.txt").read_text()
        """
    )
    (folder / "data.txt").write_text("abc")
    assert alice.run(alice.deploy(folder, name="paths"), None, b"") == b"abcabc"


def test_an_exception_comes_back_with_its_traceback(alice, folder_of):
    folder = folder_of(
        """
        def deeper(): raise KeyError("missing")
        def cape_handler(input): deeper()
        """
    )
    ref = alice.deploy(folder, name="raising")
    with pytest.raises(FunctionError) as raised:
        alice.run(ref, None, b"")
    assert raised.value.type == "KeyError"
    assert "in deeper" in raised.value.traceback
    assert "shim" not in raised.value.traceback


def test_state_lives_for_one_connection_and_no_longer(alice, folder_of):
    folder = folder_of(
        """
        count = 0
        def cape_handler(input):
            global count
            count += 1
            return str(count)
        """
    )
    ref = alice.deploy(folder, name="counter")
    for _ in range(2):
        with alice.function_context(ref, None) as function:
            assert [function.invoke(b"") for _ in range(3)] == [b"1", b"2", b"3"]


def test_the_async_client_does_the_same(platform, alice, echo, tmp_path):
    async def main() -> None:
        async with AsyncCape(config_dir=tmp_path / "alice") as cape:
            ciphertext = await cape.encrypt(b"hello")
            assert await cape.run(echo, None, ciphertext) == b"hello"
            async with cape.function_context(echo, None) as function:
                answers = await asyncio.gather(*(function.invoke(bytes([i])) for i in range(10)))
                assert answers == [bytes([i]) for i in range(10)]
            answers = await asyncio.gather(*(cape.run(echo, None, bytes([i])) for i in range(10)))
            assert answers == [bytes([i]) for i in range(10)]

    asyncio.run(main())


def test_the_sync_client_says_so_inside_an_event_loop(alice, echo, monkeypatch):
    monkeypatch.setattr("pycape._client_connections._warned", False)

    async def main() -> bytes:
        with pytest.warns(RuntimeWarning, match="AsyncCape"):
            return alice.run(echo, None, b"x")

    assert asyncio.run(main()) == b"x"


def test_a_client_without_an_account_makes_one_and_says_so(platform, tmp_path, caplog):
    with user(platform, tmp_path / "new", timeout=Timeout(request=30)) as cape:
        cape.encrypt(b"x")
        assert cape.account_id in caplog.text
    assert (tmp_path / "new" / "account.key").stat().st_mode & 0o777 == 0o600
