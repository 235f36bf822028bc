//! The second story: a commander breaks the glass for a role of two entitlements. I13: the grant, the alert and the owed
//! review commit together, so whatever ended the bot, what the target was told to give has its alert in the security
//! channel with a review that can be answered; and both entitlements end as surely as any other.

use std::time::Instant;

use serde_json::json;
use slack_sandbox::{Message, Sandbox};

use super::{LENGTH, STEP};
use crate::support::judge::{self, Plan};
use crate::support::patience::{AGAIN, end_is_told, eventually, letters, shown};
use crate::support::workplace::{GENERAL, SECURITY};
use crate::support::world::World;

const ORDER: &str = "/prod-access break-glass db-owner for @rita 1s INC-42 orders are stuck";
/// What the role gives.
const PARTS: [&str; 2] = ["orders_admin", "orders_owner"];
const REVIEW: &str = "Review the use";

/// The alert of a request, where its review is owed still.
fn owed(slack: &Sandbox, short: &str) -> Option<(Message, String)> {
    slack.messages(SECURITY).into_iter().find_map(|message| {
        let buttons = message.buttons();
        let label = buttons.iter().find(|label| label.starts_with(REVIEW))?;
        let label = (*label).to_owned();
        message.plain().contains(short).then_some((message, label))
    })
}

/// Security answers for it, however often the bot ends over that.
async fn reviewed(slack: &Sandbox, short: &str) {
    let began = Instant::now();
    while let Some((alert, label)) = owed(slack, short) {
        match slack.open_views("eve").pop() {
            Some(modal) => {
                let values = json!({ "found": { "found": "as_it_should_be" } });
                slack.submit_view("eve", &modal.id, values).await;
                // What tells that nothing was recorded stands in the form's place.
                for left in slack.open_views("eve") {
                    slack.close_view("eve", &left.id).await;
                }
            }
            None => drop(slack.press_label("eve", &alert, &label).await),
        }
        assert!(
            began.elapsed() < STEP,
            "{short} can't be reviewed: {}",
            alert.plain()
        );
        tokio::time::sleep(AGAIN).await;
    }
}

/// Breaks the glass until that is answered; who wasn't answered looks first whether it is on record, as the answer says:
/// the access is short, and once it is over the same words would be meant anew.
async fn breaks(slack: &Sandbox) -> String {
    let began = Instant::now();
    loop {
        for text in [ORDER, "/prod-access mine"] {
            let outcome = slack.type_command("carol", GENERAL, text).await;
            if let Some(short) = letters(&outcome.text().unwrap_or_default()) {
                return short;
            }
            assert!(
                began.elapsed() < STEP,
                "carol: {text}: never acknowledged, at last: {outcome:?}"
            );
        }
        tokio::time::sleep(AGAIN).await;
    }
}

pub(super) async fn story(world: &World) {
    let (slack, gate) = (&world.slack, &world.gate);
    let short = breaks(slack).await;
    let taken = |part: &str| {
        let taken = gate.done("revoke");
        taken.iter().any(|call| call.permission == part) && gate.holders(part).is_empty()
    };
    let calls = || format!("gone: {:#?}", gate.calls());
    eventually(calls, STEP, || PARTS.into_iter().all(taken).then_some(())).await;
    let alerted = || owed(slack, &short).map(drop);
    let said = || format!("the alert of {short} in {:#?}", slack.messages(SECURITY));
    eventually(said, STEP, alerted).await;
    let said = || format!("the end of {short} in {:#?}", shown(slack));
    eventually(said, STEP, || end_is_told(slack, &short).then_some(())).await;
    reviewed(slack, &short).await;
}

/// What is wrong by the target's log: each part is judged as an access of its own.
pub(super) fn judged(world: &World, plan: Plan) -> Result<(), String> {
    assert_eq!(plan.length, LENGTH);
    for part in PARTS {
        let mut spans = judge::spans(&world.gate);
        spans.retain(|span| span.permission == part);
        plan.judge(&spans)
            .map_err(|wrong| format!("{part}: {wrong}"))?;
    }
    Ok(())
}
