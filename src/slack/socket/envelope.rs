//! A text frame of Slack's, read leniently: hello, goodbye, or an envelope with a payload. A payload is handed on in the
//! shape in which it would have come over HTTP. No meaning of a payload may enter.

use serde_json::{Value, json};
use url::form_urlencoded;

/// What a frame says.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    Hello,
    Goodbye(Goodbye),
    Envelope(Box<Envelope>),
    /// What Slack invents next.
    Unknown(String),
}

/// Why Slack ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goodbye {
    /// It will be closed soon, or now: another one has to take its place.
    Soon,
    /// Socket Mode was switched off.
    Disabled,
    /// There are ten already.
    TooMany,
}

#[derive(Debug, PartialEq)]
pub(super) struct Envelope {
    pub(super) id: String,
    /// Whether the answer may go with the acknowledgement.
    pub(super) answerable: bool,
    pub(super) kind: Kind,
    payload: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Command,
    Interaction,
    Event,
    Unknown(String),
}

impl Frame {
    /// None where it isn't JSON, or an envelope without an id, which nobody could acknowledge.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut frame: Value = serde_json::from_str(text).ok()?;
        let kind = frame["type"].as_str().unwrap_or_default().to_owned();
        match kind.as_str() {
            "hello" => return Some(Self::Hello),
            "disconnect" => {
                return Some(Self::Goodbye(match frame["reason"].as_str() {
                    Some("link_disabled") => Goodbye::Disabled,
                    Some("too_many_websockets") => Goodbye::TooMany,
                    // `warning`, `refresh_requested`, and what Slack invents next.
                    _ => Goodbye::Soon,
                }));
            }
            _ => {}
        }
        let Some(id) = frame["envelope_id"].as_str().map(str::to_owned) else {
            return Some(Self::Unknown(kind));
        };
        Some(Self::Envelope(Box::new(Envelope {
            answerable: frame["accepts_response_payload"] == true,
            kind: match kind.as_str() {
                "slash_commands" => Kind::Command,
                "interactive" => Kind::Interaction,
                "events_api" => Kind::Event,
                _ => Kind::Unknown(kind),
            },
            payload: frame["payload"].take(),
            id,
        })))
    }
}

impl Envelope {
    /// As it would have come over HTTP: a form for commands and interactions, JSON for events.
    pub(super) fn body(&self) -> Vec<u8> {
        match &self.kind {
            Kind::Command => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (key, value) in self.payload.as_object().into_iter().flatten() {
                    match value {
                        Value::String(text) => form.append_pair(key, text),
                        Value::Null => &mut form,
                        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                            form.append_pair(key, &value.to_string())
                        }
                    };
                }
                form.finish().into_bytes()
            }
            Kind::Interaction => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.append_pair("payload", &self.payload.to_string());
                form.finish().into_bytes()
            }
            Kind::Event | Kind::Unknown(_) => self.payload.to_string().into_bytes(),
        }
    }

    /// The same for every delivery of one payload, where Slack sends it again in another envelope.
    pub(super) fn once(&self) -> Option<String> {
        let text = |pointer: &str| self.payload.pointer(pointer).and_then(Value::as_str);
        match self.kind {
            Kind::Event => text("/event_id").map(|id| format!("event:{id}")),
            Kind::Interaction => text("/trigger_id").map(|id| {
                // A form's submission and a press can share one.
                format!("{}:{id}", text("/type").unwrap_or_default())
            }),
            Kind::Command | Kind::Unknown(_) => None,
        }
    }

    /// Where a late answer goes.
    pub(super) fn response_url(&self) -> Option<&str> {
        self.payload.get("response_url").and_then(Value::as_str)
    }

    /// The acknowledgement, with the answer where there is one.
    pub(super) fn acknowledgement(&self, answer: Option<&Value>) -> String {
        let mut acknowledgement = json!({ "envelope_id": self.id });
        if let (Some(answer), true) = (answer, self.answerable) {
            acknowledgement["payload"] = answer.clone();
        }
        acknowledgement.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Envelope, Frame, Goodbye, Kind};

    fn envelope(text: &str) -> Envelope {
        match Frame::read(text) {
            Some(Frame::Envelope(envelope)) => *envelope,
            other => panic!("no envelope: {other:?}"),
        }
    }

    #[test]
    fn frames_are_read_leniently() {
        assert_eq!(Frame::read(r#"{"type":"hello"}"#), Some(Frame::Hello));
        for (reason, goodbye) in [
            ("warning", Goodbye::Soon),
            ("refresh_requested", Goodbye::Soon),
            ("something new", Goodbye::Soon),
            ("link_disabled", Goodbye::Disabled),
            ("too_many_websockets", Goodbye::TooMany),
        ] {
            let frame = json!({ "type": "disconnect", "reason": reason }).to_string();
            assert_eq!(Frame::read(&frame), Some(Frame::Goodbye(goodbye)));
        }
        assert_eq!(Frame::read("not JSON"), None);
        assert_eq!(Frame::read("[]"), Some(Frame::Unknown(String::new())));
        let new = envelope(r#"{"envelope_id":"7","type":"telepathy"}"#);
        assert_eq!(new.kind, Kind::Unknown("telepathy".into()));
        assert_eq!(new.acknowledgement(None), r#"{"envelope_id":"7"}"#);
    }

    #[test]
    fn payloads_are_handed_on_as_over_http() {
        let command = envelope(
            r#"{"envelope_id":"1","type":"slash_commands","accepts_response_payload":true,
                "payload":{"command":"/a","text":"x & y","enterprise_id":null,"is_enterprise_install":false}}"#,
        );
        assert_eq!(
            command.body(),
            b"command=%2Fa&text=x+%26+y&is_enterprise_install=false"
        );
        let answer = json!({ "text": "hi" });
        assert!(command.acknowledgement(Some(&answer)).contains("hi"));
        let press = envelope(
            r#"{"envelope_id":"2","type":"interactive","payload":{"type":"block_actions","trigger_id":"9"}}"#,
        );
        assert!(press.body().starts_with(b"payload=%7B"));
        assert_eq!(press.once().as_deref(), Some("block_actions:9"));
        assert!(!press.acknowledgement(Some(&answer)).contains("hi"));
        let event = envelope(
            r#"{"envelope_id":"3","type":"events_api","payload":{"type":"event_callback","event_id":"Ev1"}}"#,
        );
        assert_eq!(event.once().as_deref(), Some("event:Ev1"));
    }
}
