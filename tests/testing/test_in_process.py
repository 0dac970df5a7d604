"""A handler in the test's own process: to patch, to debug, to measure."""

import importlib
import sys
import threading

import pytest

from pycape import errors, testing

pytestmark = pytest.mark.usefixtures("no_socket")


@pytest.fixture(autouse=True)
def own_modules(monkeypatch):
    """Forgets the `app` that a test imports."""
    monkeypatch.delitem(sys.modules, "app", raising=False)
    before = list(sys.path)
    yield
    assert sys.path == before


def test_it_runs_in_this_process(folder):
    made = folder(
        "import threading\ndef cape_handler(data): return threading.current_thread().name"
    )
    with testing.enclave(in_process=made) as cape:
        function = cape.deploy(made)
        assert cape.run(function, None, b"") == b"cape function"
    assert not [each for each in threading.enumerate() if each.name == "cape function"]


def test_a_handlers_module_can_be_patched(folder, monkeypatch):
    made = folder("def price(): return 1\ndef cape_handler(data): return str(price())")
    with testing.enclave(in_process=made) as cape:
        function = cape.deploy(made)
        assert cape.run(function, None, b"") == b"1"
        monkeypatch.setattr(importlib.import_module("app"), "price", lambda: 2)
        assert cape.run(function, None, b"") == b"2"


def test_two_functions_of_one_name_are_told_apart(folder):
    for name in ("one", "other"):
        made = folder(f"def cape_handler(data): return {name!r}", name=name)
        with testing.enclave(in_process=made) as cape:
            assert cape.run(cape.deploy(made), None, b"") == name.encode()


def test_all_that_a_handler_is_given_and_gives(folder):
    made = folder(
        """
        from typing import BinaryIO

        def cape_handler(data: BinaryIO, context):
            context.log(context.account)
            for line in data:
                yield line.upper()
        """
    )
    with testing.enclave(in_process=made) as cape:
        function = cape.deploy(made)
        logged = []
        sent = cape.encrypt(b"a\nb\n")
        assert cape.run(function, None, sent, logs=logged.append) == b"A\nB\n"
        assert "".join(logged) == f"{cape.account_id}\n"
        with cape.function_context(function, None) as context:
            assert context.call(b"c").output == b"C"


def test_an_exception_is_told(folder):
    made = folder("def cape_handler(data): return 1 // 0")
    with testing.enclave(in_process=made) as cape:
        function = cape.deploy(made)
        with pytest.raises(errors.FunctionError) as failed:
            cape.run(function, None, b"")
        assert failed.value.type == "ZeroDivisionError"


def test_a_folder_is_wanted(tmp_path):
    with pytest.raises(errors.ConfigError, match="no folder"):
        testing.Enclave(in_process=tmp_path / "nowhere")
