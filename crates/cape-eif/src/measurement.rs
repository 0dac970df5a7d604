use cape_core::crypto::{Sha384, sha384};

use crate::section::SectionKind;

/// The values that the registers have in an enclave that this image was started in. Those of its
/// host, PCR3 and PCR4, are not the image's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurements {
    /// The kernel, the command line and all ramdisks.
    pub pcr0: [u8; 48],
    /// The kernel, the command line and the first ramdisk.
    pub pcr1: [u8; 48],
    /// The ramdisks but the first.
    pub pcr2: [u8; 48],
    /// The certificate that the image is signed under; zeros when it is not signed.
    pub pcr8: [u8; 48],
}

/// Measures sections as they pass by, in their order.
pub(crate) struct Measurer {
    all: Sha384,
    /// `all` as it was behind the first ramdisk.
    first: Option<Sha384>,
    others: Sha384,
}

impl Measurer {
    pub(crate) fn new() -> Self {
        Self { all: Sha384::new(), first: None, others: Sha384::new() }
    }

    /// A piece of a section's content.
    pub(crate) fn update(&mut self, kind: SectionKind, piece: &[u8]) {
        if kind.is_measured() {
            self.all.update(piece);
            if self.first.is_some() {
                self.others.update(piece);
            }
        }
    }

    /// A section is over.
    pub(crate) fn end(&mut self, kind: SectionKind) {
        if kind == SectionKind::Ramdisk {
            self.first.get_or_insert_with(|| self.all.clone());
        }
    }

    /// PCR0, for what is signed before all is known.
    pub(crate) fn pcr0(&self) -> [u8; 48] {
        extended(&self.all.clone().finish())
    }

    pub(crate) fn finish(self, signing_certificate: Option<&[u8]>) -> Measurements {
        let pcr0 = self.pcr0();
        Measurements {
            pcr0,
            pcr1: self.first.map_or(pcr0, |first| extended(&first.finish())),
            pcr2: extended(&self.others.finish()),
            pcr8: signing_certificate.map_or([0; 48], |der| extended(&sha384(&[der]))),
        }
    }
}

/// A register that was all zeros, after this was added to it.
fn extended(digest: &[u8; 48]) -> [u8; 48] {
    sha384(&[&[0; 48], digest])
}

#[cfg(test)]
mod tests {
    use cape_core::encoding::hex;

    use super::*;

    #[test]
    fn an_image_without_a_second_ramdisk_has_the_pcr2_that_all_of_them_have() {
        let measurements = Measurer::new().finish(None);
        assert_eq!(
            hex::encode(&measurements.pcr2),
            "21b9efbc184807662e966d34f390821309eeac6802309798826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a"
        );
        assert_eq!(measurements.pcr8, [0; 48]);
    }
}
