"""A second client, written from docs/spec alone; it shares no code with the package.

It is here for two readers. The tests beside it hold the package to what the pages say. And whoever
writes a client in another language can read how one is made, from the bottom up:

| modules | page |
|---|---|
| errors, cbor, text | how things are written |
| labeled, kem, hpke | what keys are agreed on with: RFC 9180 |
| keys, payload, header, envelope, version_one; defects | envelope.md |
| jws, statements, rights | trust.md |
| certificates, document, policy, attestation | attestation.md |
| profile | profile.md |
| handshake, frames, contents, calls, connection, enclave | session.md |
| bundle, control_plane | bundle.md, control-plane.md |
| client | the whole way |
| serde | serde.md: values of typed functions |

It is complete where a client has to check something, and short everywhere else: nothing is
remembered from one call to the next, and nothing is tried again.
"""
