//! One SQL text for two databases. The texts are the same but for the few places that `sql!` stamps: rows that come as
//! one JSON parameter, lists of ids, and row locks, which `SQLite` neither has nor needs.
//! No statement stands here; each stands next to the type it fills.

use serde::Serialize;

use super::columns::Named;

/// A statement in both dialects. `table` is the one that is named when a row of it is broken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sql {
    pub(super) table: &'static str,
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
    /// What the rows in `$1` are made of, where there are any: to `PostgreSQL` each column is a parameter.
    pub(super) columns: &'static [Named],
}

/// `sql!("table": "text" [rows id text, at bigint] "text" [list 2] "text" [for_update] [skip_locked])`
///
/// - `[rows …]`: the JSON array of objects in `$1` as a table `r` with these columns, in the array's order. (`jsonb_each`,
///   because `json_each` writes and parses an object's text again for every column.) `PostgreSQL` gets an array for each
///   column, so there is no other parameter beside them.
/// - `[json …]`: the same, of few rows; there may be others.
/// - `[list n]`: the JSON array of texts in `$n` as a sub-select.
/// - `[in_list n]`: is one of them. To `PostgreSQL` as an array, which it looks up in an index; a sub-select it may join
///   the other way round, and read a whole young table for it.
/// - `[key n]`: is the text in `$n`; on `PostgreSQL`, where such reads are gathered, is in the list there.
macro_rules! sql {
    ($table:literal: $($part:tt)+) => {
        $crate::store::sql::Sql {
            table: $table,
            sqlite: concat!($(sqlite_text!($part)),+),
            postgres: concat!($(postgres_text!($part)),+),
            columns: columns_of!($($part)+),
        }
    };
}

macro_rules! sqlite_text {
    ($text:literal) => { $text };
    ([rows $($column:ident $kind:ident),+]) => {
        concat!(
            "(select key as row_key",
            $(", value ->> '", stringify!($column), "' as ", stringify!($column)),+,
            " from jsonb_each($1)) as r"
        )
    };
    ([json $($columns:tt)+]) => { sqlite_text!([rows $($columns)+]) };
    ([list $parameter:literal]) => { concat!("(select value from json_each($", $parameter, "))") };
    ([in_list $parameter:literal]) => { concat!("in ", sqlite_text!([list $parameter])) };
    ([key $parameter:literal]) => { concat!("= $", $parameter) };
    ([for_update]) => { "" };
    ([skip_locked]) => { "" };
}

macro_rules! postgres_text {
    ($text:literal) => { $text };
    ([rows $($column:ident $kind:ident),+]) => {
        concat!(
            "unnest(",
            arrays!(["$1" "$2" "$3" "$4" "$5" "$6" "$7" "$8" "$9" "$10" "$11" "$12" "$13"] $($kind),+),
            ") as r(",
            names!($($column),+),
            ")"
        )
    };
    ([json $($column:ident $kind:ident),+]) => {
        concat!(
            "json_to_recordset($1::json) as r(row_key bigint",
            $(", ", stringify!($column), " ", stringify!($kind)),+,
            ")"
        )
    };
    ([list $parameter:literal]) => {
        concat!("(select value from json_array_elements_text($", $parameter, "::json))")
    };
    ([in_list $parameter:literal]) => { concat!("= any(array", postgres_text!([list $parameter]), ")") };
    ([key $parameter:literal]) => { postgres_text!([in_list $parameter]) };
    ([for_update]) => { " for update" };
    ([skip_locked]) => { " for update skip locked" };
}

/// Parameters by their numbers, as arrays of these types.
macro_rules! arrays {
    ([$number:literal $($numbers:literal)*] $kind:ident $(, $kinds:ident)+) => {
        concat!($number, "::", stringify!($kind), "[], ", arrays!([$($numbers)*] $($kinds),+))
    };
    ([$number:literal $($numbers:literal)*] $kind:ident) => {
        concat!($number, "::", stringify!($kind), "[]")
    };
}

macro_rules! names {
    ($name:ident $(, $names:ident)*) => { concat!(stringify!($name) $(, ", ", stringify!($names))*) };
}

macro_rules! columns_of {
    () => { &[] };
    ([rows $($column:ident $kind:ident),+] $($rest:tt)*) => {
        &[$((stringify!($column), stringify!($kind))),+]
    };
    ($other:tt $($rest:tt)*) => { columns_of!($($rest)*) };
}

/// A row struct that both databases fill, by the columns' names.
macro_rules! row {
    ($(#[$meta:meta])* $name:ident { $($column:ident: $kind:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub(in crate::store) struct $name { $(pub(in crate::store) $column: $kind),+ }

        impl<'r, R> sqlx::FromRow<'r, R> for $name
        where
            R: sqlx::Row,
            &'static str: sqlx::ColumnIndex<R>,
            $($kind: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>),+
        {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                Ok(Self { $($column: row.try_get(stringify!($column))?),+ })
            }
        }

        impl $crate::store::database::Filled for $name {
            fn from_sqlite(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
                Ok(Self { $($column: row.get(stringify!($column))?),+ })
            }
        }
    };
}

/// A JSON object as a text, of names and what they stand for: one of those that `[rows …]` reads.
macro_rules! object {
    ($($name:ident: $value:expr),+ $(,)?) => {
        $crate::store::sql::Object::default()
            $(.with(stringify!($name), &$value))+
            .text()
    };
}

/// A JSON object that is written field by field, without a tree of values between: rows are most of what is written.
#[derive(Default)]
pub(super) struct Object(Vec<u8>);

impl Object {
    pub(super) fn with(mut self, name: &'static str, value: &impl Serialize) -> Self {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        serde_json::to_writer(&mut self.0, value).expect("texts and numbers are always JSON");
        self
    }

    pub(super) fn text(mut self) -> String {
        self.0.push(b'}');
        String::from_utf8(self.0).expect("JSON is written in UTF-8")
    }
}

/// JSON texts of objects as one JSON array: the parameter that `[rows …]` reads.
pub(super) fn array<'a>(objects: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::from("[");
    for object in objects {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(object);
    }
    text.push(']');
    text
}

/// Texts as one JSON array: the parameter that `[list n]` reads.
pub(super) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: serde_json::Value = texts.into_iter().map(serde_json::Value::from).collect();
    texts.to_string()
}

/// `PostgreSQL` can't keep U+0000 in a text; both databases keep U+FFFD in its place.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
