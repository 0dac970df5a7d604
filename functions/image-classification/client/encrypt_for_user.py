"""Encrypt a greeting for somebody else's functions.

python client/encrypt_for_user.py capedocs
"""

import sys

from pycape import Cape

name = sys.argv[1]

with Cape() as cape:
    print(cape.encrypt(f"hi {name}".encode(), username=name).decode())
