"""Makes the attempt that the input names, with the facts that it gives."""

import json

import files
import kernel
import leftovers
import network
import observation
import processes
import resources
import supplies
import victim
from declare import ATTEMPTS
from tenants import TENANTS

# For the isolation "call".
cape_fork_safe = True

MODULES = (
    files,
    kernel,
    leftovers,
    network,
    observation,
    processes,
    resources,
    supplies,
)


def cape_handler(data):
    name, facts = json.loads(data)
    if name == "hold":
        return victim.hold(facts)
    return repr({**ATTEMPTS, **TENANTS}[name](facts))
