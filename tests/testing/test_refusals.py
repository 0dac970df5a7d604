"""Failures that users' own tests provoke, each with its class."""

import signal
import threading

import pytest

from pycape import Timeout, errors, policy, testing

pytestmark = pytest.mark.usefixtures("no_socket")

ECHO = "def cape_handler(data): return data"


def exactly(kind, match=None):
    return pytest.raises(kind, match=match, check=lambda error: type(error) is kind)


def test_an_enclave_of_another_release_is_refused(cape, folder):
    function = cape.deploy(folder(ECHO))
    with exactly(errors.PcrMismatch) as refused:
        cape.run(function, None, b"", pcrs={"0": ["ab" * 48]})
    assert refused.value.index == 0


def test_another_policy_refuses_it(enclave, folder):
    release = enclave.policy.releases[0]
    other = policy.Release(release.pcrs, vault=bytes(32), name="another platform's")
    with (
        enclave.client(policy=policy.Policy([other])) as cape,
        exactly(errors.VaultMismatch),
    ):
        cape.deploy(folder(ECHO))


def test_another_enclaves_root_is_not_trusted(enclave):
    with (
        testing.Enclave() as other,
        enclave.client(trust_roots=other.trust_roots) as cape,
        exactly(errors.TrustRootMismatch),
    ):
        cape.attest()


def test_a_token_expires(enclave, cape, folder):
    function = cape.deploy(folder(ECHO))
    token = cape.create_token(function, expires="1h")
    assert cape.run(function, token, b"a") == b"a"
    enclave.advance(3601)
    with exactly(errors.TokenExpired):
        cape.run(function, token, b"a")


def test_a_token_is_revoked(cape, folder):
    function = cape.deploy(folder(ECHO, "revocation_max_age_s = 60\n"))
    token = cape.create_token(function)
    cape.revoke(tokens=[token])
    with exactly(errors.TokenRevoked):
        cape.run(function, token, b"a")


def test_a_token_is_for_one_function(cape, folder):
    one, other = (cape.deploy(folder(ECHO, name=name)) for name in ("one", "other"))
    with exactly(errors.TokenWrongFunction):
        cape.run(other, cape.create_token(one), b"a")


def test_a_ciphertext_has_its_rules(enclave, cape, folder):
    one, other = (cape.deploy(folder(ECHO, name=name)) for name in ("one", "other"))
    ciphertext = cape.encrypt(b"a", functions=[one])
    assert cape.run(one, None, ciphertext) == b"a"
    with exactly(errors.UseForbidden):
        cape.run(other, None, ciphertext)


def test_a_strangers_ciphertext_does_not_open(enclave, folder):
    with enclave.client("alice") as alice, enclave.client("bob") as bob:
        function = bob.deploy(folder(ECHO))
        with exactly(errors.DecryptFailed):
            bob.run(function, None, alice.encrypt(b"a"))


@pytest.mark.parametrize("method", ["run", "call"])
def test_an_input_that_is_too_large_says_how_large_it_was(cape, folder, monkeypatch, method):
    monkeypatch.setattr("pycape.testing._run.MAX_INPUT", 100_000)
    function = cape.deploy(folder(ECHO))
    with exactly(errors.TooLarge, match="over the limit of 100000") as refused:
        getattr(cape, method)(function, None, bytes(300_000))
    assert (refused.value.size, refused.value.limit) == (300_000, 100_000)
    assert refused.value.details["size"] == "300000"


def test_a_function_raises(cape, folder):
    function = cape.deploy(
        folder("def cape_handler(data): raise ValueError('no ' + str(len(data)))")
    )
    with exactly(errors.FunctionError, match="no 3") as failed:
        cape.run(function, None, b"abc")
    assert failed.value.type == "ValueError"
    assert 'File "app.py", line 1' in failed.value.traceback


def test_a_function_that_raised_goes_on(cape, folder):
    function = cape.deploy(folder("def cape_handler(data): return 1 // len(data), b''[0:0]"))
    with cape.function_context(function, None) as context:
        for expected in ("ZeroDivisionError", "TypeError"):
            with exactly(errors.FunctionError) as failed:
                context.invoke(b"" if expected == "ZeroDivisionError" else b"a")
            assert failed.value.type == expected


def test_a_function_does_not_import(cape, folder):
    function = cape.deploy(folder("import nowhere\ndef cape_handler(data): return data"))
    with exactly(errors.FunctionError, match="nowhere") as failed:
        cape.run(function, None, b"")
    assert failed.value.type == "ModuleNotFoundError"


def test_a_function_takes_too_long(cape, folder):
    endless = "def cape_handler(data):\n    while True: pass"
    function = cape.deploy(folder(endless, "timeout_s = 1\n"))
    with exactly(errors.FunctionTimeout, match="1 s"):
        cape.run(function, None, b"")


def test_a_function_dies(cape, folder):
    function = cape.deploy(
        folder("import os\ndef cape_handler(data): os.kill(os.getpid(), int(data))")
    )
    with exactly(errors.FunctionCrashed) as failed:
        cape.run(function, None, str(int(signal.SIGSEGV)).encode())
    assert failed.value.signal == signal.SIGSEGV


def test_a_function_exits(cape, folder):
    function = cape.deploy(folder("import os\ndef cape_handler(data): os._exit(3)"))
    with exactly(errors.FunctionCrashed, match="exit code 3"):
        cape.run(function, None, b"")


def test_a_function_wants_too_much_memory(cape, folder):
    greedy = "def cape_handler(data): return bytes(1 << 30)"
    function = cape.deploy(folder(greedy, "memory_mib = 128\n"))
    with exactly(errors.FunctionOutOfMemory, match="128 MiB"):
        cape.run(function, None, b"")


def test_the_receipt_of_a_failure_was_checked(cape, folder):
    function = cape.deploy(folder("def cape_handler(data): raise ValueError"))
    with exactly(errors.FunctionError) as failed:
        cape.call(function, None, b"abc")
    assert failed.value.receipt.checksum == function.checksum


def test_a_caller_gives_up(enclave, folder):
    with enclave.client() as cape:
        function = cape.deploy(folder("import time\ndef cape_handler(data): time.sleep(60)"))
        impatient = cape.with_options(timeout=Timeout(request=0.2), max_retries=0)
        with exactly(errors.TimeoutExpired):
            impatient.run(function, None, b"")


def test_a_shared_function_wants_its_callers_agreement(enclave, folder):
    made = folder(ECHO, 'isolation = "function"\n')
    with enclave.client("alice") as alice, enclave.client("bob") as bob:
        function = alice.deploy(made)
        token = alice.create_token(function)
        with exactly(errors.PermissionDenied):
            bob.run(function.id, token, b"a")
        assert bob.run(function.id, token, b"a", shared=True) == b"a"


def test_it_is_gone_once_it_is_closed(folder):
    with testing.Enclave() as enclave:
        cape = enclave.client(max_retries=0)
        function = cape.deploy(folder(ECHO))
    with exactly(errors.ConnectFailed, match="closed"):
        cape.run(function, None, b"")


@pytest.mark.parametrize("seconds", [1e20, -1e20, float("nan")])
def test_time_goes_on_by_a_hundred_years_at_most(enclave, seconds):
    with pytest.raises(ValueError, match="a hundred years at most"):
        enclave.advance(seconds)


def test_a_defect_of_the_enclave_ends_the_call_and_is_told(enclave, folder, monkeypatch):
    cape = enclave.client()
    function = cape.deploy(folder(ECHO))
    told = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    monkeypatch.setattr("pycape.testing._connection.run", lambda *_: 1 // 0)
    with pytest.raises(errors.ServiceError, match="ZeroDivisionError"):
        cape.run(function, None, b"x")
    assert [each.exc_type for each in told] == [ZeroDivisionError]
