use std::sync::Mutex;

use cape_eif::cpio::{Content, Device, Tree};
use pyo3::prelude::*;

use crate::buffer::Bytes;
use crate::error::raised;
use crate::integer::integer;
use crate::text::{OwnPath, OwnText};
use crate::threads::lock;

/// What a ramdisk will hold.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct ImageTree(pub(crate) Mutex<Tree>);

#[pymethods]
impl ImageTree {
    #[new]
    fn new() -> Self {
        Self(Mutex::new(Tree::new()))
    }

    fn directory(&self, name: OwnText, #[pyo3(from_py_with = integer)] permissions: u16) -> PyResult<()> {
        lock(&self.0).directory(&name.0, permissions).map_err(raised)
    }

    fn file(
        &self,
        name: OwnText,
        #[pyo3(from_py_with = integer)] permissions: u16,
        content: Bytes,
    ) -> PyResult<()> {
        let content = Content::Bytes(content.to_vec()?);
        lock(&self.0).file(&name.0, permissions, content).map_err(raised)
    }

    fn file_from(
        &self,
        name: OwnText,
        #[pyo3(from_py_with = integer)] permissions: u16,
        path: OwnPath,
    ) -> PyResult<()> {
        lock(&self.0).file(&name.0, permissions, Content::File(path.0)).map_err(raised)
    }

    fn part_of(
        &self,
        name: OwnText,
        #[pyo3(from_py_with = integer)] permissions: u16,
        path: OwnPath,
        #[pyo3(from_py_with = integer)] offset: u64,
        #[pyo3(from_py_with = integer)] size: u64,
    ) -> PyResult<()> {
        let content = Content::Part { path: path.0, offset, size };
        lock(&self.0).file(&name.0, permissions, content).map_err(raised)
    }

    fn symlink(&self, name: OwnText, target: OwnText) -> PyResult<()> {
        lock(&self.0).symlink(&name.0, &target.0).map_err(raised)
    }

    fn character_device(
        &self,
        name: OwnText,
        #[pyo3(from_py_with = integer)] permissions: u16,
        #[pyo3(from_py_with = integer)] major: u32,
        #[pyo3(from_py_with = integer)] minor: u32,
    ) -> PyResult<()> {
        let device = Device { major, minor };
        lock(&self.0).character_device(&name.0, permissions, device).map_err(raised)
    }

    fn give_to(
        &self,
        name: OwnText,
        #[pyo3(from_py_with = integer)] user: u32,
        #[pyo3(from_py_with = integer)] group: u32,
    ) -> PyResult<()> {
        lock(&self.0).give_to(&name.0, user, group).map_err(raised)
    }
}
