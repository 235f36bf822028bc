//! Many rows of a table, each read by itself: one that can't be read hides no other.

use super::StoreError;

/// Some rows in their order.
#[derive(Debug)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Why others that stand among them can't be read.
    pub unread: Vec<StoreError>,
    /// What the next page comes after; none where there is no further one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// `place` is where a row stands; `limit` how many were asked for.
    pub(super) fn of<R>(rows: Vec<R>, limit: u32, place: impl Fn(&R) -> String) -> Self
    where
        T: TryFrom<R, Error = StoreError>,
    {
        let full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let next = rows.last().filter(|_| full).map(place);
        let all = Self::all(rows.into_iter().map(T::try_from));
        Self { next, ..all }
    }

    /// There are no others.
    pub(super) fn all(read: impl Iterator<Item = Result<T, StoreError>>) -> Self {
        let (mut rows, mut unread) = (Vec::new(), Vec::new());
        for row in read {
            match row {
                Ok(row) => rows.push(row),
                Err(error) => unread.push(error),
            }
        }
        Self {
            rows,
            unread,
            next: None,
        }
    }

    /// Says in the log what can't be read.
    #[must_use]
    pub fn logged(self) -> Self {
        for error in &self.unread {
            tracing::error!(%error, "a row is passed over");
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, StoreError};

    struct Even(u32);

    impl TryFrom<u32> for Even {
        type Error = StoreError;

        fn try_from(number: u32) -> Result<Self, StoreError> {
            if number.is_multiple_of(2) {
                Ok(Self(number))
            } else {
                Err(StoreError::corrupt(
                    "number",
                    &number.to_string(),
                    "it is odd",
                ))
            }
        }
    }

    fn page(rows: Vec<u32>) -> (Vec<u32>, usize, Option<String>) {
        let page: Page<Even> = Page::of(rows, 3, u32::to_string);
        let rows = page.rows.iter().map(|even| even.0).collect();
        (rows, page.unread.len(), page.next)
    }

    #[test]
    fn a_full_page_goes_on_after_its_last_row_whether_that_can_be_read_or_not() {
        assert_eq!(page(vec![2, 4, 5]), (vec![2, 4], 1, Some("5".into())));
        assert_eq!(page(vec![1, 3, 5]), (vec![], 3, Some("5".into())));
        assert_eq!(page(vec![2, 3]), (vec![2], 1, None));
        assert_eq!(page(vec![]), (vec![], 0, None));
    }
}
