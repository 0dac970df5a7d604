"""Ways around the checks, for experiments. What comes of them proves nothing.

Nothing of pycape imports this module; whoever uses it says so by name.
"""

from __future__ import annotations

import warnings

from ._core import Policy

__all__ = ["any_code"]

_warned = False


def any_code() -> Policy:
    """Return a policy that accepts a genuine enclave with any code, and any vault.

    Its operator could read whatever is sent to it. Warns once; shows in `repr` and in the
    command line's `--json`.
    """
    global _warned  # noqa: PLW0603 - once a process
    if not _warned:
        _warned = True
        warnings.warn(
            "insecure.any_code() accepts whatever code an enclave runs: nothing is confidential",
            RuntimeWarning,
            stacklevel=2,
        )
    return Policy.insecure_any_code()
