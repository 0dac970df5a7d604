"""Makes `tests/vectors/attestation/`: documents with one thing wrong each, or one at its limit.

`python -m tests.attestation.vectors` writes the files. Keys, times and signatures are fixed, so
that they come out the same each time.
"""

from . import (
    about_cbor,
    about_certificates,
    about_chains,
    about_cose,
    about_extensions,
    about_fields,
    about_policies,
    about_purposes,
    about_signatures,
    about_times,
)
from .case import Case

CASES: list[Case] = [
    case
    for module in (
        about_cbor,
        about_cose,
        about_fields,
        about_certificates,
        about_extensions,
        about_chains,
        about_signatures,
        about_times,
        about_purposes,
        about_policies,
    )
    for case in module.cases()
]
