//! The protocol between client and enclave, both roles, without I/O.
