//! The authority that tests name as their root, and the certificates of the server: a good one, and some that are not.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::version::TLS13;

use crate::Manner;

const NAME: &str = "the root of tests";

/// The key of an authority that tests name as their root: a new one each, or one that is kept, where what names the
/// authority is made before the server is.
pub struct Root(KeyPair);

pub(crate) struct Authority {
    /// The root's certificate, as PEM.
    pub(crate) root: String,
    good: Arc<ServerConfig>,
    other_name: Arc<ServerConfig>,
    unknown_authority: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
}

impl Root {
    /// A new key.
    ///
    /// # Panics
    ///
    /// Without randomness.
    pub fn generate() -> Self {
        Self(KeyPair::generate().expect("a key"))
    }

    /// The key that [`to_pem`](Self::to_pem) wrote.
    ///
    /// # Panics
    ///
    /// When it is none.
    pub fn from_pem(text: &str) -> Self {
        Self(KeyPair::from_pem(text).expect("a key"))
    }

    /// The private key.
    pub fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// A certificate of the authority, as PEM. One is as good as another: what counts is name and key.
    ///
    /// # Panics
    ///
    /// When the key does not sign.
    pub fn certificate(&self) -> String {
        authority(NAME).self_signed(&self.0).expect("a certificate").pem()
    }
}

impl Authority {
    /// An authority whose server is `name`.
    pub(crate) fn new(root: Root, name: &str) -> Self {
        let certificate = root.certificate();
        let issuer = Issuer::new(authority(NAME), root.0);
        let stranger = Issuer::new(authority("a root that nobody names"), Root::generate().0);
        Self {
            good: server(&issuer, for_name(name)),
            other_name: server(&issuer, for_name("kms.example.com")),
            unknown_authority: server(&stranger, for_name(name)),
            expired: server(&issuer, {
                let mut expired = for_name(name);
                expired.not_before = date_time_ymd(2020, 1, 1);
                expired.not_after = date_time_ymd(2021, 1, 1);
                expired
            }),
            root: certificate,
        }
    }

    /// What a server of this manner shows.
    pub(crate) fn server(&self, manner: Manner) -> Arc<ServerConfig> {
        Arc::clone(match manner {
            Manner::OtherName => &self.other_name,
            Manner::UnknownAuthority => &self.unknown_authority,
            Manner::ExpiredCertificate => &self.expired,
            _ => &self.good,
        })
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn for_name(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).expect("a name")
}

fn server(issuer: &Issuer<'_, KeyPair>, params: CertificateParams) -> Arc<ServerConfig> {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate and its key");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}
