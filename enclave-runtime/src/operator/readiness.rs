use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::runtime::Runtime;

/// How long an answer counts. Checks ask the security module and the store, and whoever asks often
/// shall not keep these from those who have calls.
const VALIDITY: Duration = Duration::from_secs(1);

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(5);

const OK: &str = "ok";

/// Whether the runtime can take calls, asked at most once a second.
#[derive(Default)]
pub(super) struct Readiness {
    last: Mutex<Option<(Instant, Arc<Report>)>>,
}

/// What each check said: `ok`, or what is wrong.
pub(super) struct Report(BTreeMap<&'static str, String>);

impl Readiness {
    /// The last report, or a new one. Those who ask meanwhile wait for it.
    pub(super) async fn report(&self, runtime: &Runtime) -> Arc<Report> {
        let mut last = self.last.lock().await;
        if let Some((made, report)) = &*last
            && made.elapsed() < VALIDITY
        {
            return Arc::clone(report);
        }
        let report = Arc::new(Report::new(runtime).await);
        *last = Some((Instant::now(), Arc::clone(&report)));
        report
    }
}

impl Report {
    async fn new(runtime: &Runtime) -> Self {
        let (blobs, security_module, workers) = tokio::join!(
            check(async { runtime.functions.store().check().await.map_err(|error| error.to_string()) }),
            check(async {
                runtime.attester.first_digest().await.map(drop).map_err(|error| error.to_string())
            }),
            check(workers(runtime)),
        );
        // After the security module has told the time.
        let clock = match runtime.clock.trusted_now() {
            Ok(_) => OK.to_owned(),
            Err(fault) => fault.to_string(),
        };
        let serving = if runtime.stop.is_stopping() { "the runtime is being stopped" } else { OK };
        Self(BTreeMap::from([
            ("blobs", blobs),
            ("clock", clock),
            ("security_module", security_module),
            ("serving", serving.to_owned()),
            ("workers", workers),
        ]))
    }

    pub(super) fn is_ready(&self) -> bool {
        self.0.values().all(|outcome| outcome == OK)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"status": if self.is_ready() { OK } else { "not ready" }, "checks": self.0})
    }
}

async fn check(done: impl Future<Output = Result<(), String>>) -> String {
    match timeout(PATIENCE, done).await {
        Ok(Ok(())) => OK.to_owned(),
        Ok(Err(reason)) => reason,
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    }
}

/// Whether calls that need a worker get one.
async fn workers(runtime: &Runtime) -> Result<(), String> {
    if runtime.pool.slots.refused_lately() {
        return Err("as many functions run as may, and calls were refused".to_owned());
    }
    if runtime.pool.spare_workers() > 0 {
        return Ok(());
    }
    runtime.pool.new_worker().await.map(drop).map_err(|failure| failure.to_string())
}
