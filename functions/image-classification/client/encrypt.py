"""Encrypt a greeting for your own account; only an enclave can open it.

python client/encrypt.py
"""

from pycape import Cape

with Cape() as cape:
    print(cape.encrypt(b"hello world").decode())
