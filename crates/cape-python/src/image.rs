//! Enclave images, as Python sees them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use cape_core::UnixTime;
use cape_core::crypto::Sha256;
use cape_core::encoding::hex;
use cape_eif::cpio::{Entries, Entry, EntryKind};
use cape_eif::signing::Certificate;
use cape_eif::{Image, Measurements, SectionKind};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{raised, system_error};
use crate::integer::integer;
use crate::several::Several;
use crate::text::{OwnPath, OwnText};
use crate::time;
use crate::watch::Watch;

/// An image whose form is right.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct EnclaveImage(pub(crate) Image);

#[pymethods]
impl EnclaveImage {
    #[getter]
    fn architecture(&self) -> String {
        self.0.architecture().to_string()
    }

    #[getter]
    fn default_memory(&self) -> u64 {
        self.0.default_memory()
    }

    #[getter]
    fn default_cpus(&self) -> u64 {
        self.0.default_cpus()
    }

    #[getter]
    fn command_line(&self) -> &str {
        self.0.command_line().as_str()
    }

    /// As JSON.
    #[getter]
    fn metadata(&self) -> PyResult<String> {
        serde_json::to_string(self.0.metadata()).map_err(|error| io::Error::from(error).into())
    }

    /// The kind, the offset and the size of each.
    #[getter]
    fn sections(&self) -> Vec<(&'static str, u64, u64)> {
        self.0.sections().iter().map(|section| (kind(section.kind), section.offset, section.size)).collect()
    }

    #[getter]
    fn pcrs<'py>(&self, py: Python<'py>) -> BTreeMap<u8, Bound<'py, PyBytes>> {
        registers(py, self.0.measurements())
    }

    #[getter]
    fn certificate(&self) -> Option<SigningCertificate> {
        self.0.signature().map(|signature| SigningCertificate(signature.certificate().clone()))
    }

    fn verify_signature(&self, #[pyo3(from_py_with = integer)] now_ms: u64) -> PyResult<()> {
        self.0.verify_signature(UnixTime::from_millis(now_ms)).map(drop).map_err(raised)
    }
}

/// What an image is signed under.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct SigningCertificate(pub(crate) Certificate);

#[pymethods]
impl SigningCertificate {
    #[getter]
    fn subject(&self) -> &str {
        self.0.subject()
    }

    #[getter]
    fn not_before<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        time::to_datetime(py, self.0.not_before())
    }

    #[getter]
    fn not_after<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        time::to_datetime(py, self.0.not_after())
    }

    #[getter]
    fn der<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.der())
    }

    fn __repr__(&self) -> String {
        format!(
            "<SigningCertificate {:?} {} to {}>",
            self.0.subject(),
            self.0.not_before(),
            self.0.not_after()
        )
    }
}

/// One entry of a ramdisk.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct RamdiskEntry {
    name: String,
    kind: &'static str,
    permissions: u16,
    user: u32,
    group: u32,
    /// Of a file.
    size: Option<u32>,
    /// Of a file's content, in hexadecimal digits.
    sha256: Option<String>,
    /// Of a symbolic link.
    target: Option<String>,
    /// Of a device: major and minor.
    device: Option<(u32, u32)>,
}

/// Reads a file's image, once and in pieces.
#[pyfunction]
#[pyo3(signature = (path, progress = None))]
pub(crate) fn read_image(
    py: Python<'_>,
    path: OwnPath,
    progress: Option<Py<PyAny>>,
) -> PyResult<EnclaveImage> {
    let watch = Watch::new(progress);
    let read = py.detach(|| Image::read(watch.reader(File::open(path.0).map_err(cape_eif::Error::Io)?)));
    read.map(EnclaveImage).map_err(|error| {
        watch.raised_or(|| match error {
            cape_eif::Error::Io(error) => system_error(&error),
            error => raised(error),
        })
    })
}

/// What is in the ramdisk that is so many bytes of a file, from an offset on.
#[pyfunction]
#[pyo3(signature = (path, offset, size, progress = None))]
pub(crate) fn read_ramdisk(
    py: Python<'_>,
    path: OwnPath,
    #[pyo3(from_py_with = integer)] offset: u64,
    #[pyo3(from_py_with = integer)] size: u64,
    progress: Option<Py<PyAny>>,
) -> PyResult<Vec<RamdiskEntry>> {
    let watch = Watch::new(progress);
    let read: Result<Vec<_>, _> = py.detach(|| {
        let content = part(&path.0, offset, size).map_err(cape_eif::cpio::Error::Io)?;
        Entries::new(watch.reader(content)).map(|entry| entry.map(RamdiskEntry::from)).collect()
    });
    read.map_err(|error| not_read(watch, error))
}

/// The contents of those files of a ramdisk that have one of these names.
#[pyfunction]
#[pyo3(signature = (path, offset, size, names, progress = None))]
pub(crate) fn read_ramdisk_files<'py>(
    py: Python<'py>,
    path: OwnPath,
    #[pyo3(from_py_with = integer)] offset: u64,
    #[pyo3(from_py_with = integer)] size: u64,
    names: Several<OwnText>,
    progress: Option<Py<PyAny>>,
) -> PyResult<BTreeMap<String, Bound<'py, PyBytes>>> {
    let watch = Watch::new(progress);
    let read = py.detach(|| {
        let names: Vec<&str> = names.0.iter().map(|name| name.0.as_str()).collect();
        let content = part(&path.0, offset, size).map_err(cape_eif::cpio::Error::Io)?;
        Entries::new(watch.reader(content)).contents(&names)
    });
    let files = read.map_err(|error| not_read(watch, error))?;
    Ok(files.into_iter().map(|(name, content)| (name, PyBytes::new(py, &content))).collect())
}

/// The SHA-256 of so many bytes of a file, from an offset on, in hexadecimal digits.
#[pyfunction]
#[pyo3(signature = (path, offset, size, progress = None))]
pub(crate) fn section_sha256(
    py: Python<'_>,
    path: OwnPath,
    #[pyo3(from_py_with = integer)] offset: u64,
    #[pyo3(from_py_with = integer)] size: u64,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let watch = Watch::new(progress);
    let digest = py.detach(|| -> io::Result<_> {
        let mut hash = Hashing(Sha256::new());
        io::copy(&mut watch.reader(part(&path.0, offset, size)?), &mut hash)?;
        Ok(hash.0.finish())
    });
    digest.map(|digest| hex::encode(&digest)).map_err(|error| watch.raised_or(|| system_error(&error)))
}

/// The registers that an image decides.
pub(crate) fn registers<'py>(
    py: Python<'py>,
    measurements: &Measurements,
) -> BTreeMap<u8, Bound<'py, PyBytes>> {
    let Measurements { pcr0, pcr1, pcr2, pcr8 } = measurements;
    [(0, pcr0), (1, pcr1), (2, pcr2), (8, pcr8)].map(|(index, value)| (index, PyBytes::new(py, value))).into()
}

struct Hashing(Sha256);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn part(path: &Path, offset: u64, size: u64) -> io::Result<impl Read> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    Ok(file.take(size))
}

fn not_read(watch: Watch, error: cape_eif::cpio::Error) -> PyErr {
    watch.raised_or(|| match error {
        cape_eif::cpio::Error::Io(error) => system_error(&error),
        error => raised(error),
    })
}

fn kind(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::Kernel => "kernel",
        SectionKind::CommandLine => "command_line",
        SectionKind::Ramdisk => "ramdisk",
        SectionKind::Signature => "signature",
        SectionKind::Metadata => "metadata",
    }
}

impl From<Entry> for RamdiskEntry {
    fn from(entry: Entry) -> Self {
        let Entry { name, permissions, user, group, .. } = entry;
        let mut this = Self {
            name,
            kind: "",
            permissions,
            user,
            group,
            size: None,
            sha256: None,
            target: None,
            device: None,
        };
        this.kind = match entry.kind {
            EntryKind::BlockDevice(device) => {
                this.device = Some((device.major, device.minor));
                "block_device"
            }
            EntryKind::CharacterDevice(device) => {
                this.device = Some((device.major, device.minor));
                "character_device"
            }
            EntryKind::Directory => "directory",
            EntryKind::Fifo => "fifo",
            EntryKind::File { size, sha256 } => {
                this.size = Some(size);
                this.sha256 = Some(hex::encode(&sha256));
                "file"
            }
            EntryKind::Socket => "socket",
            EntryKind::Symlink { target } => {
                this.target = Some(target);
                "symlink"
            }
        };
        this
    }
}
