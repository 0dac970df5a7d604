use super::call::CallId;
use super::content::{decode_close, encode_close};
use super::frame::{Header, Opener, Sealer};
use super::keys::{DirectionKeys, SessionKeys};
use super::{FrameType, SendError, Suite, Violation};

/// The sealed connection below the calls: the same for both roles. It ends, and its keys with it, at
/// the first violation.
pub(super) struct Channel {
    ciphers: Option<Ciphers>,
    close_sent: bool,
    close_received: bool,
}

struct Ciphers {
    sealer: Sealer,
    opener: Opener,
}

impl Channel {
    pub(super) fn of_client(suite: Suite, keys: &SessionKeys) -> Self {
        Self::new(suite, &keys.client_to_enclave, &keys.enclave_to_client)
    }

    pub(super) fn of_enclave(suite: Suite, keys: &SessionKeys) -> Self {
        Self::new(suite, &keys.enclave_to_client, &keys.client_to_enclave)
    }

    fn new(suite: Suite, out: &DirectionKeys, back: &DirectionKeys) -> Self {
        let ciphers = Ciphers { sealer: Sealer::new(suite, out), opener: Opener::new(suite, back) };
        Self { ciphers: Some(ciphers), close_sent: false, close_received: false }
    }

    /// Ends the session and forgets its keys.
    pub(super) fn end(&mut self) {
        self.ciphers = None;
    }

    /// Checks that neither side has said that there will be no new calls.
    pub(super) fn check_takes_calls(&self) -> Result<(), SendError> {
        match self.ciphers {
            None => Err(SendError::SessionOver),
            Some(_) if self.close_sent || self.close_received => Err(SendError::Closing),
            Some(_) => Ok(()),
        }
    }

    pub(super) fn close_was_sent(&self) -> bool {
        self.close_sent
    }

    pub(super) fn close_was_received(&self) -> bool {
        self.close_received
    }

    /// A frame of a call.
    pub(super) fn seal(
        &mut self,
        frame: FrameType,
        call: CallId,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, SendError> {
        self.seal_behind(Vec::new(), Header { frame, call: call.get() }, plaintext)
    }

    /// A frame behind what `message` holds already.
    pub(super) fn seal_behind(
        &mut self,
        message: Vec<u8>,
        header: Header,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, SendError> {
        self.sealer()?.seal_behind(message, header, plaintext)
    }

    /// A frame of a call, written into `message`.
    pub(super) fn seal_into(
        &mut self,
        frame: FrameType,
        call: CallId,
        plaintext: &[u8],
        message: &mut [u8],
    ) -> Result<(), SendError> {
        self.sealer()?.seal_into(Header { frame, call: call.get() }, plaintext, message)
    }

    fn sealer(&mut self) -> Result<&mut Sealer, SendError> {
        self.ciphers.as_mut().map(|ciphers| &mut ciphers.sealer).ok_or(SendError::SessionOver)
    }

    /// CLOSE, behind what `message` holds already.
    pub(super) fn close(&mut self, message: Vec<u8>, code: u16) -> Result<Vec<u8>, SendError> {
        if self.close_sent && self.ciphers.is_some() {
            return Err(SendError::Closing);
        }
        let header = Header { frame: FrameType::Close, call: 0 };
        let message = self.seal_behind(message, header, &encode_close(code))?;
        self.close_sent = true;
        Ok(message)
    }

    /// Opens a message where it lies.
    pub(super) fn open<'m>(&mut self, message: &'m mut [u8]) -> Result<(Header, &'m [u8]), Violation> {
        self.ciphers.as_mut().ok_or(Violation::SessionOver)?.opener.open(message)
    }

    /// Takes the other side's CLOSE: its code.
    pub(super) fn close_received(&mut self, header: Header, content: &[u8]) -> Result<u16, Violation> {
        if header.call != 0 {
            return Err(Violation::WrongCall { frame: header.frame, call: header.call });
        }
        if self.close_received {
            return Err(Violation::CloseRepeated);
        }
        self.close_received = true;
        decode_close(content).map_err(|error| Violation::Content { frame: header.frame, error })
    }
}

impl Header {
    /// The call that the frame belongs to; the connection itself has few frames, and not these.
    pub(super) fn call_id(self) -> Result<CallId, Violation> {
        CallId::new(self.call).ok_or(Violation::WrongCall { frame: self.frame, call: self.call })
    }
}

/// The content of CREDIT: four bytes.
pub(super) fn decode_credit(content: &[u8]) -> Result<u32, Violation> {
    let bytes = content.try_into().map_err(|_| Violation::CreditMalformed { size: content.len() })?;
    Ok(u32::from_be_bytes(bytes))
}
