use tokio::task::JoinHandle;

/// A task that ends with its owner.
pub(crate) struct OnDrop<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for OnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
