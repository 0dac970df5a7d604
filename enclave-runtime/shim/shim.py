"""Runs one function in this process: reads calls from a pipe, calls its handler, answers.

The other end, and the description of the frames, is `src/worker/protocol.rs`. The interpreter was
started with `-I -S`, so nothing of the host's environment is here: no variable, no site, no user's
packages. Imports that a small function does not need are made where they are needed: the
time that this file takes is part of every cold call.
"""

import _thread
import io
import os
import sys
from _contextvars import ContextVar, copy_context  # without what `contextvars` imports
from _frozen_importlib_external import SourceFileLoader, cache_from_source  # as in importlib
from struct import Struct

HEADER = Struct(">IB")
LENGTH = Struct(">I")

LOAD, COMPILE, CALL, INPUT, INPUT_END, COMPILE_IMPORTED = 1, 2, 3, 4, 5, 6
READY, DONE, OUTPUT, RESULT, RAISED, OUT_OF_MEMORY, LOG = 17, 18, 19, 20, 21, 22, 24

STDOUT, STDERR = 1, 2

# What LOAD says where each call runs in a process of its own, and that process namespace and /tmp
# are the worker's own.
FORKS_ALONE = "forks alone"
SECOND_PROCESS = 2
SCRATCH = "/tmp"  # noqa: S108
SIGKILL, POLLIN = 9, 1

CHUNK = 256 * 1024
LOG_CHUNK = 64 * 1024
LOG_BYTES = 1024 * 1024
LOG_STACK = 256 * 1024
INLINE = 64 * 1024
COMPILED_SMALL, COMPILED_GROWTH = 4 * 1024, 16  # sixfold is the most of ordinary ones
MESSAGE_CHARACTERS = 4 * 1024
TRACEBACK_CHARACTERS = 32 * 1024


class Pipe:
    """Frames from and to the runtime, over a socket or over a pipe for each direction."""

    def __init__(self, source, sink=None):
        self._source = source
        self._sink = source if sink is None else sink
        for descriptor in (self._source, self._sink):
            os.set_inheritable(descriptor, False)
        self._sending = _thread.allocate_lock()  # what is printed is sent by another thread
        self._reader = open(source, "rb", CHUNK, closefd=False)  # noqa: SIM115 - as long as the process

    def receive(self, expected):
        """The kind and the payload of the next frame."""
        kind, length = self.receive_header(expected)
        payload = self._reader.read(length)
        if len(payload) < length:
            os._exit(0)
        return kind, payload

    def receive_header(self, expected):
        """The kind of the next frame, and the length of its payload, which has to be read next."""
        header = self._reader.read(HEADER.size)
        if len(header) < HEADER.size:
            os._exit(0)  # without a runtime there is nothing left to live for
        length, kind = HEADER.unpack(header)
        if kind not in expected:
            os._exit(0)
        return kind, length

    def read_into(self, buffer):
        """Fill some of the buffer with what a payload still has; the bytes read."""
        return self._reader.readinto1(buffer) or os._exit(0)

    def wait(self):
        """Wait until there is a frame, and leave it there."""
        from select import poll

        waiting = poll()
        waiting.register(self._source, POLLIN)
        waiting.poll()

    def send(self, kind, payload=b""):
        header = HEADER.pack(len(payload), kind)
        with self._sending:
            if len(payload) <= INLINE:
                self._write(header + payload)
            else:
                self._write(header)
                self._write(payload)

    def _write(self, data):
        written = os.write(self._sink, data)
        while written < len(data):
            written += os.write(self._sink, memoryview(data)[written:])


class Input(io.RawIOBase):
    """The input of a call as it comes. What the handler does not read waits at its sender's."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._left = 0  # bytes of the frame that is being read
        self._ended = False
        self._reading = _thread.allocate_lock()

    def readable(self):
        return True

    def readinto(self, buffer):
        if self.closed:
            raise ValueError("the call is over, and its input with it")
        with self._reading, memoryview(buffer) as view:
            self._next_frame()
            if self._ended or not view:
                return 0
            count = self._pipe.read_into(view[: self._left])
            self._left -= count
            return count

    def drop_rest(self):
        """Take what nobody has read, so that the next call begins with its own."""
        self.close()
        with self._reading, memoryview(bytearray(LOG_CHUNK)) as view:
            while not self._ended:
                self._next_frame()
                while self._left:
                    self._left -= self._pipe.read_into(view[: self._left])

    def _next_frame(self):
        if not self._left and not self._ended:
            kind, self._left = self._pipe.receive_header((INPUT, INPUT_END))
            self._ended = kind == INPUT_END


class Log:
    """What one call prints, for its caller: descriptors 1 and 2 lead here until it ends."""

    def __init__(self, pipe, *, shared):
        self._pipe = pipe
        # Behind the mark nothing is this call's. Its first byte is in no text of UTF-8, so that no
        # line is held back for what may be the mark's beginning.
        self._mark = b"\xff" + os.urandom(16)
        self._writing = _thread.allocate_lock()
        self._sent = _thread.allocate_lock()
        self._sent.acquire()
        # Where several callers share the process, threads that an earlier call left behind could
        # write to these descriptors: what `print` does is known to be theirs, and not taken.
        self._saved = ()
        alone = len(sys._current_frames()) == 1
        source, self._descriptor = os.pipe()
        stack = _thread.stack_size(LOG_STACK)
        try:
            _thread.start_new_thread(self._send_all, (source,))
        except RuntimeError:  # there may be no more threads
            os.close(source)
            self._sent.release()
        finally:
            _thread.stack_size(stack)
        if alone or not shared:
            self._saved = [(each, os.dup(each)) for each in (STDOUT, STDERR)]
            for standard, _ in self._saved:
                os.dup2(self._descriptor, standard)
        self._token = CALL_LOG.set(self)

    def write(self, data):
        with self._writing:
            if self._descriptor is not None:
                try:  # noqa: SIM105 - contextlib is not loaded yet
                    self._write(data)
                except OSError:
                    pass  # nobody takes it

    def end(self):
        """Send all that was printed, and take nothing more."""
        CALL_LOG.reset(self._token)
        for standard, saved in self._saved:
            os.dup2(saved, standard)
            os.close(saved)
        self.write(self._mark)
        with self._writing:
            descriptor, self._descriptor = self._descriptor, None
            self._sent.acquire()
            os.close(descriptor)

    def _write(self, data):
        data = memoryview(data).cast("B")
        while data:
            data = data[os.write(self._descriptor, data) :]

    def _send_all(self, source):
        held, left = b"", LOG_BYTES
        try:
            while data := os.read(source, LOG_CHUNK):
                data = held + data
                text, mark, _ = data.partition(self._mark)
                if not mark:  # its beginning may be there
                    kept = range(min(len(data), len(self._mark) - 1), 0, -1)
                    kept = next((n for n in kept if self._mark.startswith(data[-n:])), 0)
                    text, held = data[: len(data) - kept], data[len(data) - kept :]
                if text := text[:left]:
                    self._pipe.send(LOG, text)
                    left -= len(text)
                if mark:
                    break
        finally:
            os.close(source)
            self._sent.release()


# The log of the call that the running code belongs to. A thread, as a task, belongs to the call
# that started it: what it prints after that has returned is nobody's, never the next caller's.
CALL_LOG = ContextVar("CALL_LOG", default=None)


class Printed(io.RawIOBase):
    """Standard output or error: of a call whose caller wants it, or dropped."""

    def __init__(self, descriptor):
        self._descriptor = descriptor

    def writable(self):
        return True

    def fileno(self):
        return self._descriptor

    def write(self, data):
        log = CALL_LOG.get()
        if log is not None:
            log.write(data)
        return len(data)


def print_to_callers():
    # Written through, since a buffer would mix what belongs to several.
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(
            Printed(descriptor),
            "utf-8",
            errors="backslashreplace",
            newline="\n",
            write_through=True,
        )
        for descriptor in (STDOUT, STDERR)
    )
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr
    for name in ("start_new_thread", "start_new", "start_joinable_thread"):
        if start := getattr(_thread, name, None):
            setattr(_thread, name, belonging_to_the_call(start))


def belonging_to_the_call(start):
    def start_new_thread(function, *arguments, **options):
        log = CALL_LOG.get()

        def run(*arguments, **options):
            CALL_LOG.set(log)
            return function(*arguments, **options)

        return start(function if log is None else run, *arguments, **options)

    return start_new_thread


class Context:
    """What a handler that has a parameter named `context` is told about its call.

    function_id, checksum: text. account: the caller's account id, or None for the bearer of a
    token. deadline: when the call is stopped, in seconds since 1970. input: a binary file, for
    handlers that take a stream; else None.
    """

    __slots__ = ("_log", "account", "checksum", "deadline", "function_id", "input")

    def __init__(self, function_id, checksum, account, deadline, *, log, stream):
        self.function_id = function_id
        self.checksum = checksum
        self.account = account
        self.deadline = deadline
        self.input = stream
        self._log = log

    def log(self, text):
        """Tell the caller a line of text, if the caller asked for what the function prints."""
        if self._log is not None:
            self._log.write(f"{text}\n".encode(errors="backslashreplace"))


def load(folder, handler, environment):
    """Import a function's handler; from then on the process is that function's."""
    os.environ.clear()  # the interpreter itself may have set LC_CTYPE (PEP 538)
    os.environ.update(environment)
    os.chdir(folder)
    sys.path.insert(0, folder)
    return import_handler(handler)


def import_handler(handler):
    module_name, _, name = handler.partition(":")
    __import__(module_name)
    return getattr(sys.modules[module_name], name)


class Function:
    """A loaded function."""

    def __init__(self, handler):
        # A function of values, of pycape or of the first system, makes one of bytes of itself.
        lifted = getattr(handler, "as_cape_handler", None)
        self._handler = handler if lifted is None else lifted()
        first, others, annotation = parameters_of(self._handler)
        self._takes_only_context = first == "context"
        self._wants_context = "context" in others
        self.takes_stream = self._takes_only_context or is_stream(annotation)
        self._runner = None

    def call(self, pipe, data, context):
        """Call the handler and send what it gives, but for the last bytes, which are returned."""
        arguments = (context,) if self._takes_only_context else (data,)
        options = {"context": context} if self._wants_context else {}
        result = self._handler(*arguments, **options)
        if type(result) is bytes and len(result) <= INLINE:
            return result
        # Awaited in one context, as if it were all one function.
        task = (
            copy_context() if hasattr(result, "__await__") or hasattr(result, "__anext__") else None
        )
        if hasattr(result, "__await__"):
            result = self._wait(result, task)
        if hasattr(result, "__next__"):
            for chunk in result:
                send_output(pipe, to_bytes(chunk))
            return b""
        if hasattr(result, "__anext__"):
            task, end = task or copy_context(), object()
            while (chunk := self._wait(anext(result, end), task)) is not end:
                send_output(pipe, to_bytes(chunk))
            return b""
        data = to_bytes(result)
        if len(data) > INLINE:
            send_output(pipe, data)
            return b""
        return data

    def _wait(self, awaitable, context):
        import asyncio

        async def wait():
            return await awaitable

        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(wait(), context=context)


def parameters_of(handler):
    """The names of the first parameter and of the others, and the first one's annotation."""
    while hasattr(handler, "__wrapped__"):
        handler = handler.__wrapped__
    code = getattr(handler, "__code__", None)
    if code is None:
        import inspect

        names = [*inspect.signature(handler).parameters]
        annotations = getattr(type(handler).__call__, "__annotations__", {})
    else:
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        names = names[hasattr(handler, "__self__") :]
        annotations = handler_annotations(handler)
    first, *others = names or (None,)
    return first, others, annotations.get(first)


def handler_annotations(handler):
    try:
        return handler.__annotations__
    except (
        Exception
    ):  # since 3.14 they are evaluated here, and may name what only a checker imports
        return {}


def is_stream(annotation):
    if not isinstance(annotation, str):
        annotation = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return annotation.rpartition(".")[2] in STREAMS


STREAMS = ("BinaryIO", "IO[bytes]", "RawIOBase", "BufferedIOBase", "BufferedReader")


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
            type(error).__qualname__[:MESSAGE_CHARACTERS],
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
    """Byte-compile a folder's modules, until that has come to `size` bytes."""
    left = int(size)
    for parent, folders, files in os.walk(folder):
        folders[:] = (name for name in folders if name not in excluded)
        for name in files:
            if left <= 0:
                return
            if name.endswith(".py"):
                left -= compile_module(os.path.join(parent, name))


def compile_imported():
    """Byte-compile all that this interpreter has imported so far."""
    for module in [*sys.modules.values()]:
        spec = module.__spec__
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            compile_module(spec.origin)


def compile_module(source):
    """Byte-compile a module into the interpreter's pycache_prefix; its code does not run.

    Returns the bytes written. What is far larger than its source is not kept: a line can become
    thousands.
    """
    name = ""
    try:
        SourceFileLoader(name, source).get_code(name)
        compiled = cache_from_source(source)
        size = os.stat(compiled).st_size
        if size <= COMPILED_SMALL + COMPILED_GROWTH * os.stat(source).st_size:
            return size
        os.unlink(compiled)
    except Exception:  # noqa: S110 - it is no Python, or a link that leads nowhere here
        pass
    return 0


def serve(pipe, folder, handler, forks, environment):
    sys.dont_write_bytecode = True  # what is compiled is shared with other workers
    try:
        function = Function(load(folder, handler, environment))
        if forks:
            check_fork_safety(handler)
    except BaseException as error:
        send_exception(pipe, error, folder)
        return
    pipe.send(DONE, b"stream" if function.takes_stream else b"")
    while True:
        if forks:
            pipe.wait()
            in_a_child(lambda: answer_call(pipe, folder, function), alone=forks == FORKS_ALONE)
        else:
            answer_call(pipe, folder, function)


def check_fork_safety(handler):
    module = sys.modules[handler.partition(":")[0]]
    if getattr(module, "cape_fork_safe", None) is not True:
        raise TypeError(
            'isolation "call" forks the process for each call: '
            f"say cape_fork_safe = True in {module.__name__}.py if the function can stand that"
        )
    if len(sys._current_frames()) > 1:
        raise TypeError('isolation "call" forks the process, and importing it has left threads')


def in_a_child(answer, *, alone):
    """Answer a call in a process of its own; nothing of it is left for the next one.

    alone: nothing else is in this process namespace but its first process, so that whatever the
    call has started can be ended, and its files removed.
    """
    child = os.fork()
    if child == 0:
        answer()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if alone and os.getpid() == SECOND_PROCESS:
        end_all_others()
        empty(SCRATCH)
    if os.WIFSIGNALED(status):
        end_by_signal(os.WTERMSIG(status))
    if status:
        os._exit(os.WEXITSTATUS(status))


def end_all_others():
    """End all processes but the first one and this one, and wait until they are gone."""
    while True:
        try:
            os.kill(-1, SIGKILL)
        except ProcessLookupError:
            return
        os.sched_yield()


def empty(folder):
    """Remove what is in a folder, whatever its permissions and however deep."""
    os.chmod(folder, 0o700)
    while names := os.listdir(folder):
        for name in names:
            path = os.path.join(folder, name)
            if is_folder(path):
                move_up(path, folder)
                os.rmdir(path)
            else:
                os.unlink(path)


def move_up(folder, top):
    """Remove the files in a folder, and put its folders into `top`."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if is_folder(path):
            os.rename(path, os.path.join(top, os.urandom(16).hex()))
        else:
            os.unlink(path)


def is_folder(path):
    """Whether it is one, and no link to one; then it can be changed from here on."""
    if os.path.islink(path) or not os.path.isdir(path):
        return False
    os.chmod(path, 0o700)
    return True


def end_by_signal(number):
    """End as the child did, so that whoever waits for this process learns of it."""
    import _signal

    try:  # noqa: SIM105 - contextlib is not loaded yet
        _signal.signal(number, _signal.SIG_DFL)
    except OSError:
        pass  # it cannot be handled anyway
    os.kill(os.getpid(), number)


def answer_call(pipe, folder, function):
    _, payload = pipe.receive((CALL,))
    call = from_fields(payload)
    function_id, checksum, account, deadline, wanted_log = call
    stream = Input(pipe) if function.takes_stream else None
    log = None
    try:
        try:
            log = Log(pipe, shared=wanted_log == "shared") if wanted_log else None
            data = io.BufferedReader(stream, CHUNK) if stream else pipe.receive((INPUT,))[1]
            context = Context(
                function_id,
                checksum,
                account or None,
                float(deadline),
                log=log,
                stream=data if stream else None,
            )
            last = function.call(pipe, data, context)
        finally:
            if log is not None:
                log.end()
        pipe.send(RESULT, last)
    except BaseException as error:
        send_exception(pipe, error, folder)
    if stream is not None:
        stream.drop_rest()


def main():
    pipe = Pipe(*map(int, sys.argv.pop().split(",")))
    print_to_callers()
    pipe.send(READY, fields(f"{sys.version_info.major}.{sys.version_info.minor}"))
    kind, payload = pipe.receive((LOAD, COMPILE, COMPILE_IMPORTED))
    if kind == COMPILE_IMPORTED:
        compile_imported()
        pipe.send(DONE)
        kind, payload = pipe.receive((COMPILE,))
    memory, *rest = from_fields(payload)
    if memory:
        limit_memory(memory)
    if kind == COMPILE:
        os.nice(19)
        compile_folder(*rest)
        pipe.send(DONE)
    else:
        folder, handler, forks, *pairs = rest
        serve(pipe, folder, handler, forks, dict(zip(pairs[::2], pairs[1::2], strict=True)))


if __name__ == "__main__":
    main()
