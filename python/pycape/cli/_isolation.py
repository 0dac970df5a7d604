"""The layers around functions that a runtime says it has: which are on, and why one is off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pycape._strangers import one_line
from pycape.cli._text import LINE, hanging, wrapped

if TYPE_CHECKING:
    from pycape import _core

# The runtime's words for a layer that somebody has switched off, not one that the machine lacks
# (enclave-runtime/src/jail/layer.rs, SWITCHED_OFF).
_SWITCHED_OFF = "insecure_off"


def missing(layers: Sequence[_core.IsolationLayer]) -> list[_core.IsolationLayer]:
    """Return the layers that are off."""
    return [layer for layer in layers if layer.off_because is not None]


def switched_off(layers: Sequence[_core.IsolationLayer]) -> list[str]:
    """Return the names of the layers that the settings switch off."""
    return [layer.name for layer in missing(layers) if _SWITCHED_OFF in str(layer.off_because)]


def summary(layers: Sequence[_core.IsolationLayer]) -> str:
    """Return how many are on."""
    off = len(missing(layers))
    count = len(layers)
    return f"all {count} layers are on" if not off else f"{count - off} of {count} layers are on"


def insecure(layers: Sequence[_core.IsolationLayer]) -> str | None:
    """Return the warning that belongs above everything else; None where nobody switched one off."""
    names = switched_off(layers)
    if not names:
        return None
    return f"INSECURE: the settings switch off layers around functions: {', '.join(names)}"


def as_text(layers: Sequence[_core.IsolationLayer]) -> str:
    """Return what is off first, each with the reason, then the names of those that are on."""
    off = missing(layers)
    width = max((len(one_line(layer.name)) for layer in off), default=0)
    rows = [f"isolation of functions: {summary(layers)}"]
    if (warning := insecure(layers)) is not None:
        rows.append(hanging(warning, "  "))
    for layer in off:
        required = "" if not layer.required else ", and it is required"
        first, *rest = wrapped(f"{layer.off_because}{required}", LINE - width - 9)
        rows.append(f"  OFF  {one_line(layer.name):{width}}  {first}")
        rows += [f"{'':{width + 9}}{line}" for line in rest]
    on = [layer.name for layer in layers if layer.off_because is None]
    if on:
        first, *rest = wrapped(", ".join(on), LINE - 7)
        rows += [f"  on   {first}", *(f"       {line}" for line in rest)]
    return "\n".join(rows)


def as_json(layers: Sequence[_core.IsolationLayer]) -> list[dict[str, Any]]:
    """Return them for programs, in the runtime's order."""
    return [
        {
            "name": layer.name,
            "required": layer.required,
            "on": layer.off_because is None,
            "off_because": layer.off_because,
        }
        for layer in layers
    ]
