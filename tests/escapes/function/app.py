"""Makes the attempt that the input names, with the facts that it gives."""

import json

import files
import kernel
import leftovers
import network
import processes
import resources
from declare import ATTEMPTS

MODULES = (files, kernel, leftovers, network, processes, resources)


def cape_handler(data):
    name, facts = json.loads(data)
    return repr(ATTEMPTS[name](facts))
