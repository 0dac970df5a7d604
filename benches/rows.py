"""The rows that targets ask for, one list: what a run that lacks one of them has left out.

Suites take the names from here. Those with braces are filled in with what a run measures with.
"""

from __future__ import annotations

from typing import Any

VERIFY = "verify, nothing cached"
VERIFY_CACHED = "verify, chain cached"
TEXT = "{verb} {size}, text"
SEAL = "seal {size}, reused buffer"
TWO_THREADS = "  two threads, both together"
FILE = "{verb}_file {size}"
FILE_MEMORY = "{verb}_file {size}, memory"
WARM = "warm call, 1 KiB, sync"
WARM_ASYNC = "warm call, 1 KiB, async"
THROUGHPUT = "{count} connections at once, 1 KiB"
IDLE = "idle session, one of {count:,}"
BESIDE_IDLE = "warm call beside {count:,} idle sessions"
FIRST_RESULT = "attested connection, first result"
FIRST_RESULT_CPU = "processor time of a first result"
COLD = "cold function, first result"
JAIL_NEW = "jail, added to a new worker"
JAIL_WARM = "jail, on a warm call"
BULK = "bulk input, {size} through a session"
DEPLOY = "deploy {size}"
DEPLOY_CLIENT = "deploy {size}, client's memory"
DEPLOY_ENCLAVE = "deploy {size}, enclave's memory"
HELP = "cape --help"
IMPORT = "import pycape"
WHEEL = "wheel of pycape"

# By the name of each here: what fills it in, of a whole run, and the peers that targets name.
# "the limit" is none: it is there where a target is a figure of its own.
_LIMIT, _PLAIN, _FIRST_PYCAPE = "the limit", "plain websockets", "pycape 3.1.1"
ASKED: tuple[tuple[str, dict[str, Any], tuple[str, ...]], ...] = (
    ("VERIFY", {}, ("five bare P-384, AWS-LC", _FIRST_PYCAPE)),
    ("VERIFY_CACHED", {}, ("one bare P-384, AWS-LC", _FIRST_PYCAPE)),
    (
        "TEXT",
        {"verb": "encrypt", "size": "64 MiB"},
        (_FIRST_PYCAPE, "pyrage", "PyNaCl", "Tink"),
    ),
    ("TEXT", {"verb": "encrypt", "size": "32 B"}, ("pyca's HPKE, X-Wing as well",)),
    ("SEAL", {"size": "64 MiB"}, ("bare AES-256-GCM, 16 KiB, AWS-LC",)),
    ("TWO_THREADS", {}, ()),
    ("FILE", {"verb": "encrypt", "size": "4 GiB"}, ("cp, the same file system",)),
    ("FILE_MEMORY", {"verb": "encrypt", "size": "4 GiB"}, (_LIMIT,)),
    ("WARM", {}, (_PLAIN,)),
    ("WARM_ASYNC", {}, (_PLAIN,)),
    ("THROUGHPUT", {"count": 50}, (_PLAIN,)),
    ("IDLE", {"count": 1000}, (_LIMIT,)),
    ("BESIDE_IDLE", {"count": 1000}, ("the same alone",)),
    ("FIRST_RESULT", {}, (_LIMIT, _PLAIN)),
    ("FIRST_RESULT_CPU", {}, (_LIMIT,)),
    ("COLD", {}, (_LIMIT,)),
    ("JAIL_NEW", {}, (_LIMIT,)),
    ("JAIL_WARM", {}, ("the same without a jail",)),
    ("BULK", {"size": "256 MiB"}, (_PLAIN,)),
    ("DEPLOY", {"size": "256 MiB"}, (f"{_PLAIN}, upload",)),
    ("DEPLOY_CLIENT", {"size": "256 MiB"}, (_LIMIT,)),
    ("DEPLOY_ENCLAVE", {"size": "256 MiB"}, (_LIMIT,)),
    ("HELP", {}, (_LIMIT,)),
    ("IMPORT", {}, (_LIMIT,)),
    ("WHEEL", {}, (_LIMIT,)),
)


def missing(suites: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return what targets ask for and the results of a whole run lack: rows, and their verdicts."""
    judged: dict[str, set[str]] = {}
    for measurement in (each for suite in suites.values() for each in suite):
        judged.setdefault(measurement["name"], set()).update(
            comparison["peer"]
            for comparison in measurement["comparisons"]
            if comparison["verdict"] is not None
        )
    lacking = []
    for name, filling, peers in ASKED:
        row = globals()[name].format(**filling)
        if row not in judged:
            lacking.append(row.strip())
        else:
            lacking += [f"{row}: {peer}" for peer in peers if peer not in judged[row]]
    return lacking
