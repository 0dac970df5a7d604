use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::slots::Slots;
use super::{Failure, Load, Spawner, Worker};
use crate::error::StartError;
use crate::jail::{Layer, LayerReport, is_on};
use crate::settings::Settings;

/// How long to wait before the next attempt after a spare worker could not be started.
const RETRY: Duration = Duration::from_secs(1);

/// How many workers are tried for one call that none was started for.
const ATTEMPTS: u32 = 3;

/// The workers of the runtime: the right to have one, and a few that wait for a function.
pub(crate) struct Pool {
    spawner: Arc<Spawner>,
    pub(crate) slots: Slots,
    spares: Mutex<Vec<Worker>>,
    spare_count: usize,
    taken: Notify,
    layers: Vec<LayerReport>,
}

impl Pool {
    /// Starts a first worker, to see that it can be done with the layers that the settings require
    /// and the Python that was measured; it is none of the pool's.
    pub(crate) async fn start(
        spawner: Arc<Spawner>,
        settings: &Settings,
        python: &str,
    ) -> Result<(Arc<Self>, Worker), StartError> {
        let first = Worker::start(&spawner).await.map_err(|failure| StartError::new(failure.to_string()))?;
        if first.python() != python {
            return Err(StartError::new(format!(
                "the interpreter says that it is Python {}, its files say {python}",
                first.python()
            )));
        }
        check_layers(first.layers(), &settings.isolation.required).map_err(StartError::new)?;
        for (layer, reason) in missing_layers(first.layers()) {
            tracing::warn!(layer = layer.name(), reason, "a layer of isolation is off");
        }
        let limits = &settings.limits;
        let pool = Arc::new(Self {
            slots: Slots::new(limits),
            spare_count: usize::try_from(limits.spare_workers).unwrap_or(usize::MAX),
            taken: Notify::new(),
            layers: first.layers().to_vec(),
            spares: Mutex::default(),
            spawner,
        });
        Ok((pool, first))
    }

    /// What the first worker said of its jail.
    pub(crate) fn layers(&self) -> &[LayerReport] {
        &self.layers
    }

    /// How many workers wait for a function.
    pub(crate) fn spare_workers(&self) -> u64 {
        self.spares().len() as u64
    }

    /// A worker that has imported a function. One that ended before any code of the function ran is no
    /// concern of who asks for it: another is tried.
    pub(crate) async fn loaded(&self, load: &Load<'_>) -> Result<Worker, Failure> {
        let mut attempt = 1;
        loop {
            match self.load(load).await {
                Err(failure) if is_tried_again(&failure, attempt) => {
                    tracing::warn!(reason = %failure, attempt, "a worker was not started, another is tried");
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn load(&self, load: &Load<'_>) -> Result<Worker, Failure> {
        let mut worker = self.worker().await?;
        worker.load(load).await?;
        Ok(worker)
    }

    /// A worker without a function: a spare one that nothing has ended meanwhile, or a new one.
    async fn worker(&self) -> Result<Worker, Failure> {
        let spare = self.running_spare();
        self.taken.notify_one();
        match spare {
            Some(worker) => Ok(worker),
            None => self.new_worker().await,
        }
    }

    fn running_spare(&self) -> Option<Worker> {
        let mut spares = self.spares();
        while let Some(worker) = spares.pop() {
            if worker.is_running() {
                return Some(worker);
            }
        }
        None
    }

    /// A worker that is not one of the spares.
    pub(crate) async fn new_worker(&self) -> Result<Worker, Failure> {
        let worker = Worker::start(&self.spawner).await?;
        // The runtime's description says of these that they are on, and those that the settings require
        // are among them.
        let lacking = missing_layers(worker.layers()).find(|(layer, _)| is_on(&self.layers, *layer));
        if let Some((layer, reason)) = lacking {
            return Err(Failure::NotStarted(format!("it lacks the layer {layer}: {reason}")));
        }
        Ok(worker)
    }

    /// Keeps spare workers ready, for ever.
    pub(crate) async fn keep_spares(self: Arc<Self>) {
        loop {
            while self.spares().len() < self.spare_count {
                match self.new_worker().await {
                    Ok(worker) => self.spares().push(worker),
                    Err(failure) => {
                        tracing::error!(reason = %failure, "a spare worker was not started");
                        tokio::time::sleep(RETRY).await;
                    }
                }
            }
            self.taken.notified().await;
        }
    }

    fn spares(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether another worker is tried: the function had no part in the failure.
fn is_tried_again(failure: &Failure, attempt: u32) -> bool {
    matches!(failure, Failure::NotStarted(_)) && attempt < ATTEMPTS
}

/// The layers that are off, each with the reason.
fn missing_layers(reports: &[LayerReport]) -> impl Iterator<Item = (Layer, &str)> {
    Layer::ALL.into_iter().filter_map(|layer| match reports.iter().find(|report| report.layer == layer) {
        Some(report) => Some((layer, report.missing.as_deref()?)),
        None => Some((layer, "the worker did not report it")),
    })
}

/// An error that says which layer is off and must not be.
fn check_layers(reports: &[LayerReport], required: &BTreeSet<Layer>) -> Result<(), String> {
    match missing_layers(reports).find(|(layer, _)| required.contains(layer)) {
        Some((layer, reason)) => Err(format!("the settings require the layer {layer}: {reason}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_does_not_start_is_tried_again_but_not_for_ever() {
        let not_started = Failure::NotStarted("early eof".into());
        assert_eq!(
            [1, 2, 3, 4].map(|attempt| is_tried_again(&not_started, attempt)),
            [true, true, false, false]
        );
        let of_function = Failure::OutOfMemory { limit_mib: 1 };
        assert!(!is_tried_again(&of_function, 1));
    }

    #[test]
    fn a_required_layer_that_is_missing_is_an_error() {
        let mut reports: Vec<_> =
            Layer::ALL.into_iter().map(|layer| LayerReport { layer, missing: None }).collect();
        let required = BTreeSet::from([Layer::NoNewPrivileges]);
        check_layers(&reports, &required).unwrap();
        for report in &mut reports {
            report.missing = Some("not here".into());
        }
        check_layers(&reports, &BTreeSet::new()).unwrap();
        let error = check_layers(&reports, &required).unwrap_err();
        assert_eq!(error, "the settings require the layer no_new_privileges: not here");
        assert!(check_layers(&[], &required).is_err());
    }
}
