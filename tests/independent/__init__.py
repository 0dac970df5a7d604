"""A second client, written from docs/spec alone; it shares no code with the package.

It is here for two readers. The tests beside it hold the package to what the pages say. And whoever
writes a client in another language can read how one is made, from the bottom up:

    cbor, text            how things are written
    labeled, kem, hpke    what keys are agreed on with
    keys, payload, header, envelope    envelope.md
    jws, statements       trust.md
    certificates, document, policy, profile, attestation    attestation.md, profile.md
    handshake, frames, connection    session.md
    bundle, control_plane, client    bundle.md, control-plane.md, and the whole way

It is complete where a client has to check something, and short everywhere else: nothing is cached,
and nothing is tried again.
"""
