"""From a function's folder to the bundle that an enclave runs. No Docker.

Each step has a module of its own: settings, collect, handler, function side, requirements, lock,
fetch, slim, native, zip. `_package` is the way through them.
"""

from pycape.packaging._bundle import Bundle, Entry
from pycape.packaging._files import MAX_FILES
from pycape.packaging._lock import LOCK_NAME
from pycape.packaging._package import MAX_SIZE, handler_of, package
from pycape.packaging._progress import Progress
from pycape.packaging._settings import FunctionSettings, load_settings
from pycape.packaging._sizes import Part, Sizes

__all__ = [
    "LOCK_NAME",
    "MAX_FILES",
    "MAX_SIZE",
    "Bundle",
    "Entry",
    "FunctionSettings",
    "Part",
    "Progress",
    "Sizes",
    "handler_of",
    "load_settings",
    "package",
]
