//! The `cape:` ciphertext and its keys.
