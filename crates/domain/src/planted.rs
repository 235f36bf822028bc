//! The faults that systems of this kind have had, each as a switch that plants it, to see that a test finds it.
//! Compiled only with the feature `planted-bugs`, which no release build can have; without it every switch is off and gone.

/// One of the faults of the trust document, by its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 7: an older grant's end removes a newer one's access.
    OlderEndTakesNewer = 7,
}

/// Whether `HALLPASS_PLANTED_BUG` names this fault.
#[cfg(feature = "planted-bugs")]
pub fn planted(fault: Fault) -> bool {
    static CHOSEN: std::sync::LazyLock<Option<u8>> = std::sync::LazyLock::new(|| {
        let named = std::env::var("HALLPASS_PLANTED_BUG").ok()?;
        named.parse().ok()
    });
    *CHOSEN == Some(fault as u8)
}

#[cfg(not(feature = "planted-bugs"))]
#[inline]
pub const fn planted(_fault: Fault) -> bool {
    false
}

#[cfg(all(feature = "planted-bugs", not(debug_assertions)))]
compile_error!("planted bugs are for tests: a release build can't have them");
