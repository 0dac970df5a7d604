"""Classify a photograph in an enclave.

TOKEN=... FUNCTION_ID=... python client/run_prediction.py PHOTOGRAPH
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
    answer = cape.run(function, token, image)

for prediction in json.loads(answer):
    print(f"{prediction['class']}: {prediction['probability']:.1%}")
