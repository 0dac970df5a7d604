"""The way out of a client, for those who bring their own: `Cape(transport=...)`.

A transport performs requests to the control plane, and opens connections to enclaves. It is trusted
with nothing: what it carries is encrypted for the enclave, and what it brings is judged.
"""

from __future__ import annotations

from ._effects import HttpRequest, HttpResponse
from ._transport import AsyncConnection, AsyncTransport, Connection, Transport

__all__ = [
    "AsyncConnection",
    "AsyncTransport",
    "Connection",
    "HttpRequest",
    "HttpResponse",
    "Transport",
]
