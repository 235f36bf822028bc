//! More roles than a form lists: one is found by a word, and nothing that was typed is lost. Which ones a word finds is
//! tried beside `app::form_roles`, on twelve hundred.

use serde_json::json;

use crate::support::everywhere;
use crate::support::form::{has, offered, typed};

#[tokio::test]
async fn enter_behind_a_word_lists_the_roles_anew_and_keeps_what_was_typed() {
    everywhere(async |bot| {
        let form = bot.opens_form("alice", "/prod-access db-admin 30m").await;
        let mut shown = form.source.clone();
        // As where there are more roles than are listed.
        let find = json!({
            "type": "input", "block_id": "find", "optional": true, "dispatch_action": true,
            "label": { "type": "plain_text", "text": "Find a role" },
            "element": { "type": "plain_text_input", "action_id": "find" },
        });
        shown["blocks"].as_array_mut().unwrap().insert(0, find);
        let body = json!({ "view_id": form.id, "view": shown });
        let updated = bot.api("views.update", &body).await;
        assert_eq!(updated["ok"], true, "{updated}");

        let form = bot.looks_for("alice", "own the orders").await;
        assert_eq!(typed(&form, "role"), "db-admin", "what is chosen stays");
        assert_eq!(typed(&form, "duration:"), "30m");
        assert!(!has(&form, "find"), "here all of them are listed");
        let all: usize = offered(&form).iter().map(|(_, names)| names.len()).sum();
        assert_eq!(all, 7);
    })
    .await;
}
