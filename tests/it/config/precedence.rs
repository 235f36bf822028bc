//! Role, template, environment, defaults: which wins, what merges and what replaces.

use hallpass::config::{Layer, Loaded};
use hallpass::domain::{Duration, RoleName, Who};

use super::{Folder, WELL, load};

/// The small file with the role's `max_duration` taken out and more below.
fn with(more: &str) -> Loaded {
    let text = format!("{}{more}", WELL.replace("max_duration = \"4h\"\n", ""));
    load(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn origin(loaded: &Loaded, key: &str) -> (String, Layer) {
    let keys = &loaded.resolved[&RoleName::new("db-admin")];
    let found = keys.iter().find(|one| one.key == key).expect(key);
    (found.value.clone(), found.layer.clone())
}

#[test]
fn the_nearest_layer_that_says_it_wins() {
    let role = "max_duration = \"1h\"\n";
    let refers = "template = \"t\"\nenvironment = \"prod\"\n";
    let template = "[template.t]\nmax_duration = \"2h\"\n";
    let template_of_template =
        "[template.t]\ntemplate = \"base\"\n[template.base]\nmax_duration = \"150m\"\n";
    let environment = "[environment.prod]\nrisk = \"low\"\nmax_duration = \"3h\"\n";
    let silent = "[environment.prod]\n";
    let defaults = "[defaults.role]\nmax_duration = \"4h\"\n";
    for (more, hours, layer) in [
        (
            [role, refers, template, environment, defaults].concat(),
            60,
            Layer::Role,
        ),
        (
            ["", refers, template, environment, defaults].concat(),
            120,
            Layer::Template("t".into()),
        ),
        (
            ["", refers, template_of_template, environment, defaults].concat(),
            150,
            Layer::Template("base".into()),
        ),
        (
            ["", refers, "[template.t]\n", environment, defaults].concat(),
            180,
            Layer::Environment("prod".into()),
        ),
        (
            ["", refers, "[template.t]\n", silent, defaults].concat(),
            240,
            Layer::Defaults,
        ),
        (String::new(), 60, Layer::BuiltIn),
    ] {
        let loaded = with(&more);
        let role = &loaded.config.roles[&RoleName::new("db-admin")];
        assert_eq!(role.max_duration, Duration::from_mins(hours), "{more}");
        assert_eq!(origin(&loaded, "max_duration").1, layer, "{more}");
    }
}

#[test]
fn tables_merge_and_lists_replace() {
    let loaded = with(
        "template = \"t\"\nlabels = { data = \"pii\" }\nextend = { by = \"30m\" }\n\
         warn_before = [\"1m\"]\n\
         [template.t]\nlabels = { data = \"none\", team = \"dba\" }\nextend = { times = 2, by = \"1h\" }\n\
         requesters = [\"*\"]\nwarn_before = [\"9m\", \"3m\"]\n",
    );
    let role = &loaded.config.roles[&RoleName::new("db-admin")];
    let labels: Vec<(&str, &str)> = role
        .labels
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(labels, [("data", "pii"), ("team", "dba")]);
    let extend = role.extend.expect("an extend rule");
    assert_eq!((extend.times, extend.by), (2, Duration::from_mins(30)));
    assert_eq!(role.requesters.len(), 1);
    assert_ne!(role.requesters, [Who::Everybody]);
    assert_eq!(role.warn_before, [Duration::from_mins(1)]);
    assert_eq!(
        origin(&loaded, "labels.team"),
        ("\"dba\"".into(), Layer::Template("t".into()))
    );
    assert_eq!(
        origin(&loaded, "labels.data"),
        ("\"pii\"".into(), Layer::Role)
    );
}

#[test]
fn what_a_role_leaves_to_access_comes_from_there() {
    let loaded = with("[access]\nrequest_timeout = \"2h\"\n");
    let role = &loaded.config.roles[&RoleName::new("db-admin")];
    assert_eq!(role.request_timeout, Duration::from_hours(2));
    assert_eq!(role.min_duration, Duration::from_mins(1));
    assert_eq!(
        origin(&loaded, "request_timeout"),
        ("\"2h\"".into(), Layer::Access)
    );
    assert_eq!(
        origin(&loaded, "min_duration"),
        ("\"1m\"".into(), Layer::BuiltIn)
    );
    assert_eq!(
        origin(&loaded, "visible_to"),
        ("[\"*\"]".into(), Layer::BuiltIn)
    );
}

#[test]
fn with_fills_in_names_and_stays_out_of_a_pattern_s_syntax() {
    let loaded = with(
        "template = \"t\"\nenvironment = \"prod\"\nwith = { db = \"o.r\" }\n\
         [environment.prod]\n\
         [template.t]\ndescription = \"{db} in {environment}\"\n\
         ticket = { pattern = \"{db}-\\\\d{2,3}\", example = \"{db}-12\" }\n",
    );
    let role = &loaded.config.roles[&RoleName::new("db-admin")];
    assert_eq!(role.description, "o.r in prod");
    let ticket = role.ticket.as_ref().expect("a ticket rule");
    assert_eq!(ticket.pattern, "o\\.r-\\d{2,3}");
    assert_eq!(ticket.example, "o.r-12");
}

#[test]
fn included_files_are_one_configuration_with_places_of_their_own() {
    let main = WELL.replacen(
        "version = 1",
        "version = 1\ninclude = [\"roles/*.toml\"]",
        1,
    );
    let folder = Folder::with(&[
        ("hallpass.toml", &main),
        (
            "roles/logs.toml",
            "version = 1\n[role.logs]\nrequesters = [\"*\"]\nstages = []\n\
             entitlements = [ { backend = \"orders-db\", role = \"reader\" } ]\n",
        ),
        ("roles/notes.md", "not read"),
    ]);
    let loaded = folder
        .load()
        .unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let roles: Vec<&str> = loaded.config.roles.keys().map(RoleName::as_str).collect();
    assert_eq!(roles, ["db-admin", "logs"]);
    let keys = &loaded.resolved[&RoleName::new("logs")];
    let stages = keys.iter().find(|one| one.key == "stages").expect("stages");
    let place = stages.place.as_deref().expect("a place");
    assert_eq!(folder.short(place), "roles/logs.toml:4");
    assert!(
        loaded.text.contains("[role.logs]"),
        "archived with the rest"
    );
}
