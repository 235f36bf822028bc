//! The other half of the handle: administration, faults, logs.

use serde_json::Value;

use super::Sandbox;
use crate::deliver::{self, Delivery, Outcome, Payload, events, socket};
use crate::fault::{Fault, FaultId, FaultReport};
use crate::state::Call;
use crate::workspace::{Person, RequestUrls};

/// The workspace's administration.
impl Sandbox {
    pub fn person(&self, who: &str) -> Option<Person> {
        self.shared.read().find_person(who).cloned()
    }

    /// Changes a profile or an account; `user_change` goes out in the background.
    pub fn set_person(&self, who: &str, change: impl FnOnce(&mut Person)) {
        let id = self.id_of(who);
        self.shared.write(|state| {
            state
                .workspace
                .people
                .iter_mut()
                .find(|person| person.id == id)
                .map(change)
        });
        events::person_changed(&self.shared, &id);
    }

    /// Changes who is in a channel (people and bots); `channel_left` goes out in the background where the app's bot no longer
    /// is.
    pub fn set_members(&self, channel: &str, change: impl FnOnce(&mut Vec<String>)) {
        let left = self.shared.write(|state| {
            let id = state.find_conversation(channel)?.id.clone();
            let bot = state.workspace.app.bot_user_id.clone();
            let found = state.conversations.iter_mut().find(|one| one.id == id)?;
            let was_in = found.has(&bot);
            change(&mut found.members);
            (was_in && !found.has(&bot)).then_some(id)
        });
        if let Some(channel) = left {
            events::channel_changed(&self.shared, &channel, "left");
        }
    }

    /// Archives a channel or opens it again; `channel_archive` goes out in the background.
    pub fn set_archived(&self, channel: &str, archived: bool) {
        let changed = self.shared.write(|state| {
            let id = state.find_conversation(channel)?.id.clone();
            let found = state.conversations.iter_mut().find(|one| one.id == id)?;
            let changes = found.archived != archived;
            found.archived = archived;
            changes.then_some(id)
        });
        if let (Some(channel), true) = (changed, archived) {
            events::channel_changed(&self.shared, &channel, "archive");
        }
    }

    /// Changes who is in a user group.
    pub fn set_group(&self, group: &str, change: impl FnOnce(&mut Vec<String>)) {
        self.shared.write(|state| {
            let groups = &mut state.workspace.user_groups;
            let found = groups
                .iter_mut()
                .find(|one| one.id == group || one.handle == group);
            found.map(|group| change(&mut group.users))
        });
    }

    pub fn set_request_urls(&self, urls: RequestUrls) {
        self.shared.write(|state| state.workspace.app.urls = urls);
    }

    /// One `chat.postMessage` a second per channel and of each method what its tier allows, or as many as come.
    pub fn set_limit_posting(&self, on: bool) {
        self.shared
            .write(|state| state.workspace.limit_posting = on);
    }

    pub fn set_socket_mode(&self, on: bool) {
        self.shared
            .write(|state| state.workspace.app.socket_mode = on);
    }

    /// Replaces the bot token, the signing secret or the scopes, for rotation and revocation.
    pub fn set_app(&self, change: impl FnOnce(&mut crate::workspace::App)) {
        self.shared.write(|state| change(&mut state.workspace.app));
    }

    /// Open Socket Mode connections.
    pub fn socket_connections(&self) -> usize {
        socket::connections(&self.shared)
    }

    /// Sends `disconnect` to all of them: `warning`, `refresh_requested`, `link_disabled`.
    pub fn disconnect_sockets(&self, reason: &str) {
        socket::disconnect_all(&self.shared, reason);
    }

    /// Their machines hang: nothing is read, nothing is written, nothing is closed.
    pub fn freeze_sockets(&self) {
        socket::order_all(&self.shared, &socket::Order::Freeze);
    }

    /// Their TCP connections break, without a goodbye.
    pub fn cut_sockets(&self) {
        socket::order_all(&self.shared, &socket::Order::Cut);
    }

    /// Ends the oldest of them for this reason, as [`Sandbox::disconnect_sockets`] ends all.
    pub fn disconnect_a_socket(&self, reason: &str) {
        socket::disconnect_one(&self.shared, reason);
    }

    /// What the app did over Socket Mode that Slack would not understand: an acknowledgement of nothing, twice, too late
    /// or over another connection, an answer where none is taken, a ping that stayed unanswered.
    pub fn socket_mistakes(&self) -> Vec<String> {
        crate::shared::lock(&self.shared.socket_mistakes).clone()
    }

    /// Sends the app's events URL a challenge.
    pub async fn verify_events_url(&self) -> Outcome {
        events::verify_url(&self.shared).await
    }
}

/// Faults and logs.
impl Sandbox {
    pub fn set_fault(&self, fault: Fault) -> FaultId {
        self.shared.write(|state| state.faults.arm(fault))
    }

    pub fn clear_fault(&self, id: FaultId) {
        self.shared.write(|state| state.faults.disarm(id));
    }

    pub fn clear_faults(&self) {
        self.shared.write(|state| state.faults.clear());
    }

    /// Every fault ever armed, with how often it fired.
    pub fn faults(&self) -> Vec<FaultReport> {
        self.shared.read().faults.report()
    }

    /// Every call of the Web API (and of response URLs, as `response_url`).
    pub fn calls(&self) -> Vec<Call> {
        self.shared.read().calls.clone()
    }

    /// The calls of one method.
    pub fn calls_of(&self, method: &str) -> Vec<Call> {
        let state = self.shared.read();
        state
            .calls
            .iter()
            .filter(|call| call.method == method)
            .cloned()
            .collect()
    }

    /// Everything that was sent to the app.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.read().deliveries.clone()
    }

    /// Sends a delivery once more, with the same body, timestamp and signature.
    pub async fn replay(&self, delivery: &Delivery) -> Outcome {
        deliver::replay(&self.shared, delivery).await
    }

    /// Sends any interaction payload, properly signed: forged ids, unknown types.
    pub async fn deliver_interaction(&self, payload: Value) -> Outcome {
        let (answered, took) =
            deliver::send(&self.shared, &Payload::Interaction(payload), None).await;
        Outcome::of(answered, took)
    }

    /// Sends any command, properly signed, whether or not it is one of the app's.
    pub async fn deliver_command(&self, fields: Vec<(String, String)>) -> Outcome {
        let (answered, took) = deliver::send(&self.shared, &Payload::Command(fields), None).await;
        Outcome::of(answered, took)
    }

    /// Sends any event payload, properly signed, once.
    pub async fn deliver_event(&self, payload: Value) -> Outcome {
        let (answered, took) = deliver::send(&self.shared, &Payload::Event(payload), None).await;
        Outcome::of(answered, took)
    }
}
