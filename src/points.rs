//! Fail points: the places where a test makes a commit or an outbound call die, fail or take long, by the variable
//! `FAILPOINTS` (`store::commit::before=2*off->1*return(abort)`; see the crate `fail`). In a build without the feature
//! `failpoints` passing one is nothing at all.
//!
//! Each place has a point before and one after. No rule may enter, nor may any code behave differently because of it.

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!("fail points are for tests: a release build can't have them");

/// Around every commit of the store, on either database; migrations aside.
pub const COMMIT: Place = Place {
    before: "store::commit::before",
    after: "store::commit::after",
};
/// Around every call of a webhook.
pub const WEBHOOK: Place = Place {
    before: "backend::webhook::before",
    after: "backend::webhook::after",
};
/// Around every call of a `PostgreSQL` whose roles are handed out.
pub const POSTGRES: Place = Place {
    before: "backend::postgres::before",
    after: "backend::postgres::after",
};
/// Around every call of Slack's Web API and of response URLs.
pub const SLACK: Place = Place {
    before: "slack::call::before",
    after: "slack::call::after",
};
/// Around every line that is written to the anchor.
pub const ANCHOR: Place = Place {
    before: "audit::anchor::before",
    after: "audit::anchor::after",
};
/// Around every object that is put into the write-once bucket.
pub const SINK: Place = Place {
    before: "audit::sink::before",
    after: "audit::sink::after",
};
/// Around every call of the heartbeat.
pub const HEARTBEAT: Place = Place {
    before: "heartbeat::call::before",
    after: "heartbeat::call::after",
};

/// A place with its two points.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    before: &'static str,
    after: &'static str,
}

/// A point was told to fail.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the fail point {0} was told to fail")]
pub struct Failed(&'static str);

impl Place {
    /// Right before the commit or the call: where it fails, nothing was done.
    ///
    /// # Errors
    /// Only in a test that asks for it.
    pub async fn before(self) -> Result<(), Failed> {
        pass(self.before).await
    }

    /// Right after the commit or the call: where it fails, all was done and nobody heard of it.
    ///
    /// # Errors
    /// Only in a test that asks for it.
    pub async fn after(self) -> Result<(), Failed> {
        pass(self.after).await
    }

    /// As [`Place::before`], on a thread that may wait.
    ///
    /// # Errors
    /// Only in a test that asks for it.
    pub fn before_blocking(self) -> Result<(), Failed> {
        pass_blocking(self.before)
    }

    /// As [`Place::after`], on a thread that may wait.
    ///
    /// # Errors
    /// Only in a test that asks for it.
    pub fn after_blocking(self) -> Result<(), Failed> {
        pass_blocking(self.after)
    }
}

#[cfg(not(feature = "failpoints"))]
async fn pass(point: &'static str) -> Result<(), Failed> {
    std::future::ready(Ok::<_, Failed>(point)).await.map(drop)
}

#[cfg(not(feature = "failpoints"))]
fn pass_blocking(point: &'static str) -> Result<(), Failed> {
    Ok::<_, Failed>(point).map(drop)
}

#[cfg(feature = "failpoints")]
async fn pass(point: &'static str) -> Result<(), Failed> {
    if let Some(delay) = fired(point)? {
        tokio::time::sleep(delay).await;
    }
    Ok(())
}

#[cfg(feature = "failpoints")]
fn pass_blocking(point: &'static str) -> Result<(), Failed> {
    if let Some(delay) = fired(point)? {
        std::thread::sleep(delay);
    }
    Ok(())
}

/// `abort` ends the process there and then; `panic` is a bug right here; `error` fails; a number is a delay in
/// milliseconds.
#[cfg(feature = "failpoints")]
fn fired(point: &'static str) -> Result<Option<std::time::Duration>, Failed> {
    tracing::trace!(point, "passed");
    let Some(told) = told(point) else {
        return Ok(None);
    };
    tracing::warn!(point, told, "a fail point fired");
    match (told.as_str(), told.parse()) {
        ("abort", _) => std::process::abort(),
        ("panic", _) => panic!("the fail point {point} was told to panic"),
        (_, Ok(delay)) => Ok(Some(std::time::Duration::from_millis(delay))),
        (_, Err(_)) => Err(Failed(point)),
    }
}

#[cfg(feature = "failpoints")]
fn told(point: &'static str) -> Option<String> {
    fail::fail_point!(point, |told| told);
    None
}
