//! Slack's limits, in one place: <https://docs.slack.dev/reference/block-kit>. Lengths count UTF-16 units of what is sent,
//! the strictest of the ways in which Slack is known to count.

/// Blocks in a message.
pub(super) const BLOCKS: usize = 50;
/// Blocks in a modal or the home.
pub(super) const VIEW_BLOCKS: usize = 100;
/// A section's text.
pub(super) const SECTION: usize = 3_000;
/// One of a section's fields, and how many it takes.
pub(super) const FIELD: usize = 2_000;
pub(super) const FIELDS: usize = 10;
pub(super) const HEADER: usize = 150;
/// A context block's elements; their text is a text object's.
pub(super) const CONTEXT: usize = 2_000;
pub(super) const CONTEXT_ELEMENTS: usize = 10;
pub(super) const ACTIONS: usize = 25;
pub(super) const BUTTON: usize = 75;
pub(super) const BUTTON_VALUE: usize = 2_000;
pub(super) const CONFIRM_TITLE: usize = 100;
pub(super) const CONFIRM_TEXT: usize = 300;
pub(super) const CONFIRM_BUTTON: usize = 30;
/// A message's own text. `chat.update` refuses more than 4,000.
pub(super) const TEXT: usize = 3_000;

/// Entries of a list, so that an answer stays readable and its blocks fit.
pub(super) const ENTRIES: usize = 20;
/// People who are mentioned in one place.
pub(super) const PEOPLE: usize = 8;
/// A person's words inside a sentence.
pub(super) const QUOTE: usize = 200;
/// A name, an id, a parameter's value.
pub(super) const NAME: usize = 80;

/// A modal's title and its two buttons.
pub(super) const MODAL_TITLE: usize = 24;
/// An option's text and description: 75 for Slack, where some of its clients stop one earlier.
pub(super) const OPTION: usize = 74;
/// Options of a select, or of one of its groups.
pub(super) const OPTIONS: usize = 100;
/// A field's label and its hint: a line or two, far below Slack's 2,000.
pub(super) const LABEL: usize = 300;
pub(super) const PLACEHOLDER: usize = 150;
/// A `block_id`.
pub(super) const BLOCK_ID: usize = 255;
