//! OCSF: each line holds what the schema of its class requires (version 1.3.0, <https://schema.ocsf.io/1.3.0>).

use std::collections::BTreeSet;

use hallpass::audit::export::{Format, OCSF};
use serde_json::Value;

use crate::audit_export::{exported, sealed};
use crate::support::{everywhere, minutes};

/// A class: its uid, its category, its activities, and what it requires beside what every event must have.
type Class = (u64, u64, &'static [u64], &'static [&'static str]);

const CLASSES: &[Class] = &[
    (2004, 2, &[0, 1, 2, 3, 99], &["finding_info"]),
    (
        3001,
        3,
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 99],
        &["user"],
    ),
    (
        3004,
        3,
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 99],
        &["entity"],
    ),
    (3005, 3, &[0, 1, 2, 3, 4, 99], &["user", "privileges"]),
];

const EVERY_EVENT: [&str; 7] = [
    "activity_id",
    "category_uid",
    "class_uid",
    "metadata",
    "severity_id",
    "time",
    "type_uid",
];

/// What the schema requires of an event; a sentence for each thing that is wrong.
#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
fn mistakes(event: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut require = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    for key in EVERY_EVENT {
        require(!event[key].is_null(), key);
    }
    let number = |key: &str| event[key].as_u64().unwrap_or(u64::MAX);
    let Some((uid, category, activities, needs)) =
        CLASSES.iter().find(|(uid, ..)| *uid == number("class_uid"))
    else {
        return vec![format!("no class {}", event["class_uid"])];
    };
    require(number("category_uid") == *category, "category_uid");
    require(activities.contains(&number("activity_id")), "activity_id");
    require(
        number("type_uid") == uid * 100 + number("activity_id"),
        "type_uid",
    );
    require(
        [0, 1, 2, 3, 4, 5, 6, 99].contains(&number("severity_id")),
        "severity_id",
    );
    require(
        [0, 1, 2, 3, 4, 5, 6, 99].contains(&number("status_id")),
        "status_id",
    );
    // Milliseconds: not seconds, not microseconds.
    require(
        (1_500_000_000_000..10_000_000_000_000).contains(&number("time")),
        "time",
    );
    for key in *needs {
        require(!event[*key].is_null(), key);
    }
    require(event["metadata"]["version"] == OCSF, "metadata.version");
    for key in ["name", "vendor_name"] {
        require(
            event["metadata"]["product"][key].is_string(),
            "metadata.product",
        );
    }
    // "At least one" constraints of the objects.
    let has = |object: &Value, keys: &[&str]| keys.iter().any(|key| !object[*key].is_null());
    for object in [&event["user"], &event["actor"]["user"]] {
        require(
            object.is_null() || has(object, &["account", "name", "uid"]),
            "user",
        );
    }
    let actor = &event["actor"];
    require(
        actor.is_null()
            || has(
                actor,
                &["process", "user", "session", "app_name", "app_uid"],
            ),
        "actor",
    );
    let entity = &event["entity"];
    require(entity.is_null() || has(entity, &["name", "uid"]), "entity");
    let finding = &event["finding_info"];
    require(
        finding.is_null() || (has(finding, &["uid"]) && has(finding, &["title"])),
        "finding_info",
    );
    let nulls = event
        .as_object()
        .is_some_and(|map| map.values().any(Value::is_null));
    require(!nulls, "null in place of what isn't known");
    wrong
}

#[tokio::test]
async fn every_line_is_what_its_class_requires() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        let denied = bot.asks("rita", "/prod-access db-owner 30m curious").await;
        bot.denies("bob", &denied).await;
        bot.says("gus", "/prod-access db-admin 30m let me in").await;
        bot.types(
            "carol",
            "/prod-access break-glass db-owner for @alice 30m INC-7 all is down",
        )
        .await;
        bot.settle().await;
        bot.clock.advance(minutes(31));
        bot.settle().await;
        sealed(&bot.store).await;

        let (text, told) = exported(&bot.store, Format::Ocsf, None, None).await;
        let events: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(events.len() as u64, told.records);
        for event in &events {
            assert_eq!(mistakes(event), Vec::<String>::new(), "{event:#}");
        }
        let classes: BTreeSet<u64> = events
            .iter()
            .filter_map(|event| event["class_uid"].as_u64())
            .collect();
        assert!(
            classes.is_superset(&[3001, 3004, 3005].into()),
            "{classes:?}"
        );
        let given = events
            .iter()
            .find(|event| event["metadata"]["event_code"] == "holding.granted")
            .unwrap();
        assert_eq!(given["type_uid"], 300_501);
        assert_eq!(given["user"]["name"], "alice");
        assert_eq!(given["resource"]["name"], "gate");
        let holder = bot.row(&request).await.holder;
        let active = events
            .iter()
            .find(|event| event["metadata"]["event_code"] == "grant.active")
            .unwrap();
        assert_eq!(
            (&active["type_uid"], &active["user"]["uid"]),
            (&300_503.into(), &Value::from(holder.as_str()))
        );
        let asked = events
            .iter()
            .find(|event| event["metadata"]["event_code"] == "request.asked")
            .unwrap();
        assert_eq!(asked["entity"]["name"], request.short);
        assert_eq!(asked["comment"], "orders stuck");
    })
    .await;
}

#[test]
fn a_line_that_lacks_something_is_found() {
    let wrong = mistakes(
        &serde_json::json!({ "class_uid": 3005, "activity_id": 77, "time": 1_700_000_000 }),
    );
    for what in [
        "category_uid",
        "type_uid",
        "activity_id",
        "time",
        "metadata",
        "user",
        "severity_id",
    ] {
        assert!(wrong.iter().any(|one| one == what), "{what}: {wrong:?}");
    }
}
