//! The authority that tests name as their root, and the certificates of the server: a good one, and some that are not.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::version::TLS13;

use crate::Manner;

pub(crate) struct Authority {
    /// The root's certificate, as PEM.
    pub(crate) root: String,
    good: Arc<ServerConfig>,
    other_name: Arc<ServerConfig>,
    unknown_authority: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
}

impl Authority {
    /// An authority whose server is `name`.
    pub(crate) fn new(name: &str) -> Self {
        let (root, issuer) = new_root("the root of tests");
        let (_, stranger) = new_root("a root that nobody names");
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
            root,
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

fn new_root(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.pem(), Issuer::new(params, key))
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
