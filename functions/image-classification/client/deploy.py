"""Deploy the classifier and print its id.

python client/deploy.py [FOLDER]
"""

import sys
from pathlib import Path

from pycape import Cape

folder = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent

with Cape() as cape:
    ref = cape.deploy(folder)
    print(ref.id)
