"""What both builds can be told."""

import argparse
import os
from pathlib import Path


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser of the options of both."""
    options = argparse.ArgumentParser(
        prog="build",
        description=description,
        epilog="Results are kept in build/ of CAPE_CACHE_DIR, which is ~/.cache/cape if not set.",
    )
    options.add_argument(
        "--install", action="store_true", help="install the packages that building takes, as root"
    )
    options.add_argument(
        "--jobs",
        type=_number,
        metavar="N",
        default=os.cpu_count(),
        help="programs at a time (processors)",
    )
    options.add_argument(
        "--file",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a file that source.toml names, which apt then does not fetch; can be repeated",
    )
    versions = options.add_mutually_exclusive_group()
    versions.add_argument(
        "--or-newest",
        action="store_true",
        help="build the newest versions where Debian has a pinned one no more: for tests alone",
    )
    versions.add_argument(
        "--raise",
        action="store_true",
        dest="newest",
        help="first write the newest versions that Debian has to source.toml",
    )
    return options


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number
