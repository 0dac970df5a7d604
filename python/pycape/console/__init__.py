"""The console: pages for one user of this machine, about the platform of one profile.

It is a client as any other: it has the user's configuration and account, judges enclaves by the
user's policy, and shows what came of it. The guide is docs/guide/console.md.
"""

from pycape.console.serving import Console

__all__ = ["Console"]
