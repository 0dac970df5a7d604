use cape_core::session;
use pyo3::prelude::*;

/// What a runtime says about itself; its attestation document vouches for it.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct RuntimeDescription {
    version: String,
    mode: &'static str,
    python: String,
    platform: String,
    isolation: Vec<Py<IsolationLayer>>,
    vault_backends: Vec<String>,
    limits: Py<RuntimeLimits>,
}

/// What a runtime allows.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct RuntimeLimits {
    calls: u64,
    run_bytes: u64,
    deploy_bytes: u64,
    handshakes: u64,
}

/// One layer around a function's process.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct IsolationLayer {
    name: String,
    required: bool,
    off_because: Option<String>,
}

impl RuntimeDescription {
    pub(crate) fn new(py: Python<'_>, runtime: session::RuntimeDescription) -> PyResult<Py<Self>> {
        let isolation = runtime
            .isolation
            .into_iter()
            .map(|session::IsolationLayer { name, required, off_because }| {
                Py::new(py, IsolationLayer { name, required, off_because })
            })
            .collect::<PyResult<_>>()?;
        let session::RuntimeLimits { calls, run_bytes, deploy_bytes, handshakes } = runtime.limits;
        let limits = Py::new(py, RuntimeLimits { calls, run_bytes, deploy_bytes, handshakes })?;
        Py::new(
            py,
            Self {
                version: runtime.version,
                mode: runtime.mode.name(),
                python: runtime.python,
                platform: runtime.platform,
                isolation,
                vault_backends: runtime.vault_backends,
                limits,
            },
        )
    }
}

#[pymethods]
impl RuntimeDescription {
    fn __repr__(&self) -> String {
        let Self { version, mode, python, platform, .. } = self;
        format!("<RuntimeDescription {version} {mode} python={python} {platform}>")
    }
}

#[pymethods]
impl RuntimeLimits {
    fn __repr__(&self) -> String {
        let Self { calls, run_bytes, deploy_bytes, handshakes } = self;
        format!(
            "<RuntimeLimits calls={calls} run_bytes={run_bytes} deploy_bytes={deploy_bytes} handshakes={handshakes}>"
        )
    }
}

#[pymethods]
impl IsolationLayer {
    fn __repr__(&self) -> String {
        let state = self.off_because.as_ref().map_or_else(|| "on".to_owned(), |why| format!("off: {why}"));
        format!("<IsolationLayer {} {state}>", self.name)
    }
}
