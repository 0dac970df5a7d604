"""A plain `websockets` server that sends back what it receives: what a warm call is held against.

Prints its address as a line of JSON; ends with its input.
"""

import asyncio
import json
import sys

from websockets.asyncio.server import ServerConnection, serve

MAX_MESSAGE = (1 << 20) + 2048


async def _echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def _main() -> None:
    async with serve(_echo, "127.0.0.1", 0, compression=None, max_size=MAX_MESSAGE) as server:
        port = server.sockets[0].getsockname()[1]
        print(json.dumps({"url": f"ws://127.0.0.1:{port}"}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main())
