"""The control plane: a directory of accounts and functions, and the way to an enclave.

It holds no secret and decides nothing about access. Every claim in it is a statement signed by an
account, which clients and enclaves check for themselves: docs/spec/trust.md.
"""

from pycape.server.admissions import Admissions
from pycape.server.app import create_app
from pycape.server.blob_service import create_blob_service
from pycape.server.blobs import Blobs, FolderBlobs
from pycape.server.hosts import BEAT_SECONDS, HostsPlacement
from pycape.server.log import log_to, stop_logging
from pycape.server.messages import HostReport, Platform, Release
from pycape.server.placement import LocalPlacement, Place, Placement
from pycape.server.rate_limit import Rate
from pycape.server.records import Records
from pycape.server.services import Services, unix_time

__all__ = [
    "BEAT_SECONDS",
    "Admissions",
    "Blobs",
    "FolderBlobs",
    "HostReport",
    "HostsPlacement",
    "LocalPlacement",
    "Place",
    "Placement",
    "Platform",
    "Rate",
    "Records",
    "Release",
    "Services",
    "create_app",
    "create_blob_service",
    "log_to",
    "stop_logging",
    "unix_time",
]
