"""A plain `websockets` server that counts bytes: what an upload is held against.

Answers a text message with the bytes that came before it. Prints its address as a line of JSON;
ends with its input.
"""

import asyncio

from websockets.asyncio.server import ServerConnection

from .echo_server import serve_until_input_ends


async def _count(connection: ServerConnection) -> None:
    size = 0
    async for message in connection:
        if isinstance(message, str):
            await connection.send(str(size))
            size = 0
        else:
            size += len(message)


if __name__ == "__main__":
    asyncio.run(serve_until_input_ends(_count))
