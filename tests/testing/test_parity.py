"""What is observed here is observed on a platform of real processes and sockets."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pycape import Cape, FunctionRef, Result, errors, testing
from pycape.local import LocalPlatform

SOURCES = {
    "upper": "def cape_handler(data): return data.upper()",
    "pieces": "def cape_handler(data):\n    for each in data: yield bytes([each])",
    "stream": """
        from typing import BinaryIO
        def cape_handler(data: BinaryIO):
            return str(sum(len(each) for each in data))
    """,
    "context": """
        def cape_handler(data, context):
            context.log("logged")
            print("printed")
            told = context.function_id, context.checksum, bool(context.account), context.input
            return repr(told)
    """,
    "environment": """
        import os, sys
        def cape_handler(data):
            folder = os.getcwd()
            return f"{sorted(os.environ.items())} {folder == sys.path[0]} {os.listdir()}"
    """,
    "state": "seen = []\ndef cape_handler(data):\n    seen.append(data)\n    return str(len(seen))",
    "call": """
        cape_fork_safe = True
        seen = []
        def cape_handler(data):
            seen.append(data)
            return str(len(seen))
    """,
    "coroutine": "async def cape_handler(data): return data[::-1]",
    "raises": "def cape_handler(data): raise LookupError('nothing ' * 3)",
    "wrong": "def cape_handler(data): return 5",
    "exits": "import os\ndef cape_handler(data): os._exit(7)",
    "broken": "import nowhere\ndef cape_handler(data): return data",
    "slow": "import time\ndef cape_handler(data): time.sleep(60)",
}
SETTINGS = {
    "environment": '[env]\nGREETING = "hello"\n',
    "call": 'isolation = "call"\n',
    "slow": "timeout_s = 1\n",
}


@contextmanager
def of_memory() -> Iterator[tuple[Cape, Cape]]:
    with testing.Enclave() as enclave, enclave.client("a") as alice, enclave.client("b") as bob:
        yield alice, bob


@contextmanager
def of_processes(platform: LocalPlatform, folder: Path) -> Iterator[tuple[Cape, Cape]]:
    with platform.client(folder / "a") as alice, platform.client(folder / "b") as bob:
        yield alice, bob


def outcome(act: Callable[[], object]) -> object:
    """Return what came of it: a value, or an error as its user tells errors apart."""
    try:
        return act()
    except errors.FunctionError as error:
        return type(error), str(error), error.type, error.traceback, error.hint
    except errors.CapeError as error:
        return type(error), error.code, error.hint


def observe(alice: Cape, bob: Cape, folders: dict[str, Path]) -> dict[str, object]:
    """Walk through what users do, and write down what they see."""
    found: dict[str, object] = {}
    functions = {name: alice.deploy(folder) for name, folder in folders.items()}
    for name, function in functions.items():
        for kind, data in inputs(name, alice, bob).items():
            result = outcome(partial(alice.run, function, None, data))
            found[f"{name}, {kind}"] = _neutral(result, function)
        if name != "slow":
            found |= observe_connection(name, alice, function)
    upper, pieces = functions["upper"], functions["pieces"]
    token = alice.create_token(upper)
    found["token"] = outcome(partial(bob.run, upper.id, token, b"abc"))
    found["token of another"] = outcome(partial(bob.run, pieces.id, token, b"abc"))
    found["no token"] = outcome(partial(bob.run, upper.id, None, b"abc"))
    others = {"0": ["ab" * 48]}
    found["another release"] = outcome(partial(alice.run, upper, None, b"", pcrs=others))
    found["unknown"] = outcome(partial(alice.run, f"{alice.account_id}/unknown", None, b""))
    found["again"] = alice.deploy(folders["upper"]) == upper
    alice.delete(pieces)
    found["deleted"] = outcome(partial(alice.run, pieces.id, None, b""))
    found["functions"] = sorted(each.name for each in alice.functions())
    return found


def inputs(name: str, alice: Cape, bob: Cape) -> dict[str, Any]:
    if name not in {"upper", "stream"}:
        return {"bytes": b"abc"}
    return {
        "bytes": b"abc",
        "sealed": alice.encrypt(b"abc"),
        "a stranger's": bob.encrypt(b"abc"),
        "large": b"ab" * 100_000,
        "nothing": b"",
        "in pieces": iter([b"ab", b"c"]),
    }


def observe_connection(name: str, alice: Cape, function: FunctionRef) -> dict[str, object]:
    logged: list[str] = []
    with alice.function_context(function, None) as context:
        twice = [outcome(partial(context.call, b"abc", logs=logged.append)) for _ in "12"]
        streamed = outcome(lambda: b"".join(context.stream(b"abc")))
    return {
        f"{name}, twice": [_neutral(each, function) for each in twice],
        f"{name}, streamed": _neutral(streamed, function),
        f"{name}, logged": "".join(logged),
    }


def _neutral(value: object, function: FunctionRef) -> object:
    """Leave out what differs from account to account, and from call to call."""
    if isinstance(value, Result):
        of_this = value.receipt.checksum == function.checksum
        return _neutral(value.output, function), of_this
    if isinstance(value, bytes):
        return value.replace(function.id.encode(), b"ID").replace(
            function.checksum.encode(), b"CHECKSUM"
        )
    return value


def test_both_are_observed_alike(request, tmp_path, folder):
    folders = {
        name: folder(source, SETTINGS.get(name, ""), name=name) for name, source in SOURCES.items()
    }
    with of_memory() as users:
        in_memory = observe(*users, folders)
    with of_processes(request.getfixturevalue("platform"), tmp_path) as users:
        in_processes = observe(*users, folders)
    different = {
        key: (in_memory.get(key), seen)
        for key, seen in in_processes.items()
        if in_memory.get(key) != seen
    }
    assert different == {}
    assert in_memory.keys() == in_processes.keys()
