use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use cape_core::ErrorCode;
use cape_core::session::{BULK_FRAME, CallId, End};
use futures_util::future::{AbortHandle, Aborted, BoxFuture, abortable};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::parts::{Parts, PartsSender, parts};
use crate::operations::{CallError, RunRecord};
use crate::worker::Failure;

/// Replies of calls that wait for the connection.
const REPLY_QUEUE: usize = 16;

/// What a call has its connection send.
pub(crate) enum Reply {
    /// So many bytes of its input were used up.
    Consumed(usize),
    /// Output, at most [`BULK_FRAME`] bytes, within the credit.
    Data(Vec<u8>),
    /// What the function printed, for a caller who asked for that.
    Log(Vec<u8>),
    /// The regular end.
    End(Box<End>),
    /// The end in failure.
    Error(CallError),
}

/// The input of a call, as it comes.
pub(crate) struct Input {
    call: CallId,
    /// Bytes. Not bounded here, but by the credit of the call.
    parts: Parts,
    replies: mpsc::Sender<(CallId, Reply)>,
    /// How long the next bytes may take.
    patience: Duration,
}

impl Input {
    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, CallError> {
        let Ok(part) = timeout(self.patience, self.parts.next()).await else {
            let message = format!("the input did not go on for {} s", self.patience.as_secs());
            return Err(CallError::new(ErrorCode::TimeoutExpired, message));
        };
        if let Some(part) = &part {
            // When the connection is gone, so is this call.
            let _ = self.replies.send((self.call, Reply::Consumed(part.len()))).await;
        }
        Ok(part)
    }
}

/// Where a call sends its output.
pub(crate) struct OutputSender {
    call: CallId,
    credit: Arc<Semaphore>,
    replies: mpsc::Sender<(CallId, Reply)>,
}

impl OutputSender {
    /// Sends bytes, in frames, as the caller grants credit.
    pub(crate) async fn send(&self, bytes: Vec<u8>) -> Result<(), Failure> {
        let mut sent = 0;
        while sent < bytes.len() {
            let size = self.take_credit(bytes.len() - sent).await?;
            let part = bytes[sent..sent + size].to_vec();
            self.replies.send((self.call, Reply::Data(part))).await.map_err(|_| Failure::Abandoned)?;
            sent += size;
        }
        Ok(())
    }

    /// Sends what the function printed, for which no credit is needed.
    pub(crate) async fn log(&self, text: Vec<u8>) -> Result<(), Failure> {
        self.replies.send((self.call, Reply::Log(text))).await.map_err(|_| Failure::Abandoned)
    }

    /// Waits for credit and takes what there is, for at most `wanted` bytes and one frame. Less than
    /// that may be all that the caller grants before it has some of it.
    async fn take_credit(&self, wanted: usize) -> Result<usize, Failure> {
        self.credit.acquire().await.map_err(|_| Failure::Abandoned)?.forget();
        let more = self.credit.forget_permits(wanted.min(BULK_FRAME) - 1);
        Ok(1 + more)
    }
}

/// The calls of a connection that are not over.
pub(super) struct Calls {
    open: HashMap<CallId, OpenCall>,
    running: FuturesUnordered<BoxFuture<'static, Option<(CallId, Reply)>>>,
    /// Those that are through, with their last reply.
    ended: VecDeque<(CallId, Reply)>,
    replies: mpsc::Receiver<(CallId, Reply)>,
    reply_to: mpsc::Sender<(CallId, Reply)>,
    patience: Duration,
}

struct OpenCall {
    input: Option<PartsSender>,
    credit: Arc<Semaphore>,
    /// Bytes of credit that were handed to `credit` so far.
    granted: u64,
    /// Bytes of output that were sent.
    sent: u64,
    stop: Option<AbortHandle>,
    record: RunRecord,
}

impl Calls {
    /// None yet. They will wait for their input as long as `patience`.
    pub(super) fn new(patience: Duration) -> Self {
        let (reply_to, replies) = mpsc::channel(REPLY_QUEUE);
        Self {
            open: HashMap::new(),
            running: FuturesUnordered::new(),
            ended: VecDeque::new(),
            replies,
            reply_to,
            patience,
        }
    }

    /// A new call, that may send `credit` bytes of output; `whole` is its input when that was in
    /// OPEN.
    pub(super) fn open(
        &mut self,
        call: CallId,
        credit: u64,
        whole: Option<Vec<u8>>,
    ) -> (Input, OutputSender) {
        let (sender, parts) = parts();
        let semaphore = Arc::new(Semaphore::new(usize::try_from(credit).unwrap_or(Semaphore::MAX_PERMITS)));
        let input = match whole {
            Some(whole) => {
                if !whole.is_empty() {
                    sender.send(whole);
                }
                None
            }
            None => Some(sender),
        };
        let credit_of_output = Arc::clone(&semaphore);
        self.open.insert(
            call,
            OpenCall {
                input,
                credit: semaphore,
                granted: credit,
                sent: 0,
                stop: None,
                record: RunRecord::default(),
            },
        );
        (
            Input { call, parts, replies: self.reply_to.clone(), patience: self.patience },
            OutputSender { call, credit: credit_of_output, replies: self.reply_to.clone() },
        )
    }

    /// Begins to run a call, which keeps `record`.
    pub(super) fn start(
        &mut self,
        call: CallId,
        record: RunRecord,
        operation: impl Future<Output = Result<End, CallError>> + Send + 'static,
    ) {
        let (operation, stop) = abortable(operation);
        if let Some(open) = self.open.get_mut(&call) {
            open.stop = Some(stop);
            open.record = record;
        }
        let reply = async move {
            match operation.await {
                Ok(Ok(end)) => Some((call, Reply::End(Box::new(end)))),
                Ok(Err(error)) => Some((call, Reply::Error(error))),
                Err(Aborted) => None,
            }
        };
        self.running.push(reply.boxed());
    }

    /// Lets the calls run, and returns what one of them says; without `room` for more, only ends.
    ///
    /// What a call sent comes before its end, on another way.
    pub(super) fn poll_reply(&mut self, room: bool, context: &mut Context<'_>) -> Poll<(CallId, Reply)> {
        loop {
            if room && let Poll::Ready(Some(reply)) = self.replies.poll_recv(context) {
                return Poll::Ready(reply);
            }
            match self.running.poll_next_unpin(context) {
                Poll::Ready(Some(Some(end))) => self.ended.push_back(end),
                Poll::Ready(Some(None)) => {}
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        if room && let Poll::Ready(Some(reply)) = self.replies.poll_recv(context) {
            return Poll::Ready(reply);
        }
        match self.ended.pop_front_if(|_| self.replies.is_empty()) {
            Some(end) => Poll::Ready(end),
            None => Poll::Pending,
        }
    }

    pub(super) fn is_open(&self, call: CallId) -> bool {
        self.open.contains_key(&call)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Those that are not over.
    pub(super) fn open_calls(&self) -> Vec<CallId> {
        self.open.keys().copied().collect()
    }

    /// Passes input on to its call.
    pub(super) fn input(&mut self, call: CallId, bytes: &[u8]) {
        if let Some(OpenCall { input: Some(input), .. }) = self.open.get(&call) {
            input.send(bytes);
        }
    }

    /// Ends a call's input.
    pub(super) fn end_input(&mut self, call: CallId) {
        if let Some(open) = self.open.get_mut(&call) {
            open.input = None;
        }
    }

    /// Takes note that `available` bytes of output may be sent now.
    pub(super) fn grant(&mut self, call: CallId, available: u64) {
        let Some(open) = self.open.get_mut(&call) else { return };
        let granted = open.sent.saturating_add(available);
        let more = usize::try_from(granted.saturating_sub(open.granted)).unwrap_or(usize::MAX);
        let room = Semaphore::MAX_PERMITS - open.credit.available_permits();
        open.credit.add_permits(more.min(room));
        open.granted = open.granted.max(granted);
    }

    /// Takes note of output that was sent.
    pub(super) fn sent(&mut self, call: CallId, bytes: usize) {
        if let Some(open) = self.open.get_mut(&call) {
            open.sent = open.sent.saturating_add(bytes as u64);
        }
    }

    /// Forgets a call that has ended.
    pub(super) fn ended(&mut self, call: CallId) {
        if let Some(mut open) = self.open.remove(&call) {
            open.stop = None;
        }
    }

    /// Stops a call, unless it is over or its end is on its way; the record of what it stopped.
    pub(super) fn stop(&mut self, call: CallId) -> Option<RunRecord> {
        if self.open.get(&call)?.record.is_signed() {
            return None;
        }
        self.open.remove(&call).map(|open| open.record.clone())
    }
}

/// A call that is forgotten before it has ended is stopped, and what it runs with it.
impl Drop for OpenCall {
    fn drop(&mut self) {
        if let Some(stop) = &self.stop {
            stop.abort();
        }
    }
}
