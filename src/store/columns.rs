//! Rows that come as one JSON parameter, as `PostgreSQL` is handed them: an array for each column. Taking a JSON text apart
//! costs it ten times what the arrays do, and more than writing the rows.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::Failed;

/// A column's name, and its type there.
pub(super) type Named = (&'static str, &'static str);

/// The values of a column, one for each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    Texts(Vec<Option<String>>),
    Numbers(Vec<Option<i64>>),
    Truths(Vec<Option<bool>>),
}

/// The rows of a JSON array of objects; what an object lacks is null.
pub(super) fn of(named: &[Named], rows: &str) -> Result<Vec<Column>, Failed> {
    let mut columns = Columns {
        named,
        values: named.iter().map(|(_, kind)| Column::of(kind)).collect(),
        rows: 0,
    };
    let mut parsed = serde_json::Deserializer::from_str(rows);
    let read = Rows(&mut columns).deserialize(&mut parsed);
    // Where, and not what: the error's own words may hold what stands in the row.
    read.map_err(|error| {
        let place = format!(
            "the rows don't fit their columns, at byte {}",
            error.column()
        );
        sqlx::Error::Encode(place.into())
    })?;
    Ok(columns.values)
}

impl Column {
    fn of(kind: &str) -> Self {
        match kind {
            "bigint" => Self::Numbers(Vec::new()),
            "boolean" => Self::Truths(Vec::new()),
            _ => Self::Texts(Vec::new()),
        }
    }

    fn push<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        match self {
            Self::Texts(values) => values.push(map.next_value()?),
            Self::Numbers(values) => values.push(map.next_value()?),
            Self::Truths(values) => values.push(map.next_value()?),
        }
        Ok(())
    }

    fn len(&self) -> usize {
        match self {
            Self::Texts(values) => values.len(),
            Self::Numbers(values) => values.len(),
            Self::Truths(values) => values.len(),
        }
    }

    /// So many values, the missing ones null.
    fn fill(&mut self, rows: usize) {
        match self {
            Self::Texts(values) => values.resize(rows, None),
            Self::Numbers(values) => values.resize(rows, None),
            Self::Truths(values) => values.resize(rows, None),
        }
    }
}

struct Columns<'n> {
    named: &'n [Named],
    values: Vec<Column>,
    rows: usize,
}

/// The array.
struct Rows<'c, 'n>(&'c mut Columns<'n>);

/// One of its objects.
struct Row<'c, 'n>(&'c mut Columns<'n>);

impl<'de> DeserializeSeed<'de> for Rows<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(Row(self.0))?.is_some() {}
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Columns {
            named,
            values,
            rows,
        } = self.0;
        *rows += 1;
        while let Some(key) = map.next_key::<&str>()? {
            match named.iter().position(|(name, _)| *name == key) {
                Some(at) if values[at].len() == *rows => {
                    return Err(A::Error::custom("a row names a column twice"));
                }
                Some(at) => values[at].push(&mut map)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        for column in values {
            column.fill(*rows);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Column, of};

    #[test]
    fn rows_become_columns() {
        let named = [("id", "text"), ("at", "bigint"), ("live", "boolean")];
        let rows = r#"[{"id":"a\"\n","more":{"x":[1]},"at":-7,"live":true},{"live":null,"id":null},{"at":9}]"#;
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            of(&named, rows).expect("rows"),
            [
                Column::Texts(vec![text("a\"\n"), None, None]),
                Column::Numbers(vec![Some(-7), None, Some(9)]),
                Column::Truths(vec![Some(true), None, None]),
            ]
        );
    }

    #[test]
    fn what_is_of_another_type_is_refused() {
        let named = [("at", "bigint")];
        assert!(of(&named, r#"[{"at":"soon"}]"#).is_err());
        assert!(of(&named, r#"{"at":1}"#).is_err());
    }

    #[test]
    fn a_row_that_names_a_column_twice_is_refused() {
        let named = [("id", "text"), ("at", "bigint")];
        assert!(of(&named, r#"[{"at":1,"at":2}]"#).is_err());
        assert!(of(&named, r#"[{"id":"a","at":1},{"at":1,"at":2}]"#).is_err());
    }

    #[test]
    fn an_error_tells_nothing_of_a_row() {
        let named = [("at", "bigint")];
        let refused = of(&named, r#"[{"at":"canary-4711"}]"#);
        let error = format!("{:?}", refused.expect_err("another type"));
        assert!(
            !error.contains("canary") && error.contains("at byte"),
            "{error}"
        );
    }
}
