//! The profiles: what each certificate of a chain states, as AWS's do.

use std::time::Duration;

use aws_lc_rs::rand;
use rcgen::string::PrintableString;
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, CustomExtension, DistinguishedName, DnType,
    DnValue, IsCa, KeyUsagePurpose, SerialNumber, date_time_ymd,
};

use super::PkiError;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// The last second that a certificate can state (RFC 5280, 4.1.2.5): the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// How long an enclave's certificate is valid after its issue, in seconds.
pub(crate) const LEAF_LIFETIME: u64 = 3 * HOUR;

/// How long before its issue an enclave's certificate becomes valid, in seconds.
const LEAF_BACKDATE: u64 = 3;

/// Appended to the names of what stands below the root.
const DOMAIN: &str = "local.cape-development";

/// A level of authorities.
pub(super) struct Tier {
    kind: Kind,
    path_length: BasicConstraints,
    /// How long its certificates are valid after their issue, in seconds.
    pub(super) lifetime: u64,
    /// How long before their issue they become valid, in seconds.
    backdate: u64,
}

#[derive(Clone, Copy)]
enum Kind {
    Root,
    Region,
    Zone,
    Instance,
}

impl Tier {
    pub(super) const ROOT: Self = Self {
        kind: Kind::Root,
        path_length: BasicConstraints::Unconstrained,
        lifetime: 10 * 365 * DAY,
        backdate: DAY,
    };

    /// From the root downward.
    pub(super) const BELOW_ROOT: [Self; 3] = [
        Self {
            kind: Kind::Region,
            path_length: BasicConstraints::Constrained(2),
            lifetime: 20 * DAY,
            backdate: HOUR,
        },
        Self {
            kind: Kind::Zone,
            path_length: BasicConstraints::Constrained(1),
            lifetime: 6 * DAY,
            backdate: HOUR,
        },
        Self {
            kind: Kind::Instance,
            path_length: BasicConstraints::Constrained(0),
            lifetime: DAY - LEAF_BACKDATE,
            backdate: LEAF_BACKDATE,
        },
    ];

    /// A name for a new authority. Regions and zones have another one each time; an instance is
    /// always itself.
    pub(super) fn common_name(&self, instance_id: &str) -> Result<String, PkiError> {
        Ok(match self.kind {
            Kind::Root => "cape development root".to_owned(),
            Kind::Region => format!("{:016x}.{DOMAIN}", random()?),
            Kind::Zone => format!("{:016x}.zonal.{DOMAIN}", random()?),
            Kind::Instance => format!("{instance_id}.{DOMAIN}"),
        })
    }

    /// What an authority's certificate states, issued `now` by one that is valid in `issuer`.
    pub(super) fn profile(
        &self,
        common_name: &str,
        now: u64,
        issuer: Option<Validity>,
    ) -> Result<CertificateParams, PkiError> {
        let mut params = profile(Validity::new(now, self.backdate, self.lifetime, issuer)?);
        params.distinguished_name = self.subject(common_name)?;
        params.is_ca = IsCa::Ca(self.path_length);
        params.key_usages = match self.kind {
            Kind::Root | Kind::Region | Kind::Zone => vec![
                KeyUsagePurpose::DigitalSignature,
                KeyUsagePurpose::KeyCertSign,
                KeyUsagePurpose::CrlSign,
            ],
            Kind::Instance => vec![KeyUsagePurpose::KeyCertSign],
        };
        params.use_authority_key_identifier_extension = !matches!(self.kind, Kind::Root);
        // AWS's name a list in these two places. Ours leads nowhere (RFC 2606, 2).
        if matches!(self.kind, Kind::Region | Kind::Zone) {
            params.crl_distribution_points = vec![CrlDistributionPoint {
                uris: vec![format!("http://crl.{DOMAIN}.invalid/{common_name}.crl")],
            }];
        }
        Ok(params)
    }

    /// The order of the attributes differs from level to level.
    fn subject(&self, common_name: &str) -> Result<DistinguishedName, PkiError> {
        use Attribute::{Country, Locality, Name, Organization, State, Unit};
        distinguished_name(
            match self.kind {
                Kind::Root | Kind::Region => &[Country, Organization, Unit, Name],
                Kind::Zone => &[Name, Unit, Organization, Country, State, Locality],
                Kind::Instance => &INSTANCE_ORDER,
            },
            common_name,
        )
    }
}

/// An enclave's key and name.
pub(crate) struct Leaf<'a> {
    /// The key, as SubjectPublicKeyInfo in DER.
    pub(crate) public_key: &'a [u8],
    /// `i-0123456789abcdef0-enc0123456789abcdef`.
    pub(crate) module_id: &'a str,
    /// The number after `enc`.
    pub(crate) enclave: u64,
}

impl Leaf<'_> {
    /// What the enclave's certificate states. Its serial number is the enclave's followed by the
    /// time in seconds; key usage is not critical, and there are no key identifiers.
    pub(super) fn profile(&self, now: u64, issuer: Validity) -> Result<CertificateParams, PkiError> {
        let validity = Validity::new(now, LEAF_BACKDATE, LEAF_LIFETIME, Some(issuer))?;
        let mut params = profile(validity);
        let serial = [self.enclave.to_be_bytes(), now.to_be_bytes()].concat();
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.distinguished_name =
            distinguished_name(&INSTANCE_ORDER, &format!("{}.local.cape", self.module_id))?;
        params.custom_extensions = vec![not_an_authority(), signatures_only()];
        Ok(params)
    }
}

/// basicConstraints, critical: an empty sequence, so cA FALSE. (rcgen's own would come with a
/// subject key identifier.)
fn not_an_authority() -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 19], vec![0x30, 0x00]);
    extension.set_criticality(true);
    extension
}

/// keyUsage, not critical: digitalSignature and nonRepudiation. (rcgen's own would be critical.)
fn signatures_only() -> CustomExtension {
    CustomExtension::from_oid_content(&[2, 5, 29, 15], vec![0x03, 0x02, 0x06, 0xc0])
}

/// When a certificate is valid, in seconds since 1970, both ends included.
#[derive(Clone, Copy)]
pub(super) struct Validity {
    pub(super) not_before: u64,
    pub(super) not_after: u64,
}

impl Validity {
    pub(super) fn covers(self, other: Self) -> bool {
        self.not_before <= other.not_before && other.not_after <= self.not_after
    }

    fn new(now: u64, backdate: u64, lifetime: u64, issuer: Option<Self>) -> Result<Self, PkiError> {
        let earliest = issuer.map_or(0, |issuer| issuer.not_before);
        let not_after = now
            .checked_add(lifetime)
            .filter(|not_after| *not_after <= LAST_SECOND)
            .ok_or(PkiError::Clock { now })?;
        Ok(Self { not_before: now.saturating_sub(backdate).max(earliest), not_after })
    }
}

fn profile(validity: Validity) -> CertificateParams {
    let epoch = date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.not_before = epoch + Duration::from_secs(validity.not_before);
    params.not_after = epoch + Duration::from_secs(validity.not_after);
    params
}

#[derive(Clone, Copy)]
enum Attribute {
    Country,
    State,
    Locality,
    Organization,
    Unit,
    Name,
}

const INSTANCE_ORDER: [Attribute; 6] = [
    Attribute::Country,
    Attribute::State,
    Attribute::Locality,
    Attribute::Organization,
    Attribute::Unit,
    Attribute::Name,
];

fn distinguished_name(order: &[Attribute], common_name: &str) -> Result<DistinguishedName, PkiError> {
    // ISO 3166-1 leaves ZZ to its users.
    let country = PrintableString::try_from("ZZ").map_err(PkiError::issue)?;
    let mut name = DistinguishedName::new();
    for attribute in order {
        match attribute {
            Attribute::Country => {
                let country = DnValue::PrintableString(country.clone());
                name.push(DnType::CountryName, country);
            }
            Attribute::State => name.push(DnType::StateOrProvinceName, "Development"),
            Attribute::Locality => name.push(DnType::LocalityName, "localhost"),
            Attribute::Organization => name.push(DnType::OrganizationName, "Cape"),
            Attribute::Unit => name.push(DnType::OrganizationalUnitName, "Development"),
            Attribute::Name => name.push(DnType::CommonName, common_name),
        }
    }
    Ok(name)
}

fn random() -> Result<u64, PkiError> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(PkiError::issue)?;
    Ok(u64::from_be_bytes(bytes))
}
