//! Attestation documents: parsed, verified against trust roots and a policy.
