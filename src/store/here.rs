//! Waiting on the caller's own thread. For a simulation in one thread: whoever asks the store holds the thread until it
//! is answered, so that nothing comes in between and the same seed tells the same story.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};
use std::thread::Thread;

/// Whether that is wanted.
#[derive(Debug, Default)]
pub(super) struct Here(AtomicBool);

impl Here {
    pub(super) fn stay(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn stays(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) async fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        if self.stays() {
            held(answer)
        } else {
            answer.await
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn held<T>(answer: impl Future<Output = T>) -> T {
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    // Else the runtime would say "not now" after a while, and nobody else would be asked.
    let mut answer = pin!(tokio::task::unconstrained(answer));
    loop {
        match answer.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::Here;

    #[tokio::test]
    async fn nothing_comes_in_between() {
        let here = Here::default();
        here.stay();
        let (asked, answer) = oneshot::channel();
        let other = tokio::spawn(async { "another task" });
        let thread = std::thread::spawn(move || asked.send("the answer"));
        assert_eq!(here.wait(answer).await, Ok("the answer"));
        assert!(!other.is_finished());
        assert_eq!(thread.join().expect("it answered"), Ok(()));
        assert_eq!(other.await.expect("it runs after"), "another task");
    }
}
