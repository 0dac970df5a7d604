"""The pages, one a file."""

from pycape.console.views import calls, enclave, entrance, functions, keys, overview, runs

ROUTES = [
    *overview.ROUTES,
    *entrance.ROUTES,
    *functions.ROUTES,
    *calls.ROUTES,
    *runs.ROUTES,
    *enclave.ROUTES,
    *keys.ROUTES,
]
