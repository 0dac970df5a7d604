"""Enclave images: built, read, compared and signed, and the policies that pin them. No Docker.

`read_recipe` reads an `image.toml`, of which `build` makes an image, or of a container image;
`read` says what is in one, `platform_of` what it is for, `compare` what two differ in, `policy_of`
what callers pin.
"""

from pycape._core import ImageSigner, SigningCertificate
from pycape.images._build import BuiltImage, Sources, build
from pycape.images._diff import Difference, compare
from pycape.images._image import Image, Section, read
from pycape.images._lock import Lock, LockedPackage, read_lock
from pycape.images._locking import lock_packages
from pycape.images._platform import Platform, platform_of
from pycape.images._policy import policy_of
from pycape.images._progress import Progress
from pycape.images._recipe import ExtraFile, Packages, Recipe, read_recipe
from pycape.images._reproduce import check_reproduced
from pycape.images._sign import load_signer, sign

__all__ = [
    "BuiltImage",
    "Difference",
    "ExtraFile",
    "Image",
    "ImageSigner",
    "Lock",
    "LockedPackage",
    "Packages",
    "Platform",
    "Progress",
    "Recipe",
    "Section",
    "SigningCertificate",
    "Sources",
    "build",
    "check_reproduced",
    "compare",
    "load_signer",
    "lock_packages",
    "platform_of",
    "policy_of",
    "read",
    "read_lock",
    "read_recipe",
    "sign",
]
