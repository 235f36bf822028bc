//! A panic is a bug of ours, and the failure of what it happened in. What goes on for as long as the process does takes it
//! as such an answer and goes on: nobody's access stays because something else of ours is wrong.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;

/// Work whose panic is its own failure alone. What it had hold of may be half done: the caller makes it anew or reads it
/// again.
///
/// # Errors
/// What it panicked with, a sentence for the log.
pub async fn sound<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.map_err(|panic| panicked(panic.as_ref()))
}

/// The same, on a thread that may wait.
///
/// # Errors
/// As [`sound`].
pub fn sound_blocking<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| panicked(panic.as_ref()))
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let said = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "it panicked: {}",
        said.unwrap_or_else(|| "without a word".into())
    )
}

#[cfg(test)]
mod tests {
    use super::{sound, sound_blocking};

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let why = sound(async { panic!("a bug of {}", "one") }).await;
        assert_eq!(why, Err::<(), _>("it panicked: a bug of one".into()));
        assert_eq!(sound(async { 7 }).await, Ok(7));
        let why = sound_blocking(|| panic!("a word"));
        assert_eq!(why, Err::<(), _>("it panicked: a word".into()));
        let why = sound_blocking(|| std::panic::panic_any(7));
        assert_eq!(why, Err::<(), _>("it panicked: without a word".into()));
    }
}
