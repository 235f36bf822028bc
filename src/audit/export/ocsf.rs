//! The record in the Open Cybersecurity Schema Framework (<https://schema.ocsf.io/1.3.0>), one event a line. Which kind
//! becomes which class stands in [`class_of`], and in `docs/record.md` for people; a test holds both together.

use std::io::{self, Write};

use hallpass_domain::{Actor, EventKind};
use serde_json::{Map, Value, json};

use super::read::{Read, read};
use super::{ExportError, Lines};
use crate::store::{SealedRecord, Store};

pub(super) const VERSION: &str = "1.3.0";

/// The classes that are used, by their `class_uid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    AccountChange,
    EntityManagement,
    UserAccess,
    DetectionFinding,
}

/// `severity_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Informational = 1,
    Low = 2,
    Medium = 3,
    High = 4,
}

/// What an Entity Management event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entity {
    Request,
    Grant,
    Holding,
    Configuration,
    Backend,
    Record,
}

/// Where a kind belongs. The activity is its `activity_id` within the class.
struct Mapping {
    class: Class,
    activity: u32,
    severity: Severity,
    entity: Entity,
    failed: bool,
}

pub(super) struct Ocsf<'w> {
    pub(super) out: &'w mut dyn Write,
}

#[async_trait::async_trait(?Send)]
impl Lines for Ocsf<'_> {
    async fn page(
        &mut self,
        store: &Store,
        records: &[SealedRecord],
        _: (u64, u64),
    ) -> Result<(), ExportError> {
        for one in read(store, records).await? {
            writeln!(self.out, "{}", line(&one))?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Class {
    fn uid(self) -> u32 {
        match self {
            Self::DetectionFinding => 2004,
            Self::AccountChange => 3001,
            Self::EntityManagement => 3004,
            Self::UserAccess => 3005,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::DetectionFinding => "Detection Finding",
            Self::AccountChange => "Account Change",
            Self::EntityManagement => "Entity Management",
            Self::UserAccess => "User Access Management",
        }
    }

    fn category(self) -> (u32, &'static str) {
        match self {
            Self::DetectionFinding => (2, "Findings"),
            Self::AccountChange | Self::EntityManagement | Self::UserAccess => {
                (3, "Identity & Access Management")
            }
        }
    }

    /// The name of one of the activities that are used.
    fn activity(self, id: u32) -> &'static str {
        match (self, id) {
            (Self::EntityManagement, 2) => "Read",
            (Self::EntityManagement, 3) => "Update",
            (Self::EntityManagement, 9) => "Disable",
            (Self::EntityManagement, 10) => "Activate",
            (Self::EntityManagement, 11) => "Deactivate",
            (Self::UserAccess, 1) => "Assign Privileges",
            (Self::UserAccess, 2) => "Revoke Privileges",
            (Self::UserAccess, 3) => "Assign Role",
            (Self::UserAccess, 4) => "Remove Role",
            (_, 1) => "Create",
            _ => "Other",
        }
    }
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Informational => "Informational",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }
}

fn entity(entity: Entity, activity: u32) -> Mapping {
    Mapping {
        class: Class::EntityManagement,
        activity,
        severity: Severity::Informational,
        entity,
        failed: false,
    }
}

fn access(activity: u32) -> Mapping {
    Mapping {
        class: Class::UserAccess,
        ..entity(Entity::Grant, activity)
    }
}

fn finding(severity: Severity) -> Mapping {
    Mapping {
        class: Class::DetectionFinding,
        severity,
        ..entity(Entity::Record, 1)
    }
}

impl Mapping {
    fn failed(self) -> Self {
        Self {
            failed: true,
            severity: Severity::Low,
            ..self
        }
    }

    fn severe(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }
}

fn class_of(kind: EventKind) -> Mapping {
    use EventKind as E;
    match kind {
        E::Requested => entity(Entity::Request, 1),
        E::Refused => entity(Entity::Request, 1).failed(),
        E::Reviewed
        | E::StageOpened
        | E::Climbed
        | E::Reminded
        | E::Approved
        | E::Scheduled
        | E::Reopened
        | E::ReviewOwed
        | E::PostUseReviewed => entity(Entity::Request, 3),
        E::Started => entity(Entity::Request, 10),
        E::Denied | E::Cancelled | E::TimedOut | E::Voided => entity(Entity::Request, 11),
        E::BrokeGlass => entity(Entity::Request, 10).severe(Severity::High),
        E::PostUseReviewOverdue => entity(Entity::Request, 3).severe(Severity::Medium),
        E::GrantIntended => entity(Entity::Grant, 1),
        E::GrantExtended | E::RevocationIntended | E::Warned => entity(Entity::Grant, 3),
        E::GrantActive => access(3),
        E::GrantFailed => access(3).failed(),
        E::GrantEnded => access(4),
        E::HoldingGranted => access(1),
        E::HoldingRefused => access(1).failed(),
        E::HoldingRevoked => access(2),
        E::HoldingVerified => entity(Entity::Holding, 2),
        E::SessionsEnded => entity(Entity::Holding, 3),
        E::PersonPinned => account(1),
        E::PersonChanged => account(99).severe(Severity::High),
        E::ConfigurationLoaded => entity(Entity::Configuration, 3),
        E::BackendRetired => entity(Entity::Backend, 9),
        E::BackendDown => entity(Entity::Backend, 11).severe(Severity::Medium),
        E::BackendBack => entity(Entity::Backend, 10),
        E::Rescheduled => entity(Entity::Record, 3).severe(Severity::Medium),
        E::RestoreAccepted | E::Erased | E::DrillDone => entity(Entity::Record, 3),
        E::RevocationStuck | E::Restored => finding(Severity::High),
        E::StandingAccessFound | E::DriftFound | E::ClockJumped | E::ClockSkewed => {
            finding(Severity::Medium)
        }
    }
}

fn account(activity: u32) -> Mapping {
    Mapping {
        class: Class::AccountChange,
        ..entity(Entity::Record, activity)
    }
}

fn line(one: &Read<'_>) -> Value {
    let mapping = class_of(one.kind);
    let mut event = common(one, &mapping);
    let more = match mapping.class {
        Class::EntityManagement => json!({
            "actor": actor(&one.actor),
            "entity": managed(one, mapping.entity),
            "comment": one.personal("reason"),
        }),
        Class::UserAccess => json!({
            "actor": actor(&one.actor),
            "user": user(one),
            "privileges": privileges(one),
            "resource": one.fact("backend").map(|name| json!({ "name": name, "type": "backend" })),
        }),
        Class::AccountChange => json!({ "actor": actor(&one.actor), "user": user(one) }),
        Class::DetectionFinding => json!({
            "finding_info": {
                "uid": one.event,
                "title": one.kind.as_str(),
                "created_time": one.at.timestamp_millis(),
                "types": [one.kind.as_str()],
            },
            "is_alert": true,
        }),
    };
    if let Value::Object(more) = more {
        event.extend(more);
    }
    // What isn't known is left out, never null.
    event.retain(|_, value| !value.is_null());
    Value::Object(event)
}

fn common(one: &Read<'_>, mapping: &Mapping) -> Map<String, Value> {
    let Mapping {
        class,
        activity,
        severity,
        failed,
        ..
    } = mapping;
    let (category, category_name) = class.category();
    let (status, status_name) = match (class, failed) {
        (Class::DetectionFinding, _) => (1, "New"),
        (_, false) => (1, "Success"),
        (_, true) => (2, "Failure"),
    };
    let about = one.grant_shown().or_else(|| one.request_shown());
    let common = json!({
        "activity_id": activity,
        "activity_name": class.activity(*activity),
        "category_uid": category,
        "category_name": category_name,
        "class_uid": class.uid(),
        "class_name": class.name(),
        "type_uid": class.uid() * 100 + activity,
        "type_name": format!("{}: {}", class.name(), class.activity(*activity)),
        "severity_id": *severity as u32,
        "severity": severity.name(),
        "status_id": status,
        "status": status_name,
        "time": one.at.timestamp_millis(),
        "message": about.map_or_else(
            || one.kind.as_str().to_owned(),
            |about| format!("{} {about}", one.kind.as_str()),
        ),
        "metadata": metadata(one),
        "unmapped": unmapped(one),
    });
    let Value::Object(common) = common else {
        unreachable!("an object was written")
    };
    common
}

fn metadata(one: &Read<'_>) -> Value {
    let mut metadata = json!({
        "version": VERSION,
        "product": {
            "name": "Hallpass",
            "vendor_name": "Hallpass",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "uid": one.event,
        "sequence": one.sequence,
        "event_code": one.kind.as_str(),
        "log_name": "record",
    });
    if let Some(request) = &one.request {
        metadata["correlation_uid"] = json!(request);
    }
    metadata
}

fn unmapped(one: &Read<'_>) -> Value {
    let personal: Map<String, Value> = one
        .personal
        .iter()
        .map(|(field, value)| ((*field).to_owned(), Value::from(*value)))
        .collect();
    json!({
        "hash": one.hash,
        "facts": one.facts,
        "personal": personal,
        "rules": one.rules,
        "request": one.request_shown(),
        "grant": one.grant_shown(),
        "holding": one.holding,
    })
}

fn actor(actor: &Actor) -> Value {
    match actor {
        Actor::Person(id) => json!({ "user": { "uid": id, "type_id": 1, "type": "User" } }),
        Actor::Hallpass => json!({ "app_name": "hallpass" }),
        Actor::Operator(name) => json!({ "user": { "name": name, "type_id": 2, "type": "Admin" } }),
    }
}

/// Whose access or account it is: the holder, or the person that the facts name.
fn user(one: &Read<'_>) -> Value {
    let holder = one.named.as_ref().map(|named| named.holder.to_string());
    let person = one.fact("person").map(str::to_owned);
    let uid = holder
        .or(person)
        .or_else(|| one.personal("holder").map(str::to_owned));
    let mut user = json!({
        "uid": uid.unwrap_or_else(|| "unknown".into()),
        "type_id": 1,
        "type": "User",
    });
    if let Some(principal) = one.personal("principal") {
        user["name"] = principal.into();
    }
    if let Some(email) = one.personal("email") {
        user["email_addr"] = email.into();
    }
    user
}

/// The entitlement, or the role.
fn privileges<'a>(one: &'a Read<'_>) -> Vec<&'a str> {
    let named = one.fact("entitlement").or_else(|| one.fact("role"));
    named.into_iter().collect()
}

fn managed(one: &Read<'_>, entity: Entity) -> Value {
    let (kind, uid, name) = match entity {
        Entity::Request => (
            "request",
            one.request.as_ref().map(ToString::to_string),
            one.request_shown(),
        ),
        Entity::Grant => (
            "grant",
            one.grant.as_ref().map(ToString::to_string),
            one.grant_shown(),
        ),
        Entity::Holding => (
            "holding",
            one.holding.as_ref().map(ToString::to_string),
            one.fact("entitlement").map(str::to_owned),
        ),
        Entity::Configuration => ("configuration", one.fact("digest").map(str::to_owned), None),
        Entity::Backend => ("backend", None, one.fact("backend").map(str::to_owned)),
        Entity::Record => ("record", None, None),
    };
    let name = name.unwrap_or_else(|| kind.to_owned());
    json!({ "type": kind, "uid": uid.unwrap_or_else(|| name.clone()), "name": name })
}

#[cfg(test)]
mod tests {
    use hallpass_domain::EventKind;

    use super::{Class, class_of};

    /// Every kind has its row, and every row says what [`class_of`] does.
    #[test]
    fn the_table_for_people_is_the_one_in_use() {
        let events = include_str!("../../../crates/domain/src/event.rs");
        let kinds = events.lines().filter_map(|line| {
            let (name, text) = line.trim().split_once(" = \"")?;
            let kind = EventKind::parse(text.strip_suffix("\",")?)?;
            name.chars().all(char::is_alphanumeric).then_some(kind)
        });
        let kinds: Vec<EventKind> = kinds.collect();
        assert!(kinds.len() > 40, "{kinds:?}");
        let table = include_str!("../../../docs/record.md");
        for kind in kinds {
            let mapping = class_of(kind);
            let status = match (mapping.class, mapping.failed) {
                (Class::DetectionFinding, _) => "New",
                (_, true) => "Failure",
                (_, false) => "Success",
            };
            let row = format!(
                "| `{}` | {} | {} {} | {} | {status} |",
                kind.as_str(),
                mapping.class.uid(),
                mapping.activity,
                mapping.class.activity(mapping.activity),
                mapping.severity.name(),
            );
            assert!(table.contains(&row), "{row} isn't in docs/record.md");
        }
    }
}
