//! What opens which modal, what changes in it, and what becomes of it when it is sent.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::screen::{Screen, Shows, is_conflict};
use super::{After, Desk, Handled, HttpAnswer, stranger};
use crate::app::answer::{Answer, Problems};
use crate::app::form_shown::{Field, FormFields, FormFor, ReviewShownFirst, Sent};
use crate::app::{App, Caller, Less, Press, Use};
use crate::domain::request::Found;
use crate::domain::{RequestId, RoleName, command};
use crate::slack::inbound::field::{self, callback};
use crate::slack::inbound::{Pressed, Submitted, View, action};
use crate::slack::views;

/// How long a form that must be shown anew may take, beside the ask itself.
const ANEW_WITHIN: Duration = Duration::from_millis(600);

/// What a press wants to see before anything is done.
pub(super) enum Opens {
    Form(FormFor),
    /// By the draft that holds what was typed.
    Glass(String),
    /// Words to decide with, on what.
    Decision(Decision, RequestId),
    /// The review after broken glass.
    Use(RequestId),
}

/// What somebody wants to decide, with more than a press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Deny,
    Less,
    Note,
}

impl Opens {
    pub(super) fn of(pressed: &Pressed) -> Option<Self> {
        let value = pressed.value.as_str();
        if value.len() > 100 {
            return None;
        }
        let id = || (!value.is_empty()).then(|| RequestId::new(value));
        match pressed.action() {
            action::ASK => Some(Self::Form(
                RoleName::parse(value).map_or(FormFor::Blank, FormFor::Role),
            )),
            action::FIX => Some(Self::Form(FormFor::Draft(value.to_owned()))),
            action::FIX_GLASS => (!value.is_empty()).then(|| Self::Glass(value.to_owned())),
            action::CHANGE => id().map(FormFor::Change).map(Self::Form),
            action::DENY => id().map(|id| Self::Decision(Decision::Deny, id)),
            action::LESS => id().map(|id| Self::Decision(Decision::Less, id)),
            action::NOTE => id().map(|id| Self::Decision(Decision::Note, id)),
            action::REVIEWED => id().map(Self::Use),
            _ => None,
        }
    }
}

/// Opens the request form. `late` stands in for it where Slack no longer lets it open.
pub(super) fn open_form(
    app: Arc<App>,
    desk: Desk,
    caller: Caller,
    screen: Screen,
    wanted: FormFor,
    late: Answer,
) -> After {
    Box::pin(async move {
        let making = async {
            match app.form(&caller, wanted).await {
                Ok(form) => Shows::Modal(views::request_form(&form)),
                Err(answer) => Shows::Words("Ask for access", views::answer(&answer)),
            }
        };
        screen.show(&desk, making, &views::answer(&late)).await;
    })
}

fn open_glass(
    app: Arc<App>,
    desk: Desk,
    caller: Caller,
    screen: Screen,
    draft: String,
    late: Answer,
) -> After {
    Box::pin(async move {
        let making = async {
            match app.glass_form(&caller, &draft).await {
                Ok(form) => Shows::Modal(views::glass_form(&form)),
                Err(answer) => Shows::Words("Break the glass", views::answer(&answer)),
            }
        };
        screen.show(&desk, making, &views::answer(&late)).await;
    })
}

/// Opens what was pressed for.
pub(super) fn open(
    app: Arc<App>,
    desk: Desk,
    caller: Caller,
    pressed: Box<Pressed>,
    opens: Opens,
) -> After {
    let screen = Screen::of_press(&pressed);
    let late =
        problem("Slack waited too long, so nothing opened and nothing was done. Press again.");
    let opens = match opens {
        Opens::Form(wanted) => return open_form(app, desk, caller, screen, wanted, late),
        Opens::Glass(draft) => return open_glass(app, desk, caller, screen, draft, late),
        opens @ (Opens::Decision(..) | Opens::Use(_)) => opens,
    };
    Box::pin(async move {
        let making = async {
            let card = pressed.card.clone();
            match opens {
                Opens::Form(_) | Opens::Glass(_) => Shows::Words("Hallpass", views::answer(&late)),
                Opens::Use(id) => match app.use_form(&caller, &id, card).await {
                    Ok(request) => Shows::Modal(views::use_form(&request)),
                    Err(answer) => Shows::Words("Nothing was recorded", views::answer(&answer)),
                },
                Opens::Decision(wanted, id) => match app.review_form(&caller, &id, card).await {
                    Ok(review) => decision_form(wanted, &review),
                    Err(answer) => Shows::Words("Nothing was decided", views::answer(&answer)),
                },
            }
        };
        screen.show(&desk, making, &views::answer(&late)).await;
    })
}

fn decision_form(wanted: Decision, review: &ReviewShownFirst) -> Shows {
    match wanted {
        Decision::Deny => Shows::Modal(views::deny_form(review)),
        Decision::Note => Shows::Modal(views::note_form(review)),
        Decision::Less if review.shorter.is_empty() => {
            let answer = problem(
                "Nothing shorter can be given: this is the least that the role gives. Approve it as it is, or deny it.",
            );
            Shows::Words("Nothing was decided", views::answer(&answer))
        }
        Decision::Less => Shows::Modal(views::less_form(review)),
    }
}

/// Another role was chosen in the open form: its fields take the place of the old ones.
pub(super) fn another_role(
    app: Arc<App>,
    desk: Desk,
    caller: Caller,
    pressed: Box<Pressed>,
) -> After {
    let newest = pressed.view.as_ref().map(|view| {
        let at = pressed.at().unwrap_or_default().to_owned();
        desk.newest.note(&view.id, &at);
        at
    });
    Box::pin(async move {
        let (Some(view), Some(at)) = (&pressed.view, newest) else {
            return;
        };
        let fields = field::request_form(view);
        let shown = match app.form(&caller, FormFor::Fields(Box::new(fields))).await {
            Ok(form) => views::request_form(&form),
            Err(answer) => views::in_modal("Ask for access", &views::answer(&answer)),
        };
        if !desk.newest.is(&view.id, &at) {
            return;
        }
        let mut done = desk
            .forms
            .update(&view.id, view.hash.as_deref(), &shown)
            .await;
        // The answer to an earlier choice came in between: this one is newer.
        if is_conflict(&done) && desk.newest.is(&view.id, &at) {
            done = desk.forms.update(&view.id, None, &shown).await;
        }
        if let Err(error) = done {
            tracing::debug!(%error, "the form could not follow the chosen role");
        }
    })
}

/// `view_submission`: answered in the response itself.
pub(super) async fn submitted(app: &App, desk: &Desk, sent: &Submitted) -> Handled {
    let Some(caller) = desk.caller(&sent.origin) else {
        let view = views::in_modal("Hallpass", &stranger());
        return instead(&view).into();
    };
    let view = &sent.view;
    let delivery = sent.delivery();
    match view.callback_id.as_str() {
        callback::ASK => asked(app, &caller, view, delivery.as_deref()).await,
        callback::GLASS => broken(app, &caller, view, delivery.as_deref()).await,
        callback::DENY => {
            let reason = view.value(field::REASON, field::REASON).unwrap_or_default();
            if command::plain(reason).is_empty() {
                let sentence = "Say why, so that whoever asked knows what would do instead.";
                return errors(&json!({ (field::REASON): sentence })).into();
            }
            let press = Press::Deny(RequestId::new(view.metadata.as_str()), reason.to_owned());
            decided(app, &caller, press, delivery.as_deref()).await
        }
        callback::LESS => {
            let at_most = field::chosen(view).map(|word| command::duration(&word));
            let Ok(at_most) = at_most.transpose() else {
                return errors(&json!({ (field::DURATION): "Choose for how long." })).into();
            };
            let less = Less {
                at_most,
                note: view.value(field::NOTE, field::NOTE).map(str::to_owned),
            };
            let press = Press::ApproveFor(RequestId::new(view.metadata.as_str()), less);
            decided(app, &caller, press, delivery.as_deref()).await
        }
        callback::NOTE => {
            let less = Less {
                at_most: None,
                note: view.value(field::NOTE, field::NOTE).map(str::to_owned),
            };
            let press = Press::ApproveFor(RequestId::new(view.metadata.as_str()), less);
            decided(app, &caller, press, delivery.as_deref()).await
        }
        callback::USE => used(app, &caller, view, delivery.as_deref()).await,
        _ => HttpAnswer::empty().into(),
    }
}

/// What was found of the use of broken glass.
async fn used(app: &App, caller: &Caller, view: &View, delivery: Option<&str>) -> Handled {
    let found = view
        .value(field::FOUND, field::FOUND)
        .and_then(Found::parse);
    let Some(found) = found else {
        return errors(&json!({ (field::FOUND): "Choose what you found." })).into();
    };
    let note = view.value(field::NOTE, field::NOTE).map(str::to_owned);
    let silent = note
        .as_deref()
        .is_none_or(|note| command::plain(note).is_empty());
    if found == Found::NeedsFollowUp && silent {
        let sentence = "Say what needs a follow-up, so that somebody can look at it.";
        return errors(&json!({ (field::NOTE): sentence })).into();
    }
    let id = RequestId::new(view.metadata.as_str());
    let press = Press::Reviewed(id, Use { found, note });
    decided(app, caller, press, delivery).await
}

async fn asked(app: &App, caller: &Caller, view: &View, delivery: Option<&str>) -> Handled {
    let fields = field::request_form(view);
    let wrong = match app.form_sent(caller, fields.clone(), delivery).await {
        Sent::Errors(wrong) => wrong,
        Sent::Answer(answer) => {
            let new = matches!(&*answer, Answer::Asked(asked) if !asked.repeated);
            let title = if new { "Asked" } else { "Ask for access" };
            return instead(&views::in_modal(title, &views::answer(&answer))).into();
        }
    };
    match at_its_fields(view, &wrong) {
        Some(told) => told.into(),
        None => instead(&shown_anew(app, caller, fields, wrong).await).into(),
    }
}

/// None for a field that the form doesn't show yet: Slack would refuse the whole answer.
fn at_its_fields(view: &View, wrong: &BTreeMap<Field, String>) -> Option<HttpAnswer> {
    let places: Option<BTreeMap<&str, &String>> = wrong
        .iter()
        .map(|(field, sentence)| Some((field::block_of(view, field)?, sentence)))
        .collect();
    Some(errors(&json!(places?)))
}

/// The form that breaks the glass, sent.
async fn broken(app: &App, caller: &Caller, view: &View, delivery: Option<&str>) -> Handled {
    let fields = field::glass_form(view);
    let wrong = match app.glass_sent(caller, fields.clone(), delivery).await {
        Sent::Errors(wrong) => wrong,
        Sent::Answer(answer) => {
            return instead(&views::in_modal("Break-glass", &views::answer(&answer))).into();
        }
    };
    if let Some(told) = at_its_fields(view, &wrong) {
        return told.into();
    }
    let notes: Vec<String> = wrong.into_values().collect();
    let form = app.glass_form_anew(caller, fields);
    if let Ok(Ok(mut form)) = tokio::time::timeout(ANEW_WITHIN, form).await {
        form.notes = notes;
        return instead(&views::glass_form(&form)).into();
    }
    let problems = Answer::Problems(Problems {
        sentences: notes,
        ..Problems::default()
    });
    instead(&views::in_modal(
        "Nothing was done",
        &views::answer(&problems),
    ))
    .into()
}

/// The form with the fields of the role that is chosen by now, and what was wrong above them.
async fn shown_anew(
    app: &App,
    caller: &Caller,
    fields: FormFields,
    wrong: BTreeMap<Field, String>,
) -> Value {
    let sentences: Vec<String> = wrong.into_values().collect();
    let form = app.form(caller, FormFor::Fields(Box::new(fields)));
    if let Ok(Ok(mut form)) = tokio::time::timeout(ANEW_WITHIN, form).await {
        form.notes = sentences;
        return views::request_form(&form);
    }
    let problems = Answer::Problems(Problems {
        sentences,
        ..Problems::default()
    });
    views::in_modal("Nothing was sent", &views::answer(&problems))
}

/// Done: the modal closes and the card tells. Whatever else came of it is told in the modal's place.
async fn decided(app: &App, caller: &Caller, press: Press, delivery: Option<&str>) -> Handled {
    let of_use = matches!(press, Press::Reviewed(..));
    let answer = app.press(caller, press, delivery, None).await;
    let title = if matches!(answer, Answer::Done { .. }) {
        return HttpAnswer::empty().into();
    } else if answer == Answer::NotConfirmed {
        "Not confirmed"
    } else if of_use {
        "Nothing was recorded"
    } else {
        "Nothing was decided"
    };
    instead(&views::in_modal(title, &views::answer(&answer))).into()
}

pub(super) fn problem(sentence: &str) -> Answer {
    Answer::Problems(Problems {
        sentences: vec![sentence.into()],
        ..Problems::default()
    })
}

fn instead(view: &Value) -> HttpAnswer {
    HttpAnswer::json(&json!({ "response_action": "update", "view": view }))
}

fn errors(errors: &Value) -> HttpAnswer {
    HttpAnswer::json(&json!({ "response_action": "errors", "errors": errors }))
}

/// The last choice in each open form, so that an earlier one's answer doesn't overtake it.
#[derive(Clone, Default)]
pub(super) struct Newest(Arc<Mutex<HashMap<String, String>>>);

impl Newest {
    /// Forms that are remembered; beyond it the memory starts anew.
    const MOST: usize = 1_000;

    fn note(&self, view: &str, at: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= Self::MOST {
            all.clear();
        }
        let last = all.entry(view.to_owned()).or_default();
        if at > last.as_str() {
            at.clone_into(last);
        }
    }

    fn is(&self, view: &str, at: &str) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(view).is_none_or(|last| last == at)
    }
}
