"""The control plane's records: who claimed which name, which functions an account published.

Every record has an owner (the account whose signature put it there) and a version. The statements
themselves are kept as signed, so that clients can check them without trusting this store.
"""

from pycape.server.records.store import FunctionRecord, NameRecord, Records, RisingStatement

__all__ = ["FunctionRecord", "NameRecord", "Records", "RisingStatement"]
