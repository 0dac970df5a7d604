use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};

use cape_core::UnixTime;
use cape_eif::signing::Signer;
use cape_eif::{Architecture, Description, ImageWriter, Metadata, SectionKind, WriteError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffer::Copied;
use crate::error::{misused, raised, system_error};
use crate::image::{EnclaveImage, SigningCertificate, registers};
use crate::image_tree::ImageTree;
use crate::integer::integer;
use crate::several::Several;
use crate::text::{OwnPath, OwnText};
use crate::threads::lock;
use crate::watch::Watch;

/// A key that signs images, and its certificate.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct ImageSigner(Signer);

#[pymethods]
impl ImageSigner {
    #[new]
    fn new(certificate: Copied, private_key: Copied) -> PyResult<Self> {
        Signer::from_pem(&certificate, &private_key).map(Self).map_err(raised)
    }

    #[getter]
    fn certificate(&self) -> SigningCertificate {
        SigningCertificate(self.0.certificate().clone())
    }

    fn is_valid_at(&self, #[pyo3(from_py_with = integer)] now_ms: u64) -> bool {
        let (now, certificate) = (UnixTime::from_millis(now_ms), self.0.certificate());
        certificate.not_before() <= now && now.as_seconds() <= certificate.not_after().as_seconds()
    }

    fn __repr__(&self) -> String {
        format!("<ImageSigner of {:?}>", self.0.certificate().subject())
    }
}

/// Writes an image to a file, and returns its registers.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "what an image consists of")]
pub(crate) fn write_image<'py>(
    py: Python<'py>,
    output: OwnPath,
    architecture: OwnText,
    #[pyo3(from_py_with = integer)] default_memory: u64,
    #[pyo3(from_py_with = integer)] default_cpus: u64,
    command_line: OwnText,
    metadata: OwnText,
    kernel: OwnPath,
    ramdisks: Several<Bound<'py, ImageTree>>,
    signer: Option<&ImageSigner>,
    progress: Option<Py<PyAny>>,
) -> PyResult<BTreeMap<u8, Bound<'py, PyBytes>>> {
    let description = Description {
        architecture: parse_architecture(&architecture.0)?,
        default_memory,
        default_cpus,
        command_line: command_line.0.parse().map_err(misused)?,
        metadata: serde_json::from_str::<Metadata>(&metadata.0).map_err(misused)?,
    };
    let ramdisks: Vec<Py<ImageTree>> = ramdisks.0.into_iter().map(Bound::unbind).collect();
    let watch = Watch::new(progress);
    let written = py.detach(|| -> Result<_, WriteError> {
        let kernel = BufReader::new(File::open(kernel.0)?);
        let mut image = ImageWriter::new(File::create(output.0)?, description, watch.reader(kernel))?;
        for ramdisk in &ramdisks {
            let tree = lock(&ramdisk.get().0);
            image = image.ramdisk(|out| tree.write(&mut watch.writer(out)))?;
        }
        image.finish(signer.map(|signer| &signer.0))
    });
    let measurements = written.map_err(|error| watch.raised_or(|| not_written(error)))?;
    Ok(registers(py, &measurements))
}

/// Writes the image of one file to another, signed, and returns its registers.
#[pyfunction]
#[pyo3(signature = (source, image, output, signer, progress = None))]
pub(crate) fn sign_image<'py>(
    py: Python<'py>,
    source: OwnPath,
    image: &EnclaveImage,
    output: OwnPath,
    signer: &ImageSigner,
    progress: Option<Py<PyAny>>,
) -> PyResult<BTreeMap<u8, Bound<'py, PyBytes>>> {
    let image = &image.0;
    let description = Description {
        architecture: image.architecture(),
        default_memory: image.default_memory(),
        default_cpus: image.default_cpus(),
        command_line: image.command_line().clone(),
        metadata: image.metadata().clone(),
    };
    let watch = Watch::new(progress);
    let written = py.detach(|| -> Result<_, WriteError> {
        let contents = |kind| image.sections().iter().filter(move |section| section.kind == kind);
        let mut source = File::open(source.0)?;
        let kernel = contents(SectionKind::Kernel).next().ok_or(io::ErrorKind::InvalidData);
        let kernel = kernel.map_err(io::Error::from)?.open(&mut source)?;
        let mut signed = ImageWriter::new(File::create(output.0)?, description, watch.reader(kernel))?;
        for ramdisk in contents(SectionKind::Ramdisk) {
            let content = ramdisk.open(&mut source)?;
            signed = signed.ramdisk(|out| io::copy(&mut watch.reader(content), out).map(drop))?;
        }
        signed.finish(Some(&signer.0))
    });
    let measurements = written.map_err(|error| watch.raised_or(|| not_written(error)))?;
    Ok(registers(py, &measurements))
}

fn parse_architecture(name: &str) -> PyResult<Architecture> {
    [Architecture::Aarch64, Architecture::X86_64]
        .into_iter()
        .find(|architecture| architecture.to_string() == name)
        .ok_or_else(|| PyValueError::new_err("an architecture is x86_64 or aarch64"))
}

fn not_written(error: WriteError) -> PyErr {
    match error {
        WriteError::Io(error) => system_error(&error),
        error => raised(error),
    }
}
