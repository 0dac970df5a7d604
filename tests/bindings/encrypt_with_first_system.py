"""Run by the interpreter of an environment that has pycape 3.1.1: encrypt as its users do.

Reads a JSON object with an RSA key (SPKI in hexadecimal) and sizes; prints the ciphertexts.
"""

import json
import sys
from importlib.metadata import version

from pycape import Cape

asked = json.load(sys.stdin)
key = bytes.fromhex(asked["key"])
texts = [Cape().encrypt(b"x" * size, key=key).decode() for size in asked["sizes"]]
json.dump({"version": version("pycape"), "texts": texts}, sys.stdout)
