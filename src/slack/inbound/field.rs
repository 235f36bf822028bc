//! The fields of our modals: the ids under which they stand in a view, and what came back in them.
//! Ids stay the same while a modal changes, so that what was typed stays; only a select whose options change gets another.

use std::collections::BTreeMap;

use chrono::DateTime;

use super::View;
use crate::app::form_shown::{Field, FormFields, GlassFields};
use crate::domain::RequestId;

/// `callback_id`s of our modals and of the shortcut.
pub mod callback {
    /// The request form, and the global shortcut that opens it.
    pub const ASK: &str = "ask";
    pub const DENY: &str = "deny";
    /// The form that breaks the glass.
    pub const GLASS: &str = "break_glass";
    pub const LESS: &str = "less";
    pub const NOTE: &str = "note";
    /// How broken glass was used.
    pub const USE: &str = "use";
}

/// The `block_id`s; the element within has the same id, but for those that say otherwise.
pub const ROLE: &str = "role";
/// A word by which a role is found.
pub const FIND: &str = "find";
/// Before the name of a parameter; its element is [`VALUE`].
pub const PARAMETER: &str = "parameter:";
pub const VALUE: &str = "value";
/// Before what tells one set of suggestions from another; its element is [`CHOSEN`].
pub const DURATION: &str = "duration:";
pub const CHOSEN: &str = "chosen";
/// A duration in the person's own words.
pub const WORDS: &str = "words";
pub const START: &str = "start";
pub const REASON: &str = "reason";
pub const NOTE: &str = "note";
/// For whom the glass is broken, and for which incident.
pub const PERSON: &str = "person";
pub const INCIDENT: &str = "incident";
/// What the reviewer of broken glass found.
pub const FOUND: &str = "found";

/// What stands in the request form.
pub fn request_form(view: &View) -> FormFields {
    let own = |id: &str| view.value(id, id).map(str::to_owned);
    let start = own(START).and_then(|text| text.parse().ok());
    FormFields {
        find: own(FIND).unwrap_or_default(),
        role: own(ROLE).unwrap_or_default(),
        parameters: parameters(view),
        chosen: chosen(view),
        words: own(WORDS),
        start: start.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
        reason: own(REASON).unwrap_or_default(),
        changes: (!view.metadata.is_empty()).then(|| RequestId::new(view.metadata.as_str())),
    }
}

/// What stands in the form that breaks the glass.
pub fn glass_form(view: &View) -> GlassFields {
    let own = |id: &str| view.value(id, id).map(str::to_owned);
    GlassFields {
        request: (!view.metadata.is_empty()).then(|| view.metadata.clone()),
        role: own(ROLE).unwrap_or_default(),
        parameters: parameters(view),
        person: own(PERSON),
        duration: own(WORDS).unwrap_or_default(),
        incident: own(INCIDENT).unwrap_or_default(),
        reason: own(REASON).unwrap_or_default(),
    }
}

fn parameters(view: &View) -> BTreeMap<String, String> {
    let parameters = view.values.iter().filter_map(|((block, action), value)| {
        let name = block.strip_prefix(PARAMETER).filter(|_| action == VALUE)?;
        Some((name.to_owned(), value.clone()))
    });
    parameters.collect()
}

/// The duration that was chosen, as a word.
pub fn chosen(view: &View) -> Option<String> {
    let mut values = view.values.iter();
    let found = values.find(|((block, action), _)| block.starts_with(DURATION) && action == CHOSEN);
    found.map(|(_, value)| value.clone())
}

/// The block at which a mistake is told; none where the view doesn't show it.
pub fn block_of<'a>(view: &'a View, field: &Field) -> Option<&'a str> {
    let shown = |wanted: &str| view.blocks.iter().find(|block| *block == wanted);
    let found = match field {
        Field::Role => shown(ROLE),
        Field::Parameter(name) => shown(&format!("{PARAMETER}{name}")),
        Field::Start => shown(START),
        Field::Person => shown(PERSON),
        Field::Incident => shown(INCIDENT),
        Field::Reason => shown(REASON),
        Field::Duration => {
            let select = view.blocks.iter().find(|block| block.starts_with(DURATION));
            let typed = view.value(WORDS, WORDS).is_some();
            select.filter(|_| !typed).or_else(|| shown(WORDS))
        }
    };
    found.map(String::as_str)
}
