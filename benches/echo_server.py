"""A plain `websockets` server that sends back what it receives: what a warm call is held against.

With `--isolated` a process of its own echoes for each connection, as a function has one: the
least that anybody pays who keeps callers apart. Prints its address as a line of JSON; ends with
its input.
"""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable

from websockets.asyncio.server import ServerConnection, serve

MAX_MESSAGE = (1 << 20) + 2048
ISOLATED = "--isolated"

_WORKER = """
import socket, sys
pipe = socket.socket(fileno=int(sys.argv[1]))
while data := pipe.recv(65536):
    pipe.sendall(data)
"""


async def _echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def _echo_isolated(connection: ServerConnection) -> None:
    """Echo messages that one `recv` holds."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            command = [sys.executable, "-I", "-S", "-c", _WORKER, str(theirs.fileno())]
            worker = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours)
        async for message in connection:
            assert isinstance(message, bytes)
            writer.write(message)
            await connection.send(await reader.readexactly(len(message)))
        writer.close()
    worker.wait()


async def serve_until_input_ends(
    handler: Callable[[ServerConnection], Awaitable[None]],
) -> None:
    """Serve on any free port, whose address is printed as a line of JSON."""
    async with serve(handler, "127.0.0.1", 0, compression=None, max_size=MAX_MESSAGE) as server:
        port = server.sockets[0].getsockname()[1]
        print(json.dumps({"url": f"ws://127.0.0.1:{port}"}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve_until_input_ends(_echo_isolated if ISOLATED in sys.argv else _echo))
