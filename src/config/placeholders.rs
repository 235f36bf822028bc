//! `{name}` in a string: which there are, and putting values in their place.
//! `{2,3}` of a regular expression is none: a name begins with a letter.

/// The names in `text`, in their order.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).filter_map(|piece| match piece {
        Piece::Name(name) => Some(name),
        Piece::Text(_) => None,
    })
}

/// `text` with the value of each name that `value` knows in its place.
pub(super) fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    pieces(text)
        .map(|piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Name(name) => value(name).unwrap_or_else(|| format!("{{{name}}}")),
        })
        .collect()
}

/// Whether `name` can stand in braces.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 40
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(name) = name_at_start(rest) {
            rest = &rest[name.len() + 2..];
            return Some(Piece::Name(name));
        }
        let end = rest
            .char_indices()
            .skip(1)
            .find(|(at, _)| name_at_start(&rest[*at..]).is_some())
            .map_or(rest.len(), |(at, _)| at);
        let (plain, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Text(plain))
    })
}

fn name_at_start(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('{')?;
    let (name, _) = inner.split_once('}')?;
    is_name(name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::{fill, names};

    #[test]
    fn only_names_in_braces_are_filled() {
        let text = "{db}_admin on {node} [0-9]{2,3} {Not} {db";
        assert_eq!(names(text).collect::<Vec<_>>(), ["db", "node"]);
        let filled = fill(text, |name| (name == "db").then(|| "{node}".into()));
        assert_eq!(filled, "{node}_admin on {node} [0-9]{2,3} {Not} {db");
        assert_eq!(fill("ö{db}ü", |_| Some("x".into())), "öxü");
    }
}
