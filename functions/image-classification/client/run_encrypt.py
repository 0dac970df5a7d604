"""Classify a photograph that was encrypted before it is sent.

The ciphertext can be stored, or sent later by somebody else: it opens only inside an
enclave, as input of a function of the account that it was made for.

TOKEN=... FUNCTION_ID=... python client/run_encrypt.py PHOTOGRAPH
"""

import json
import os
import sys

from preprocess import preprocess

from pycape import Cape

image = preprocess(sys.argv[1])

with Cape() as cape:
    function = cape.function(os.environ["FUNCTION_ID"])
    token = cape.token(os.environ["TOKEN"])
    ciphertext = cape.encrypt(image)
    answer = cape.run(function, token, ciphertext)

for prediction in json.loads(answer):
    print(f"{prediction['class']}: {prediction['probability']:.1%}")
