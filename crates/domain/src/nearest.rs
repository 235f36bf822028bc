//! The nearest known names to one that isn't known: “unknown role, did you mean …”.

/// How many are offered at most.
const OFFERED: usize = 3;

/// Longer words than this aren't names; comparing them would only cost time.
const LONGEST: usize = 64;

/// The candidates most like `typed`, the nearest first, at most three; none where nothing is near.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let typed = typed.trim().to_lowercase();
    if typed.is_empty() || typed.chars().count() > LONGEST {
        return Vec::new();
    }
    let mut near: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|candidate| (likeness(&typed, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .collect();
    near.sort_by(|(one, first), (other, second)| other.total_cmp(one).then(first.cmp(second)));
    near.dedup_by_key(|(_, candidate)| *candidate);
    near.into_iter()
        .take(OFFERED)
        .map(|(_, candidate)| candidate)
        .collect()
}

/// From 0 to 1. A part of a name (`admin` of `db-admin`) counts as near.
fn likeness(typed: &str, candidate: &str) -> f64 {
    let edits = strsim::normalized_damerau_levenshtein(typed, candidate);
    let is_part = typed.len() >= 3
        && (candidate.starts_with(typed) || candidate.split('-').any(|part| part == typed));
    if is_part { edits.max(0.75) } else { edits }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const ROLES: [&str; 4] = ["db-admin", "db-reader", "logs", "orders-admin"];

    #[test]
    fn a_slip_of_the_finger_is_offered_the_name_that_was_meant() {
        assert_eq!(nearest("db-amdin", ROLES).first(), Some(&"db-admin"));
        assert_eq!(nearest("LOG", ROLES), ["logs"]);
        assert_eq!(nearest("orders", ROLES), ["orders-admin"]);
    }

    #[test]
    fn what_is_like_nothing_is_offered_nothing() {
        assert!(nearest("kubernetes", ROLES).is_empty());
        assert!(nearest("", ROLES).is_empty());
        assert!(nearest(&"db-admin".repeat(1_000), ROLES).is_empty());
    }

    #[test]
    fn a_part_of_a_name_is_near_once_it_says_something() {
        assert_eq!(nearest("admin", ROLES), ["db-admin", "orders-admin"]);
        assert_eq!(nearest("reader", ROLES), ["db-reader"]);
        assert_eq!(nearest("ord", ROLES), ["orders-admin"]);
        assert!(nearest("or", ROLES).is_empty());
        assert!(nearest("ders", ROLES).is_empty(), "not in the middle");
    }

    #[test]
    fn three_are_offered_the_nearest_first_and_each_once() {
        let names = ["logs-c", "logs-b", "logs", "logs-a", "logs"];
        assert_eq!(nearest("logs", names), ["logs", "logs-a", "logs-b"]);
        // As long as a name may be compared, and no longer.
        let longest = "a".repeat(64);
        assert_eq!(nearest(&longest, [longest.as_str()]).len(), 1);
        let longer = "a".repeat(65);
        assert!(nearest(&longer, [longer.as_str()]).is_empty());
        // Four slips in ten letters are the limit.
        assert_eq!(nearest("abcdefxxxx", ["abcdefghij"]), ["abcdefghij"]);
        assert!(nearest("abcdexxxxx", ["abcdefghij"]).is_empty());
    }
}
