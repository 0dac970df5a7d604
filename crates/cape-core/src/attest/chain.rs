//! Check 4: from a trusted root downward to the key that signed the document.

use super::certificate::Certificate;
use super::chain_cache::ChainCache;
use super::chain_defect::ChainDefect;
use super::error::Error;
use super::payload::Certificates;
use super::roots::{Trust, TrustRoots};
use crate::UnixTime;
use crate::crypto::sha256;

/// A chain that holds.
pub(super) struct Chain<'a> {
    /// The root first.
    pub(super) authorities: Vec<Certificate<'a>>,
    /// The certificate whose key signed the document.
    pub(super) leaf: Certificate<'a>,
    pub(super) trust: Trust,
}

impl<'a> Chain<'a> {
    /// Walks from the root to the leaf, all of whose certificates must be valid at `time`.
    pub(super) fn verify(
        certificates: &Certificates<'a>,
        roots: &TrustRoots,
        time: UnixTime,
        cache: Option<&ChainCache>,
    ) -> Result<Self, Error> {
        let root = certificates.root;
        let trust =
            roots.trust_in(root).ok_or_else(|| Error::TrustRootMismatch { actual: sha256(&[root]) })?;
        let mut authorities_below = certificates.intermediates.len();
        let place = Place { index: 0, role: Role::Authority { authorities_below } };
        let mut issuer = judge(root, place, None, time, None)?;
        let mut authorities = Vec::with_capacity(authorities_below + 1);
        for der in certificates.intermediates.iter().copied() {
            authorities_below -= 1;
            let place = Place { index: authorities.len() + 1, role: Role::Authority { authorities_below } };
            let certificate = judge(der, place, Some(&issuer), time, cache)?;
            authorities.push(core::mem::replace(&mut issuer, certificate));
        }
        let place = Place { index: authorities.len() + 1, role: Role::Leaf };
        let leaf = judge(certificates.leaf, place, Some(&issuer), time, cache)?;
        authorities.push(issuer);
        Ok(Self { authorities, leaf, trust })
    }

    /// The certificates in order, the leaf last.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Certificate<'a>> {
        self.authorities.iter().chain([&self.leaf])
    }

    /// The first and the last second at which all of its certificates are valid.
    pub(super) fn validity(&self) -> (UnixTime, UnixTime) {
        self.authorities.iter().fold((self.leaf.not_before, self.leaf.not_after), |(start, end), above| {
            (start.max(above.not_before), end.min(above.not_after))
        })
    }
}

/// Where a certificate stands.
#[derive(Clone, Copy)]
struct Place {
    /// Counted from the root, 0.
    index: usize,
    role: Role,
}

#[derive(Clone, Copy)]
enum Role {
    Authority { authorities_below: usize },
    Leaf,
}

/// Judges one certificate, in this order: its own form; its signature under its issuer's key; issuer
/// equal to the subject above; validity; what it may do in its place. The root has no issuer here:
/// it is trusted for its bytes, and a signature by its own key would add nothing.
fn judge<'a>(
    der: &'a [u8],
    place: Place,
    issuer: Option<&Certificate<'_>>,
    time: UnixTime,
    cache: Option<&ChainCache>,
) -> Result<Certificate<'a>, Error> {
    let certificate = Certificate::parse(der).map_err(|defect| Error::ChainInvalid {
        certificate: place.index,
        subject: None,
        defect: defect.into(),
    })?;
    let invalid = |defect| Error::ChainInvalid {
        certificate: place.index,
        subject: Some(certificate.subject.to_text()),
        defect,
    };
    if let Some(issuer) = issuer {
        check_issued_by(&certificate, issuer, time, cache).map_err(invalid)?;
    }
    if !certificate.is_valid_at(time) {
        return Err(Error::CertificateExpired {
            certificate: place.index,
            subject: certificate.subject.to_text(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            judged_at: time,
        });
    }
    match place.role {
        Role::Authority { authorities_below } => check_authority(&certificate, authorities_below),
        Role::Leaf => check_leaf(&certificate),
    }
    .map_err(invalid)?;
    Ok(certificate)
}

fn check_issued_by(
    certificate: &Certificate<'_>,
    issuer: &Certificate<'_>,
    time: UnixTime,
    cache: Option<&ChainCache>,
) -> Result<(), ChainDefect> {
    let is_signed = match cache {
        Some(cache) => cache.is_signed_by(certificate, issuer.public_key, time),
        None => certificate.is_signed_by(issuer.public_key),
    };
    if !is_signed {
        return Err(ChainDefect::Signature);
    }
    if certificate.issuer != issuer.subject {
        return Err(ChainDefect::IssuerMismatch);
    }
    Ok(())
}

/// Every authority counts for the path length. RFC 5280, 4.2.1.9 would pass over one that carries
/// its issuer's name; no genuine chain has such a one.
fn check_authority(certificate: &Certificate<'_>, authorities_below: usize) -> Result<(), ChainDefect> {
    if !certificate.basic_constraints.is_authority {
        return Err(ChainDefect::NotAnAuthority);
    }
    if let Some(allowed) = certificate.basic_constraints.path_length
        && authorities_below > allowed
    {
        return Err(ChainDefect::PathLength { allowed, actual: authorities_below });
    }
    if !certificate.key_usage.certificate_signing() {
        return Err(ChainDefect::KeyMayNotSignCertificates);
    }
    Ok(())
}

fn check_leaf(certificate: &Certificate<'_>) -> Result<(), ChainDefect> {
    if certificate.basic_constraints.is_authority || certificate.key_usage.certificate_signing() {
        return Err(ChainDefect::LeafIsAuthority);
    }
    if !certificate.key_usage.digital_signature() {
        return Err(ChainDefect::KeyMayNotSignData);
    }
    Ok(())
}
