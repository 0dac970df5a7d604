"""Runs one function in this process: reads calls from a pipe, calls its handler, answers.

The other end, and the description of the frames, is `src/worker/protocol.rs`. The interpreter was
started with `-I -S`, so nothing of the host's environment is here: no variable, no site, no user's
packages. Imports that a small function does not need are made where they are needed: the
time that this file takes is part of every cold call.
"""

import os
import sys
from struct import Struct

HEADER = Struct(">IB")
LENGTH = Struct(">I")

LOAD, COMPILE, CALL, INPUT = 1, 2, 3, 4
READY, DONE, OUTPUT, RESULT, RAISED, OUT_OF_MEMORY = 17, 18, 19, 20, 21, 22

CHUNK = 256 * 1024
INLINE = 64 * 1024
MESSAGE_CHARACTERS = 4 * 1024
TRACEBACK_CHARACTERS = 32 * 1024


class Pipe:
    """Frames from and to the runtime."""

    def __init__(self, descriptor):
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._reader = open(descriptor, "rb", CHUNK, closefd=False)  # noqa: SIM115 - as long as the process

    def receive(self, expected):
        """The payload of the next frame; without a runtime there is nothing left to live for."""
        header = self._reader.read(HEADER.size)
        if len(header) < HEADER.size:
            os._exit(0)
        length, kind = HEADER.unpack(header)
        payload = self._reader.read(length)
        if len(payload) < length or kind not in expected:
            os._exit(0)
        return kind, payload

    def send(self, kind, payload=b""):
        header = HEADER.pack(len(payload), kind)
        if len(payload) <= INLINE:
            self._write(header + payload)
        else:
            self._write(header)
            self._write(payload)

    def _write(self, data):
        data = memoryview(data)
        while data:
            data = data[os.write(self._descriptor, data) :]


class Context:
    """What a handler that has a parameter named `context` is told about its call.

    function_id, checksum: text. account: the caller's account id, or None for the bearer of a
    token. deadline: when the call is stopped, in seconds since 1970.
    """

    __slots__ = ("account", "checksum", "deadline", "function_id")

    def __init__(self, function_id, checksum, account, deadline):
        self.function_id = function_id
        self.checksum = checksum
        self.account = account
        self.deadline = deadline


class Function:
    """A loaded function."""

    def __init__(self, folder, handler, environment):
        os.environ.clear()  # the interpreter itself may have set LC_CTYPE (PEP 538)
        os.environ.update(environment)
        os.chdir(folder)
        sys.path.insert(0, folder)
        module_name, _, name = handler.partition(":")
        __import__(module_name)
        self._handler = getattr(sys.modules[module_name], name)
        self._wants_context = takes_context(self._handler)
        self._runner = None

    def call(self, pipe, data, context):
        """Call the handler and send what it gives; the last frame is RESULT."""
        result = (
            self._handler(data, context=context) if self._wants_context else self._handler(data)
        )
        if hasattr(result, "__await__"):
            result = self._wait(result)
        if hasattr(result, "__next__"):
            for chunk in result:
                send_output(pipe, to_bytes(chunk))
            pipe.send(RESULT)
        elif hasattr(result, "__anext__"):
            end = object()
            while (chunk := self._wait(anext(result, end))) is not end:
                send_output(pipe, to_bytes(chunk))
            pipe.send(RESULT)
        else:
            data = to_bytes(result)
            if len(data) > INLINE:
                send_output(pipe, data)
                data = b""
            pipe.send(RESULT, data)

    def _wait(self, awaitable):
        import asyncio

        async def wait():
            return await awaitable

        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(wait())


def takes_context(handler):
    while hasattr(handler, "__wrapped__"):
        handler = handler.__wrapped__
    code = getattr(handler, "__code__", None)
    if code is not None:
        return "context" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    import inspect

    return "context" in inspect.signature(handler).parameters


def to_bytes(value):
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"cape_handler must give bytes or str, not {type(value).__qualname__}")


def send_output(pipe, data):
    data = memoryview(data)
    for start in range(0, len(data), CHUNK):
        pipe.send(OUTPUT, data[start : start + CHUNK])


def send_exception(pipe, error, folder):
    if isinstance(error, MemoryError):
        error.__traceback__ = None  # its frames hold what filled the memory
        pipe.send(OUT_OF_MEMORY)
        return
    pipe.send(
        RAISED,
        fields(
            type(error).__qualname__,
            message_of(error)[:MESSAGE_CHARACTERS],
            traceback_of(error, folder)[-TRACEBACK_CHARACTERS:],
        ),
    )


def message_of(error):
    try:
        return str(error)
    except Exception as another:
        return f"<no message: {type(another).__qualname__}>"


def traceback_of(error, folder):
    """The traceback as Python prints it, from the function's first frame on."""
    import traceback

    frame = error.__traceback__
    while frame is not None and not frame.tb_frame.f_code.co_filename.startswith(folder):
        frame = frame.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, frame))
    except Exception as another:
        return f"<no traceback: {type(another).__qualname__}>"
    return text.replace(folder + "/", "")


def fields(*values):
    encoded = [value.encode(errors="backslashreplace") for value in values]
    return b"".join(LENGTH.pack(len(value)) + value for value in encoded)


def from_fields(payload):
    values, offset = [], 0
    while offset < len(payload):
        (length,) = LENGTH.unpack_from(payload, offset)
        offset += LENGTH.size
        values.append(payload[offset : offset + length].decode())
        offset += length
    return values


def limit_memory(size):
    """Limit this process's private writable memory, as it is reserved, to `size` bytes."""
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (int(size), int(size)))


def compile_folder(folder, size, *excluded):
    """Byte-compile a folder's modules into the interpreter's pycache_prefix; none of them runs.

    It stops when that has come to `size` bytes: a line of source can become far more.
    """
    import compileall
    from importlib.util import cache_from_source
    from pathlib import Path

    left = int(size)
    for parent, folders, files in os.walk(folder):
        folders[:] = (name for name in folders if name not in excluded)
        for name in files:
            if left <= 0:
                return
            source = Path(parent, name)
            if name.endswith(".py") and compileall.compile_file(source, quiet=2):
                left -= Path(cache_from_source(source)).stat().st_size


def serve(pipe, folder, handler, environment):
    sys.dont_write_bytecode = True  # what is compiled is shared with other workers
    try:
        function = Function(folder, handler, environment)
    except BaseException as error:
        send_exception(pipe, error, folder)
        return
    pipe.send(DONE)
    while True:
        _, payload = pipe.receive((CALL,))
        function_id, checksum, account, deadline = from_fields(payload)
        context = Context(function_id, checksum, account or None, float(deadline))
        try:
            _, data = pipe.receive((INPUT,))
            function.call(pipe, data, context)
        except BaseException as error:
            send_exception(pipe, error, folder)
        data = context = None


def main():
    pipe = Pipe(int(sys.argv.pop()))
    pipe.send(READY, fields(f"{sys.version_info.major}.{sys.version_info.minor}"))
    kind, payload = pipe.receive((LOAD, COMPILE))
    memory, *rest = from_fields(payload)
    if memory:
        limit_memory(memory)
    if kind == COMPILE:
        os.nice(19)
        compile_folder(*rest)
        pipe.send(DONE)
    else:
        folder, handler, *pairs = rest
        serve(pipe, folder, handler, dict(zip(pairs[::2], pairs[1::2], strict=True)))


main()
