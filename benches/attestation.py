"""Judging the document that an enclave of a local platform made for a session."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta

from pycape import Cape
from pycape.attestation import ChainCache, TrustRoots, verify

from . import rows
from .harness import Contender, race
from .report import Comparison, Measurement
from .targets import SpeedAtLeast, TimeAtMost
from .workshop import Workshop

# Bytes that the signatures of a chain cover: four certificates' and the document's own.
_CHAIN = [500, 500, 500, 500, 4500]


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """Verify with nothing cached, and with the chain cached."""
    with Cape(config_dir=workshop.platform.config_folder) as cape:
        attestation, _ = cape.attest()
        policy, profile = cape._platform.policy(), cape._platform.config.profile
    assert profile is not None
    root, document = profile.trust_roots[0], attestation.document
    trust_roots = TrustRoots.development([root])

    def verification(name: str, cache: ChainCache | None) -> Contender:
        def work() -> object:
            return verify(
                document,
                policy=policy,
                nonce=attestation.nonce,
                trust_roots=trust_roots,
                max_age=timedelta(hours=1),
                cache=cache,
            )

        return Contender.of(name, work)

    first_pycape = workshop.peers.contender(
        "pycape 3.1.1",
        "pycape 3.1.1 verify",
        document=base64.b64encode(document).decode(),
        root=base64.b64encode(root).decode(),
    )
    contenders = [
        verification("nothing cached", None),
        verification("chain cached", ChainCache()),
        workshop.bare.contender("five", "aws-lc p-384", sizes=_CHAIN),
        workshop.bare.contender("one", "aws-lc p-384", sizes=_CHAIN[-1:]),
        workshop.bare.contender("one, ring", "ring p-384", sizes=_CHAIN[-1:]),
        first_pycape,
    ]
    samples = race(contenders, workshop.seconds(10))
    yield Measurement(
        rows.VERIFY,
        samples["nothing cached"],
        (
            Comparison("five bare P-384, AWS-LC", samples.get("five"), TimeAtMost(1.15)),
            Comparison("pycape 3.1.1", samples.get("pycape 3.1.1"), SpeedAtLeast(4)),
        ),
    )
    yield Measurement(
        rows.VERIFY_CACHED,
        samples["chain cached"],
        (
            Comparison("one bare P-384, AWS-LC", samples.get("one"), TimeAtMost(1.3)),
            Comparison("one bare P-384, ring", samples.get("one, ring")),
            Comparison("pycape 3.1.1", samples.get("pycape 3.1.1"), SpeedAtLeast(20)),
        ),
    )
