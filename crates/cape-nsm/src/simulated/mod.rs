//! The simulated module.

mod document;
mod registers;
mod signer;

use std::fmt;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use aws_lc_rs::rand;
use serde_bytes::ByteBuf;

use crate::messages::{Description, Digest, REGISTERS, REQUEST_MAX, Request, Response};
use crate::{Error, Measurements, Nsm, Pki, PkiError};

use document::Payload;
use registers::Registers;
use signer::Signer;

/// How many bytes the real module gives at a time.
const RANDOM_LENGTH: usize = 256;

/// What AWS states as the largest `user_data` and `nonce`, in bytes.
const USER_DATA_MAX: usize = 512;

/// What AWS states as the largest `public_key`, in bytes.
const PUBLIC_KEY_MAX: usize = 1024;

/// A module for a process that runs without an enclave.
///
/// It starts as the real one does when an enclave boots: PCR0, PCR1 and PCR2 hold the
/// measurements, PCR4 the instance, and the registers 0 to 15 are locked. Its documents verify
/// under the development root of its [`Pki`] and no other.
pub struct SimulatedNsm {
    state: Mutex<State>,
    clock: Box<dyn Fn() -> u64 + Send + Sync>,
    delay: Duration,
}

struct State {
    registers: Registers,
    signer: Signer,
}

impl SimulatedNsm {
    /// Boots a module. `clock` tells the milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// Those of issuing the enclave's certificate: [`PkiError::RootNotValid`], [`PkiError::Io`].
    pub fn start(
        pki: Pki,
        measurements: &Measurements,
        clock: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Result<Self, PkiError> {
        let registers = Registers::at_boot(measurements, &pki.instance_id());
        let signer = Signer::start(pki, clock())?;
        Ok(Self {
            state: Mutex::new(State { registers, signer }),
            clock: Box::new(clock),
            delay: Duration::ZERO,
        })
    }

    /// The same module, which takes so much longer for each request, as real ones do.
    #[must_use]
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

impl fmt::Debug for SimulatedNsm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SimulatedNsm").finish_non_exhaustive()
    }
}

impl Nsm for SimulatedNsm {
    /// One call at a time, as the kernel's driver does: the lock is held from the request to its
    /// response.
    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, Error> {
        if request.len() > REQUEST_MAX {
            return Err(Error::InputTooLarge);
        }
        let mut state = self.state.lock().map_err(|_| Error::InternalError)?;
        if !self.delay.is_zero() {
            thread::sleep(self.delay);
        }
        let response = serde_cbor::from_slice(request)
            .map_err(|_| Error::InvalidOperation)
            .and_then(|request| state.answer(request, (self.clock)()))
            .unwrap_or_else(Response::Error);
        serde_cbor::to_vec(&response).map_err(|_| Error::InternalError)
    }
}

impl State {
    fn answer(&mut self, request: Request, now: u64) -> Result<Response, Error> {
        Ok(match request {
            Request::DescribeNsm => Response::DescribeNsm(self.describe()),
            Request::DescribePcr { index } => Response::DescribePcr(self.registers.read(index)?),
            Request::ExtendPcr { index, data } => {
                Response::ExtendPcr { data: self.registers.extend(index, &data)? }
            }
            Request::LockPcr { index } => {
                self.registers.lock(index)?;
                Response::LockPcr
            }
            Request::LockPcrs { range } => {
                self.registers.lock_below(range)?;
                Response::LockPcrs
            }
            Request::Attestation { user_data, nonce, public_key } => {
                Response::Attestation { document: self.attest(user_data, nonce, public_key, now)? }
            }
            Request::GetRandom => {
                let mut random = vec![0; RANDOM_LENGTH];
                rand::fill(&mut random).map_err(|_| Error::InternalError)?;
                Response::GetRandom { random: random.into() }
            }
        })
    }

    fn describe(&self) -> Description {
        Description {
            version_major: 1,
            version_minor: 0,
            version_patch: 0,
            module_id: self.signer.module_id().to_owned(),
            max_pcrs: REGISTERS,
            locked_pcrs: self.registers.locked().map(|(index, _)| index).collect(),
            digest: Digest::Sha384,
        }
    }

    fn attest(
        &mut self,
        user_data: Option<ByteBuf>,
        nonce: Option<ByteBuf>,
        public_key: Option<ByteBuf>,
        now: u64,
    ) -> Result<Vec<u8>, Error> {
        for (field, most) in
            [(&user_data, USER_DATA_MAX), (&nonce, USER_DATA_MAX), (&public_key, PUBLIC_KEY_MAX)]
        {
            if field.as_ref().is_some_and(|field| field.len() > most) {
                return Err(Error::InputTooLarge);
            }
        }
        let identity = self.signer.at(now).map_err(|_| Error::InternalError)?;
        let payload = Payload {
            module_id: &identity.module_id,
            timestamp: now,
            pcrs: self.registers.locked().collect(),
            certificate: &identity.certificate,
            cabundle: &identity.cabundle,
            public_key,
            user_data,
            nonce,
        };
        document::sign(&payload, &identity.key)
    }
}
