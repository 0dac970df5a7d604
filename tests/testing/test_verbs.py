"""What users do: encrypt, deploy, run, and let others run."""

import shutil
from pathlib import Path

import msgpack
import pytest
import serdio

from pycape import errors, testing

pytestmark = pytest.mark.usefixtures("no_socket")

UPPER = "def cape_handler(data): return data.upper()"


def test_the_three_verbs(folder):
    with testing.enclave() as cape:
        ciphertext = cape.encrypt(b"hello world")
        function = cape.deploy(folder(UPPER))
        assert ciphertext.startswith(b"cape:2:")
        assert cape.run(function, None, ciphertext) == b"HELLO WORLD"


@pytest.mark.parametrize("kem", ["xwing", "x25519"])
def test_each_kind_of_key_opens(cape, folder, kem):
    function = cape.deploy(folder(UPPER))
    assert cape.run(function, None, cape.encrypt(b"hello", kem=kem)) == b"HELLO"


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, 3_000_000])
def test_data_of_any_size_comes_back(cape, folder, size):
    function = cape.deploy(folder("def cape_handler(data): return data"))
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert cape.run(function, None, data) == data


def test_typed_arguments(cape, folder):
    made = folder(
        """
        import serdio

        @serdio.lift_io(as_handler=True)
        def cape_handler(numbers, scale):
            return {"total": sum(numbers) * scale}
        """
    )
    for package in (serdio, msgpack):  # as the talk's folders have them, so nothing is fetched
        shutil.copytree(Path(package.__file__).parent, made / package.__name__)
    function = cape.deploy(made)
    assert cape.run(function, None, (1, 2), scale=3, use_serdio=True) == {"total": 9}


def test_a_second_user_runs_with_a_token(enclave, folder):
    with enclave.client("alice") as alice, enclave.client("bob") as bob:
        function = alice.deploy(folder(UPPER))
        token = alice.create_token(function, expires="1h")
        assert bob.run(function.id, token.token, b"hi") == b"HI"
        with pytest.raises(errors.TokenInvalid):
            bob.run(function.id, None, b"hi")


def test_a_user_is_encrypted_for_by_name(enclave, folder):
    with enclave.client("alice") as alice, enclave.client("bob") as bob:
        alice.claim_name("alice")
        function = alice.deploy(folder(UPPER))
        ciphertext = bob.encrypt(b"hi", username="alice")
        token = alice.create_token(function, expires="1h")
        assert bob.run(function.id, token, ciphertext) == b"HI"


def test_one_connection_keeps_its_state_and_the_next_has_none(cape, folder):
    function = cape.deploy(
        folder(
            """
            calls = 0
            def cape_handler(data):
                global calls
                calls += 1
                return str(calls)
            """
        )
    )
    with cape.function_context(function, None) as context:
        assert [context.invoke(b"") for _ in range(3)] == [b"1", b"2", b"3"]
    assert cape.run(function, None, b"") == b"1"


def test_a_result_has_a_receipt_that_was_checked(cape, folder):
    function = cape.deploy(folder(UPPER))
    result = cape.call(function, None, cape.encrypt(b"hello"))
    assert result.output == b"HELLO"
    assert result.receipt.checksum == function.checksum


def test_what_a_function_prints_is_told(cape, folder):
    function = cape.deploy(folder("def cape_handler(data): print('seen', len(data)); return data"))
    printed = []
    cape.run(function, None, b"four", logs=printed.append)
    assert "".join(printed) == "seen 4\n"


def test_it_says_what_it_is(enclave, cape):
    attestation, description = cape.attest()
    assert attestation.trust == "development"
    assert description.runtime.mode == "development"
    assert description.runtime.isolation == []
    assert attestation.pcrs[0] == enclave.policy.releases[0].pcrs[0]


def test_keys_are_rotated(cape, folder):
    function = cape.deploy(folder(UPPER))
    before = cape.encrypt(b"before")
    assert cape.rotate_keys().epoch == 1
    after = cape.encrypt(b"after")
    assert [cape.run(function, None, each) for each in (before, after)] == [b"BEFORE", b"AFTER"]


def test_an_unchanged_folder_is_the_same_function(cape, folder):
    made = folder(UPPER)
    assert cape.deploy(made) == cape.deploy(made)


def test_a_deleted_function_is_not_found(cape, folder):
    function = cape.deploy(folder(UPPER))
    cape.delete(function)
    with pytest.raises(errors.NotFound):
        cape.run(function.id, None, b"")


def test_what_opens_a_connection_says_so_where_with_is_missing(enclave, cape, folder):
    function = cape.deploy(folder("def cape_handler(data): return data"))
    for client, way in ((cape, "`with "), (enclave.async_client(), "`async with ")):
        opens = client.function_context(function, None)
        assert repr(opens) == f"<{type(opens).__name__} of {function!r}>"
        for name in ("invoke", "call", "stream", "verified", "close"):
            with pytest.raises(TypeError, match=f"no connection is open yet: {way}.*{name}"):
                getattr(opens, name)
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            opens.nothing  # noqa: B018 - its error is what is looked at
        with pytest.raises(TypeError, match="named by text, a path or a FunctionRef, not int"):
            client.function_context(5, None)
    with (opens := cape.function_context(function, None)) as context:
        assert context.invoke(b"x") == b"x"
    with pytest.raises(ValueError, match="call function_context again"):
        opens.__enter__()


def test_what_is_no_argument_of_an_enclave_is_told_by_its_name(enclave):
    for words, call in {
        "user is text, not int": lambda: enclave.client(5),
        "user is text, not NoneType": lambda: enclave.async_client(None),
        "seconds is a number, not str": lambda: enclave.advance("60"),
        "in_process is a path, not int": lambda: testing.Enclave(in_process=5),
    }.items():
        with pytest.raises(TypeError, match=f"^{words}$"):
            call()
    with pytest.raises(ValueError, match="nan seconds; a hundred years at most"):
        enclave.advance(float("nan"))
    with pytest.raises(errors.ConfigError, match="nowhere is no folder") as raised:
        testing.Enclave(in_process="nowhere")
    assert "app.py" in raised.value.hint
