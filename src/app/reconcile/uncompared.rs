//! A backend that can't be compared with the whole record for long, whatever keeps it: what differs there isn't found.
//! Security is told, once, and when it is compared again. And how far a scan has come, with what it left out.

use chrono::TimeDelta;
use hallpass_domain::{Announcement, BackendName, Change, Time};

use crate::app::App;
use crate::store::StoreError;

/// Told where so many scans should have been.
const TOLD_AFTER: i32 = 6;
/// Follows the moment, once it was told.
const TOLD: &str = " told";
/// Ends what was left out; what follows is the place, in which anything may stand.
const END: char = '|';
const UNREAD: char = 'r';
const UNCOMPARED: char = 'c';

/// What a scan passed over, in this turn or in one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// A row that can't be read: it may be about anything.
    pub(super) unread: bool,
    /// A row that can be read, and of which isn't known what it claims or what the backend says.
    pub(super) uncompared: bool,
}

/// Where the next turn begins. One row: who writes late writes what goes together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) after: String,
    pub(super) left_out: LeftOut,
}

impl Progress {
    fn read(kept: &str) -> Self {
        let (marks, after) = kept.split_once(END).unwrap_or_default();
        Self {
            after: after.to_owned(),
            left_out: LeftOut {
                unread: marks.contains(UNREAD),
                uncompared: marks.contains(UNCOMPARED),
            },
        }
    }

    fn kept(&self) -> String {
        let LeftOut { unread, uncompared } = self.left_out;
        let marks = [(unread, UNREAD), (uncompared, UNCOMPARED)];
        let marks = marks
            .into_iter()
            .filter_map(|(is, mark)| is.then_some(mark));
        let marks: String = marks.collect();
        format!("{marks}{END}{}", self.after)
    }
}

/// Since when it wasn't compared, and whether that was told.
fn read(kept: &str) -> Option<(Time, bool)> {
    let (since, told) = match kept.strip_suffix(TOLD) {
        Some(since) => (since, true),
        None => (kept, false),
    };
    Some((since.parse::<Time>().ok()?, told))
}

fn progress(backend: &BackendName) -> String {
    format!("backend:{backend}:scan")
}

fn begun(backend: &BackendName) -> String {
    format!("backend:{backend}:not-compared")
}

impl App {
    pub(super) async fn scan_progress(
        &self,
        backend: &BackendName,
    ) -> Result<Progress, StoreError> {
        let kept = self.store.scan_place(&progress(backend)).await?;
        Ok(Progress::read(&kept))
    }

    pub(super) async fn keep_scan_progress(
        &self,
        backend: &BackendName,
        kept: &Progress,
    ) -> Result<(), StoreError> {
        let place = progress(backend);
        self.store.keep_scan_place(&place, &kept.kept()).await
    }

    /// A turn begins. Where the last scan that left nothing out is long over, that is told.
    pub(super) async fn is_to_be_compared(&self, backend: &BackendName) -> Result<(), StoreError> {
        let (place, now) = (begun(backend), self.now());
        let long: TimeDelta = self.settings.reconcile_every * TOLD_AFTER;
        match read(&self.store.scan_place(&place).await?) {
            None => {
                let since = now.to_rfc3339();
                self.store.keep_scan_place(&place, &since).await
            }
            Some((since, false)) if now - since >= long => {
                self.tell_of_comparing(backend, since, None).await?;
                let told = format!("{}{TOLD}", since.to_rfc3339());
                self.store.keep_scan_place(&place, &told).await
            }
            Some(_) => Ok(()),
        }
    }

    /// A scan left nothing out.
    pub(super) async fn was_compared(&self, backend: &BackendName) -> Result<(), StoreError> {
        let place = begun(backend);
        if let Some((since, true)) = read(&self.store.scan_place(&place).await?) {
            let now = Some(self.now());
            self.tell_of_comparing(backend, since, now).await?;
        }
        self.store.keep_scan_place(&place, "").await
    }

    /// Told before that is noted: who dies between says it twice rather than never.
    async fn tell_of_comparing(
        &self,
        backend: &BackendName,
        since: Time,
        until: Option<Time>,
    ) -> Result<(), StoreError> {
        let announcement = Announcement::NotCompared {
            backend: backend.clone(),
            since,
            until,
        };
        let change = Change::default().announce(announcement);
        self.store.apply_one(change).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::{LeftOut, Progress, TOLD, read};

    #[test]
    fn what_is_kept_is_read_back() {
        let since = DateTime::from_timestamp_nanos(1_795_240_800_123_456_000);
        let kept = since.to_rfc3339();
        assert_eq!(read(&kept), Some((since, false)));
        assert_eq!(read(&format!("{kept}{TOLD}")), Some((since, true)));
        assert_eq!(read(""), None);
        for (unread, uncompared) in [(false, false), (true, false), (false, true), (true, true)] {
            let progress = Progress {
                after: "rc|orders_admin".into(),
                left_out: LeftOut { unread, uncompared },
            };
            assert_eq!(Progress::read(&progress.kept()), progress);
        }
        assert_eq!(Progress::read(""), Progress::default());
    }
}
