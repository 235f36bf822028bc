//! The nearest of the names there are, offered where one is used that isn't.

use strsim::damerau_levenshtein;

/// The closest candidate, if it is close enough to be what was meant: a third of the letters may differ.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                damerau_levenshtein(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| {
            *distance <= (word.chars().count().max(candidate.chars().count()) / 3).max(1)
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?`, or else which there are, or that there are none.
pub(super) fn offer<'a>(
    word: &str,
    what: &str,
    prefix: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(near) = nearest(word, candidates.iter().copied()) {
        return format!("did you mean `{prefix}{near}`?");
    }
    match candidates.as_slice() {
        [] => format!("no {what} is defined"),
        [only] => format!("the only {what} is `{prefix}{only}`"),
        many => {
            let shown: Vec<String> = many
                .iter()
                .take(12)
                .map(|name| format!("`{prefix}{name}`"))
                .collect();
            let rest = if many.len() > 12 { ", …" } else { "" };
            format!("there are {}{rest}", shown.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{nearest, offer};

    #[test]
    fn only_what_is_close_is_offered() {
        let names = ["quorum", "approvers", "ladder"];
        assert_eq!(nearest("qourum", names), Some("quorum"));
        assert_eq!(nearest("Approver", names), Some("approvers"));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(
            offer("db", "group", "group:", ["dba"]),
            "did you mean `group:dba`?"
        );
        assert_eq!(offer("x", "group", "group:", []), "no group is defined");
    }
}
