"""A program's own types: what they become, and how they come back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ._hook import Hook, check_hook


@dataclass(frozen=True)
class SerdeHookBundle:
    """Two hooks that belong together.

    Args:
        encoder_hook: Is given what the format does not know, and returns what it does: a map, say.
            Everything else it returns as it is.
        decoder_hook: Is given each map, and returns what it stands for, or the map.
    """

    encoder_hook: Hook
    decoder_hook: Hook

    def to_dict(self) -> dict[str, Hook]:
        """Return them by their names."""
        return {"encoder_hook": self.encoder_hook, "decoder_hook": self.decoder_hook}

    def unbundle(self) -> tuple[Hook, Hook]:
        """Return them as a pair, the encoder first."""
        return self.encoder_hook, self.decoder_hook


Hooks: TypeAlias = SerdeHookBundle | Mapping[str, Hook] | tuple[Hook, Hook] | list[Hook]
"""What is taken for two hooks: a bundle, a map by their names, or a pair, the encoder first."""


def bundle_serde_hooks(hook_bundle: Hooks) -> SerdeHookBundle:
    """Return two hooks as a bundle.

    Args:
        hook_bundle: A bundle, also one of serdio's; a pair with the encoder first; or a map with
            the keys `encoder_hook` and `decoder_hook`.

    Raises:
        TypeError: it is none of these, or a hook is no function.
        ValueError: a pair has not two members, or a map other keys.
    """
    names = ("encoder_hook", "decoder_hook")
    match hook_bundle:
        case object(encoder_hook=encoder, decoder_hook=decoder):
            hooks = (encoder, decoder)
        case Mapping():
            if set(hook_bundle) != set(names):
                raise ValueError(f"hooks have the keys {' and '.join(names)}, not {[*hook_bundle]}")
            hooks = (hook_bundle["encoder_hook"], hook_bundle["decoder_hook"])
        case tuple() | list():
            if len(hook_bundle) != len(names):
                raise ValueError(f"hooks are a pair, not {len(hook_bundle)}")
            hooks = (hook_bundle[0], hook_bundle[1])
        case _:
            raise TypeError(f"hooks are a pair or a map of two, not {type(hook_bundle).__name__}")
    for name, hook in zip(names, hooks, strict=True):
        check_hook(name, hook)
    return SerdeHookBundle(*hooks)
