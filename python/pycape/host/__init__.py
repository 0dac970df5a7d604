"""The agent of a host: it runs enclaves, keeps them up, and leads clients' bytes to them.

It is not trusted with anything: what it could do, the machine's administrator can do anyway
(docs/security/operator.md). Bytes pass through a program of their own, `cape-host`, unread.
"""

from pycape.host.agent import Agent
from pycape.host.configuration import Configuration

__all__ = ["Agent", "Configuration"]
