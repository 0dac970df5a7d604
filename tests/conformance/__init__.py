"""Makes what other implementations are tried with, but for what is made beside its own tests.

`python -m tests.conformance` writes the files. Secrets, times and signatures are fixed, so that
they come out the same each time. docs/spec/conformance.md says what they are.
"""

from . import (
    about_access,
    about_clients,
    about_conversations,
    about_derivations,
    about_enclaves,
    about_form,
    about_handshakes,
    about_keys,
    about_manifests,
    about_members,
    about_upgrades,
)
from .case import Case

CASES: list[Case] = [
    case
    for module in (
        about_access,
        about_clients,
        about_conversations,
        about_derivations,
        about_enclaves,
        about_form,
        about_handshakes,
        about_keys,
        about_manifests,
        about_members,
        about_upgrades,
    )
    for case in module.cases()
]
