//! Accounts, what they sign, and what the vault derives for them.
