"""The chain of a document's certificates. docs/spec/attestation.md, certificates.

pyca/cryptography reads DER strictly, yet not as strictly as the page asks for. What it lets pass
(a name's attributes in another order, say) was signed below a pinned root all the same.
"""

import hashlib
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

from .errors import CertificateExpired, ChainInvalid, TrustRootMismatch

AWS_ROOT_SHA256 = bytes.fromhex("641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b")

# They would restrict the certificate in ways that are not judged here.
REFUSED = {
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.POLICY_CONSTRAINTS,
    ExtensionOID.INHIBIT_ANY_POLICY,
    ExtensionOID.EXTENDED_KEY_USAGE,
}
# How pyca/cryptography refuses what it cannot read.
UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
JUDGED = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE}


def verify(
    chain: Sequence[bytes], trust_roots: Sequence[bytes] | None, now_ms: int
) -> list[x509.Certificate]:
    """Judge a chain, the root first, and return it read.

    Args:
        chain: `cabundle`, then `certificate`, each in DER.
        trust_roots: roots in DER, or None for AWS's.
        now_ms: the time to judge by.

    Raises:
        TrustRootMismatch: the first certificate is no root that is trusted.
        ChainInvalid: the form, a signature, or what a certificate may do.
        CertificateExpired: one is not valid at that time.
    """
    if not is_trusted(chain[0], trust_roots):
        raise TrustRootMismatch("the chain begins at another root")
    certificates: list[x509.Certificate] = []
    for position, octets in enumerate(chain):
        certificate = read(octets)
        if certificates:
            check_issued(certificate, certificates[-1])
        check_valid(certificate, now_ms)
        below = len(chain) - position - 1
        check_leaf(certificate) if below == 0 else check_authority(certificate, below - 1)
        certificates.append(certificate)
    return certificates


def is_trusted(root: bytes, trust_roots: Sequence[bytes] | None) -> bool:
    if trust_roots is None:
        return hashlib.sha256(root).digest() == AWS_ROOT_SHA256
    return root in trust_roots


def read(octets: bytes) -> x509.Certificate:
    """Read a certificate and check its form."""
    try:
        certificate = x509.load_der_x509_certificate(octets)
        key = certificate.public_key()
        written_anew = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        extensions = list(certificate.extensions)
        uses = {extension.oid: extension for extension in extensions}
        well_formed = (
            certificate.version == x509.Version.v3
            and 0 < certificate.serial_number < 1 << 159
            and certificate.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA384
            and isinstance(key, ec.EllipticCurvePublicKey)
            and isinstance(key.curve, ec.SECP384R1)
            # As it would be written anew: a named curve and an uncompressed point.
            and written_anew in octets
            # A bit string of whole bytes: a spare bit, if it is zero, is let pass there.
            and octets.endswith(b"\0" + certificate.signature)
            and list(certificate.subject) != []
            and list(certificate.issuer) != []
            and uses.keys() >= JUDGED
            and uses[ExtensionOID.BASIC_CONSTRAINTS].critical
            and not REFUSED & uses.keys()
            and all(extension.critical <= (extension.oid in JUDGED) for extension in extensions)
        )
    except UNREADABLE as error:
        raise ChainInvalid(f"a certificate's form: {error}") from error
    if not well_formed:
        raise ChainInvalid("a certificate of another form than an enclave's")
    return certificate


def check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    try:
        issuer.public_key().verify(
            certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(hashes.SHA384())
        )
    except InvalidSignature as error:
        raise ChainInvalid("a certificate's signature does not hold") from error
    if certificate.issuer.public_bytes() != issuer.subject.public_bytes():
        raise ChainInvalid("a certificate names another issuer")


def check_valid(certificate: x509.Certificate, at_ms: int) -> None:
    """Both the first and the last second are within; a second lasts a thousand milliseconds."""
    begin = certificate.not_valid_before_utc.timestamp()
    end = certificate.not_valid_after_utc.timestamp()
    if not begin <= at_ms // 1000 <= end:
        raise CertificateExpired(f"valid from {begin} to {end}, judged at {at_ms} ms")


def check_authority(certificate: x509.Certificate, authorities_below: int) -> None:
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    length = constraints.path_length
    if not constraints.ca or not usage.key_cert_sign:
        raise ChainInvalid("an issuer that is no authority")
    if length is not None and length < authorities_below:
        raise ChainInvalid("more authorities than an issuer allows")


def check_leaf(certificate: x509.Certificate) -> None:
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    if constraints.ca or usage.key_cert_sign or not usage.digital_signature:
        raise ChainInvalid("the leaf may not sign a document")
