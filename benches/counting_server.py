"""A plain `websockets` server that counts bytes: what an upload is held against.

Answers a text message with the bytes that came before it. Prints its address as a line of JSON;
ends with its input.
"""

import asyncio
import json
import sys

from websockets.asyncio.server import ServerConnection, serve

from .echo_server import MAX_MESSAGE


async def _count(connection: ServerConnection) -> None:
    size = 0
    async for message in connection:
        if isinstance(message, str):
            await connection.send(str(size))
            size = 0
        else:
            size += len(message)


async def _main() -> None:
    async with serve(_count, "127.0.0.1", 0, compression=None, max_size=MAX_MESSAGE) as server:
        port = server.sockets[0].getsockname()[1]
        print(json.dumps({"url": f"ws://127.0.0.1:{port}"}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main())
