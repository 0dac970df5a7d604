"""Passes everything in the core more than it takes, with little memory; prints what is wrong.

For a process of its own: a byte that is read without need ends it, and so does memory that is
refused. What was called last stands on the error output.
"""

import ast
import mmap
import resource
import sys
from pathlib import Path
from typing import Any

from tests.bindings.every_parameter import called
from tests.bindings.test_garbage_into_the_core import CALLABLES

SIZE = 128 << 20
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS

TEXT = "x" * SIZE
READABLE = mmap.mmap(-1, SIZE, flags=PRIVATE, prot=mmap.PROT_READ)
#: It is as long, and whoever looks at a byte of it ends the process.
UNREADABLE = mmap.mmap(-1, SIZE, flags=PRIVATE, prot=0)

#: Taken in bulk, or looked at where it begins.
LOOKED_AT = {
    "aad",
    "buffer",
    "ciphertext",
    "bytes",
    "content",
    "data",
    "head",
    "input",
    "last",
    "message",
    "output",
    "sample",
    "start",
}

TOO_MUCH: dict[str, list[Any]] = {
    "str": [TEXT],
    "bytes | str": [TEXT, UNREADABLE],
    "Buffer": [UNREADABLE],
    "str | PathLike[str]": [TEXT],
    "Sequence[Buffer]": [[UNREADABLE], [READABLE] * 1000],
    "Sequence[bytes]": [[UNREADABLE]],
    "Sequence[str]": [[TEXT], ["x" * (1 << 16)] * 60_000],
    "dict[str, str]": [
        {"k": TEXT},
        {TEXT: "v"},
        {str(n): "x" * (1 << 16) for n in range(4)} | {"k": TEXT},
    ],
    "dict[int, bytes]": [{0: UNREADABLE}],
    "dict[int, bytes | str]": [{0: TEXT}, {0: UNREADABLE}],
    "dict[int, Sequence[str]]": [{0: [TEXT]}, {0: [UNREADABLE]}, {0: ["x" * (1 << 16)] * 60_000}],
}


def limit_memory(more: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Call everything."""
    made = [(name, get, get(), arguments) for name, (get, arguments) in CALLABLES.items()]
    limit_memory(32 << 20)
    calls = 0
    for name, get, lasting, arguments in made:
        for parameter in [*arguments.args, *arguments.kwonlyargs]:
            if parameter.annotation is None:
                continue
            annotation = ast.unparse(parameter.annotation).removesuffix(" | None").strip("'")
            for too_much in TOO_MUCH.get(annotation, []):
                call = f"{name}({parameter.arg}: {annotation})"
                print(call, file=sys.stderr)
                looked_at = too_much is UNREADABLE and parameter.arg in LOOKED_AT
                value = READABLE if looked_at else too_much
                changes = name.partition(".")[0] in ("StreamSealer", "StreamOpener")
                if wrong := called(get() if changes else lasting, arguments, parameter.arg, value):
                    print(call, wrong)
                calls += 1
    print(calls, "calls", file=sys.stderr)


if __name__ == "__main__":
    main()
