"""The local platform: a control plane and an enclave in one process tree, on this machine.

The enclave is a process with a simulated NSM, which signs real documents under a root of this
machine's own. Everything else is what runs anywhere.
"""

from pycape.local.platform import DEFAULT_PORT, LocalPlatform, interrupted_by_signals
from pycape.local.runs import Runs
from pycape.local.supervisor import Patience

__all__ = ["DEFAULT_PORT", "LocalPlatform", "Patience", "Runs", "interrupted_by_signals"]
