"""The algorithms, in plain words: what each does here, and why it was chosen.

`docs/guide/choices.md` says more, and what the alternatives are.
"""

from __future__ import annotations

XWING = (
    "X-Wing wraps the file key for a recipient: ML-KEM-768 (FIPS 203) and X25519 together. "
    "Who records a ciphertext today and has a quantum computer later breaks X25519 and not "
    "ML-KEM; should ML-KEM turn out weak, X25519 holds. It makes a header about 1,200 bytes longer."
)
X25519 = (
    "X25519 wraps the file key for a recipient: short and proven, and broken by a large quantum "
    "computer. What has to stay secret for decades is better encrypted with xwing."
)
RSA = (
    "RSA-OAEP with SHA-256 wraps the file key for a recipient, for keys that exist already. "
    "OAEP is the padding without the flaws of PKCS #1 v1.5. It is slow, and broken by a large "
    "quantum computer."
)
OF_KEYS = {"xwing": XWING, "x25519": X25519, "rsa": RSA}

HPKE = (
    "HPKE (RFC 9180) is how a file key is wrapped for X-Wing and X25519: a key exchange of its own "
    "for each recipient, HKDF-SHA256 makes a key of it, and ChaCha20-Poly1305 encrypts the 32 "
    "bytes of the file key. The standard says what is hashed with what, so nothing had to be "
    "invented."
)
OF_HPKE = ("xwing", "x25519")

AES_256_GCM = (
    "AES-256-GCM encrypts the data: no eavesdropper reads it, no change goes unnoticed, and "
    "processors have instructions for it. 256 bits leave a margin against quantum computers."
)
CHACHA20_POLY1305 = (
    "ChaCha20-Poly1305 encrypts the data: as strong as AES-256-GCM, and faster and of constant "
    "time where the processor has no instructions for AES."
)
OF_SUITES = {"AES-256-GCM": AES_256_GCM, "ChaCha20-Poly1305": CHACHA20_POLY1305}

ENVELOPE = (
    "The data is cut into chunks of 16 KiB, each with a number and a tag of its own, the last one "
    "marked: so a file of any size is encrypted in constant memory, and one that was cut short, or "
    "whose chunks were moved, does not pass for whole. All keys come from one file key by HKDF, "
    "which is fresh for each envelope, so no nonce is ever used twice. A commitment ties the "
    "ciphertext to that one key: it cannot open to different texts for different recipients.",
    "HMAC-SHA-256 authenticates the header, under a key that HKDF makes of the file key. "
    "Recipients, context, rules and sizes are readable by everyone; who opens the envelope can "
    "change its recipients, and nobody the rest.",
)
NO_SENDER = (
    "The sender is not authenticated: whoever has a recipient's public key can make a ciphertext "
    "for it. What has to be somebody's word is signed besides."
)
MORE = "docs/guide/choices.md says more of each choice, and what goes wrong with the alternatives."

ENVELOPE_1 = (
    "Version 1 is the first system's format. It names no recipient, carries no rules and no "
    "context, and is not opened in an enclave. Nothing protects it against a quantum computer: who "
    "records it today can read it then. Encrypt anew with `cape encrypt` what you can.",
    "The data is encrypted in one piece, under a key and a nonce drawn for it alone: it opens as a "
    "whole or not at all, and has to fit into memory. Its size is readable by everyone.",
)

ED25519 = (
    "Ed25519 signs it: short keys and signatures, and no random number that could be drawn badly "
    "when signing. The account id is the public key, so nobody has to say whose signature it is."
)
ES384 = (
    "An enclave's security module signs it with ECDSA on P-384, and a chain of certificates leads "
    "from that key to a root: AWS's for real enclaves."
)
SHA_256 = "SHA-256 names the code: another bundle with the same digest cannot be made."
