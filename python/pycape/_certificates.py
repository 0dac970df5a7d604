"""Whose certificates are trusted for TLS, to the control plane and to an enclave's host alike.

TLS keeps networks from reading who asks for what. What an enclave proves does not rest on it.
"""

from __future__ import annotations

import os
import ssl

import httpx

from . import errors


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return what judges servers' certificates.

    The authorities are those of `ca_file` (PEM), else of CAPE_CA_FILE, else of SSL_CERT_FILE, else
    of SSL_CERT_DIR, else those that browsers trust: one of these, and no other beside it.

    Raises:
        ConfigError: the file cannot be read, or has no certificate in it.
    """
    named = {"ca_file": ca_file, "CAPE_CA_FILE": os.environ.get("CAPE_CA_FILE")}
    path = ca_file or named["CAPE_CA_FILE"]
    try:
        return ssl.create_default_context(cafile=path) if path else httpx.create_ssl_context()
    except (OSError, ValueError) as error:
        named |= {name: os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
        where = next((f" ({name}={value})" for name, value in named.items() if value), "")
        raise errors.ConfigError(
            f"the certificates to trust for TLS cannot be used{where}: {error}",
            hint="name a file of certificates in PEM",
        ) from error


def is_refused_certificate(error: BaseException | None) -> bool:
    """Tell whether a server's certificate is what a connection failed for."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
