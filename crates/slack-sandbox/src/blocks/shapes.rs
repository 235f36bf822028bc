//! The table: every block, element and object with its fields and their limits.
//!
//! Figures: Slack's Block Kit reference. A kind that isn't here is refused as unsupported, also
//! `file`, `video`, `table`, `call` and the like, which the page couldn't show truly.

/// What a field may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A `plain_text` object of at most so many characters.
    Plain(usize),
    /// A `plain_text` or `mrkdwn` object.
    Text(usize),
    /// A string.
    Str(usize),
    /// An http(s) URL.
    Url(usize),
    Bool,
    /// A whole number within these bounds.
    Int(i64, i64),
    OneOf(&'static [&'static str]),
    /// A nested object of the table, like `confirm`.
    Object(&'static [Field]),
    /// One block element of the kinds in the list.
    Element(&'static [&'static str]),
    /// A list of block elements, at least one, at most so many.
    Elements(&'static [&'static str], usize),
    /// Context elements: images and text objects.
    ContextElements,
    /// Text objects with a limit each.
    Fields,
    /// Options (at most so many); mrkdwn allowed in them?
    Options(usize, OptionText),
    OptionGroups,
    InitialOption(OptionText),
    InitialOptions(OptionText),
    /// Strings, a list of.
    Strs,
    Date,
    Time,
    RichText,
    /// The type's own name; checked before.
    Type,
    Blocks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OptionText {
    Plain,
    /// Radio buttons and checkboxes may use mrkdwn.
    Any,
    /// Overflow options may have a `url`.
    Overflow,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) kind: Kind,
}

const fn must(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        required: true,
        kind,
    }
}

const fn may(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        required: false,
        kind,
    }
}

const TYPE: Field = must("type", Kind::Type);
const BLOCK_ID: Field = may("block_id", Kind::Str(255));
const ACTION_ID: Field = may("action_id", Kind::Str(255));
const CONFIRM: Field = may("confirm", Kind::Object(CONFIRM_FIELDS));
const PLACEHOLDER: Field = may("placeholder", Kind::Plain(150));
const FOCUS: Field = may("focus_on_load", Kind::Bool);
const MAX_SELECTED: Field = may("max_selected_items", Kind::Int(1, 100));
const STYLE: Kind = Kind::OneOf(&["primary", "danger"]);

const CONFIRM_FIELDS: &[Field] = &[
    must("title", Kind::Plain(100)),
    must("text", Kind::Text(300)),
    must("confirm", Kind::Plain(30)),
    must("deny", Kind::Plain(30)),
    may("style", STYLE),
];

const DISPATCH_CONFIG: &[Field] = &[must("trigger_actions_on", Kind::Strs)];

const FILTER: &[Field] = &[
    may("include", Kind::Strs),
    may("exclude_external_shared_channels", Kind::Bool),
    may("exclude_bot_users", Kind::Bool),
];

pub(crate) const OPTION_GROUP: &[Field] = &[
    must("label", Kind::Plain(75)),
    must("options", Kind::Options(100, OptionText::Plain)),
];

/// What may stand beside a section.
const ACCESSORIES: &[&str] = &[
    "button",
    "overflow",
    "image",
    "datepicker",
    "timepicker",
    "radio_buttons",
    "checkboxes",
    "static_select",
    "users_select",
    "conversations_select",
    "channels_select",
    "external_select",
    "multi_static_select",
    "multi_users_select",
    "multi_conversations_select",
    "multi_channels_select",
    "multi_external_select",
];

/// What may stand in an actions block.
const ACTIONS: &[&str] = &[
    "button",
    "overflow",
    "datepicker",
    "timepicker",
    "datetimepicker",
    "radio_buttons",
    "checkboxes",
    "static_select",
    "users_select",
    "conversations_select",
    "channels_select",
    "external_select",
    "multi_static_select",
    "multi_users_select",
    "multi_conversations_select",
    "multi_channels_select",
    "multi_external_select",
];

/// What an input block can ask for.
const INPUTS: &[&str] = &[
    "plain_text_input",
    "number_input",
    "email_text_input",
    "url_text_input",
    "datepicker",
    "timepicker",
    "datetimepicker",
    "radio_buttons",
    "checkboxes",
    "static_select",
    "users_select",
    "conversations_select",
    "channels_select",
    "external_select",
    "multi_static_select",
    "multi_users_select",
    "multi_conversations_select",
    "multi_channels_select",
    "multi_external_select",
];

/// A list made when this is compiled.
macro_rules! fields {
    ($($field:expr),* $(,)?) => {{
        const FIELDS: &[Field] = &[$($field),*];
        FIELDS
    }};
}

pub(crate) fn block(kind: &str) -> Option<&'static [Field]> {
    Some(match kind {
        "section" => fields![
            TYPE,
            BLOCK_ID,
            may("text", Kind::Text(3000)),
            may("fields", Kind::Fields),
            may("accessory", Kind::Element(ACCESSORIES)),
            may("expand", Kind::Bool),
        ],
        "divider" => fields![TYPE, BLOCK_ID],
        "header" => fields![TYPE, BLOCK_ID, must("text", Kind::Plain(150))],
        "context" => fields![TYPE, BLOCK_ID, must("elements", Kind::ContextElements)],
        "actions" => fields![
            TYPE,
            BLOCK_ID,
            must("elements", Kind::Elements(ACTIONS, 25))
        ],
        "input" => fields![
            TYPE,
            BLOCK_ID,
            must("label", Kind::Plain(2000)),
            must("element", Kind::Element(INPUTS)),
            may("hint", Kind::Plain(2000)),
            may("optional", Kind::Bool),
            may("dispatch_action", Kind::Bool),
        ],
        "image" => fields![
            TYPE,
            BLOCK_ID,
            must("image_url", Kind::Url(3000)),
            must("alt_text", Kind::Str(2000)),
            may("title", Kind::Plain(2000)),
        ],
        "markdown" => fields![TYPE, BLOCK_ID, must("text", Kind::Str(12_000))],
        "rich_text" => fields![TYPE, BLOCK_ID, must("elements", Kind::RichText)],
        _ => return None,
    })
}

pub(crate) fn element(kind: &str) -> Option<&'static [Field]> {
    Some(match kind {
        "button" => fields![
            TYPE,
            ACTION_ID,
            must("text", Kind::Plain(75)),
            may("value", Kind::Str(2000)),
            may("url", Kind::Url(3000)),
            may("style", STYLE),
            may("accessibility_label", Kind::Str(75)),
            CONFIRM,
        ],
        "image" => fields![
            TYPE,
            must("image_url", Kind::Url(3000)),
            must("alt_text", Kind::Str(2000))
        ],
        "overflow" => fields![
            TYPE,
            ACTION_ID,
            must("options", Kind::Options(5, OptionText::Overflow)),
            CONFIRM,
        ],
        "radio_buttons" => fields![
            TYPE,
            ACTION_ID,
            must("options", Kind::Options(10, OptionText::Any)),
            may("initial_option", Kind::InitialOption(OptionText::Any)),
            CONFIRM,
            FOCUS,
        ],
        "checkboxes" => fields![
            TYPE,
            ACTION_ID,
            must("options", Kind::Options(10, OptionText::Any)),
            may("initial_options", Kind::InitialOptions(OptionText::Any)),
            CONFIRM,
            FOCUS,
        ],
        "plain_text_input" | "email_text_input" | "url_text_input" | "number_input" => {
            return text_input(kind);
        }
        "datepicker" | "timepicker" | "datetimepicker" => return picker(kind),
        _ => return select(kind),
    })
}

fn text_input(kind: &str) -> Option<&'static [Field]> {
    const DISPATCH: Field = may("dispatch_action_config", Kind::Object(DISPATCH_CONFIG));
    const VALUE: Field = may("initial_value", Kind::Str(3000));
    Some(match kind {
        "plain_text_input" => fields![
            TYPE,
            ACTION_ID,
            VALUE,
            may("multiline", Kind::Bool),
            may("min_length", Kind::Int(0, 3000)),
            may("max_length", Kind::Int(1, 3000)),
            PLACEHOLDER,
            DISPATCH,
            FOCUS,
        ],
        "number_input" => fields![
            TYPE,
            ACTION_ID,
            must("is_decimal_allowed", Kind::Bool),
            VALUE,
            may("min_value", Kind::Str(100)),
            may("max_value", Kind::Str(100)),
            PLACEHOLDER,
            DISPATCH,
            FOCUS,
        ],
        "email_text_input" | "url_text_input" => {
            fields![TYPE, ACTION_ID, VALUE, PLACEHOLDER, DISPATCH, FOCUS]
        }
        _ => return None,
    })
}

fn picker(kind: &str) -> Option<&'static [Field]> {
    Some(match kind {
        "datepicker" => {
            fields![
                TYPE,
                ACTION_ID,
                may("initial_date", Kind::Date),
                PLACEHOLDER,
                CONFIRM,
                FOCUS
            ]
        }
        "timepicker" => fields![
            TYPE,
            ACTION_ID,
            may("initial_time", Kind::Time),
            may("timezone", Kind::Str(100)),
            PLACEHOLDER,
            CONFIRM,
            FOCUS,
        ],
        "datetimepicker" => fields![
            TYPE,
            ACTION_ID,
            // Ten digits, says Slack.
            may("initial_date_time", Kind::Int(1_000_000_000, 9_999_999_999)),
            CONFIRM,
            FOCUS,
        ],
        _ => return None,
    })
}

fn select(kind: &str) -> Option<&'static [Field]> {
    const PLAIN: OptionText = OptionText::Plain;
    const OPTIONS: Field = may("options", Kind::Options(100, PLAIN));
    const GROUPS: Field = may("option_groups", Kind::OptionGroups);
    const ONE: Field = may("initial_option", Kind::InitialOption(PLAIN));
    const SOME: Field = may("initial_options", Kind::InitialOptions(PLAIN));
    const QUERY: Field = may("min_query_length", Kind::Int(0, 3000));
    const CURRENT: Field = may("default_to_current_conversation", Kind::Bool);
    const ANSWERS: Field = may("response_url_enabled", Kind::Bool);
    const ONLY: Field = may("filter", Kind::Object(FILTER));
    macro_rules! select {
        ($($field:expr),*) => { fields![TYPE, ACTION_ID, PLACEHOLDER, CONFIRM, FOCUS, $($field),*] };
    }
    Some(match kind {
        "static_select" => select![OPTIONS, GROUPS, ONE],
        "multi_static_select" => select![OPTIONS, GROUPS, SOME, MAX_SELECTED],
        "external_select" => select![ONE, QUERY],
        "multi_external_select" => select![SOME, QUERY, MAX_SELECTED],
        "users_select" => select![may("initial_user", Kind::Str(255))],
        "multi_users_select" => select![may("initial_users", Kind::Strs), MAX_SELECTED],
        "channels_select" => select![may("initial_channel", Kind::Str(255)), ANSWERS],
        "multi_channels_select" => select![may("initial_channels", Kind::Strs), MAX_SELECTED],
        "conversations_select" => {
            select![
                may("initial_conversation", Kind::Str(255)),
                CURRENT,
                ANSWERS,
                ONLY
            ]
        }
        "multi_conversations_select" => {
            select![
                may("initial_conversations", Kind::Strs),
                CURRENT,
                ONLY,
                MAX_SELECTED
            ]
        }
        _ => return None,
    })
}

/// A modal's own fields.
pub(crate) const MODAL: &[Field] = &[
    TYPE,
    must("title", Kind::Plain(24)),
    must("blocks", Kind::Blocks),
    may("submit", Kind::Plain(24)),
    may("close", Kind::Plain(24)),
    may("private_metadata", Kind::Str(3000)),
    may("callback_id", Kind::Str(255)),
    may("external_id", Kind::Str(255)),
    may("clear_on_close", Kind::Bool),
    may("notify_on_close", Kind::Bool),
    may("submit_disabled", Kind::Bool),
];

/// An App Home's own fields.
pub(crate) const HOME: &[Field] = &[
    TYPE,
    must("blocks", Kind::Blocks),
    may("private_metadata", Kind::Str(3000)),
    may("callback_id", Kind::Str(255)),
    may("external_id", Kind::Str(255)),
];
