use std::io::{self, Read, Write};
use std::sync::Mutex;

use pyo3::prelude::*;

use crate::error::system_error;
use crate::threads::lock;

/// How many bytes pass between two looks at what Python wants.
const EVERY: u64 = 4 << 20;

/// Tells Python how many bytes have passed of long work without the interpreter's lock, and lets Ctrl-C
/// and whatever `progress` raises end it.
pub(crate) struct Watch {
    progress: Option<Py<PyAny>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    passed: u64,
    told: u64,
    raised: Option<PyErr>,
}

impl Watch {
    pub(crate) fn new(progress: Option<Py<PyAny>>) -> Self {
        Self { progress, state: Mutex::default() }
    }

    /// A reader whose bytes count.
    pub(crate) fn reader<R: Read>(&self, inner: R) -> Watched<'_, R> {
        Watched { watch: self, inner }
    }

    /// A writer whose bytes count.
    pub(crate) fn writer<W: Write>(&self, inner: W) -> Watched<'_, W> {
        Watched { watch: self, inner }
    }

    /// What Python raised meanwhile, or the system said of writing, which goes before what came of it;
    /// else `otherwise`.
    pub(crate) fn raised_or(self, otherwise: impl FnOnce() -> PyErr) -> PyErr {
        let raised = lock(&self.state).raised.take();
        raised.unwrap_or_else(otherwise)
    }

    fn not_written(&self, error: &io::Error) {
        if error.raw_os_error().is_some() {
            lock(&self.state).raised = Some(system_error(error));
        }
    }

    fn pass(&self, bytes: usize) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.passed += u64::try_from(bytes).unwrap_or(u64::MAX);
        if state.passed - state.told < EVERY {
            return Ok(());
        }
        state.told = state.passed;
        let told = Python::attach(|py| {
            py.check_signals()?;
            self.progress.as_ref().map(|progress| progress.call1(py, (state.told,))).transpose()
        });
        told.map(drop).map_err(|error| {
            state.raised = Some(error);
            io::Error::other("ended by Python")
        })
    }
}

/// Bytes that are watched as they pass.
pub(crate) struct Watched<'a, T> {
    watch: &'a Watch,
    inner: T,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.watch.pass(read)?;
        Ok(read)
    }
}

impl<W: Write> Write for Watched<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes).inspect_err(|error| self.watch.not_written(error))?;
        self.watch.pass(written)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
