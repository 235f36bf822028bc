//! `[drill]`: what can be wrong with the canary.

use hallpass::config::Kind;
use hallpass::domain::{RoleName, SlackId};

use super::{WELL, load, mistakes};

const CANARY: &str = "\n[role.canary]\ndescription = \"Nothing\"\nrequesters = [\"U0CANARY\"]\nmax_duration = \"5m\"\nentitlements = [ { backend = \"orders-db\", role = \"canary\" } ]\nstages = []\n";

fn with(drill: &str) -> String {
    format!("{WELL}{CANARY}\n[drill]\n{drill}\n")
}

#[test]
fn a_canary_is_read() {
    let loaded = load(&with("role = \"canary\"\nperson = \"U0CANARY\"")).expect("it loads");
    let drill = loaded.config.drill.expect("a drill");
    assert_eq!(drill.role, RoleName::new("canary"));
    assert_eq!(Some(drill.person), SlackId::parse("U0CANARY"));
    assert!(load(WELL).expect("it loads").config.drill.is_none());
}

#[test]
fn what_cannot_be_drilled_is_told() {
    for (drill, kind, said) in [
        (
            "role = \"canry\"\nperson = \"U0CANARY\"",
            Kind::UndefinedName,
            "role `canry`",
        ),
        (
            "role = \"db-admin\"\nperson = \"U0ALICE\"",
            Kind::WrongValue,
            "has to be approved",
        ),
        (
            "role = \"canary\"\nperson = \"alice\"",
            Kind::SlackIdShape,
            "`alice`",
        ),
        (
            "role = \"canary\"\nperson = \"U0ALICE\"",
            Kind::WrongValue,
            "not among the requesters",
        ),
        ("role = \"canary\"", Kind::MissingKey, "`person`"),
        ("person = \"U0CANARY\"", Kind::MissingKey, "`role`"),
        (
            "role = \"canary\"\nperson = \"U0CANARY\"\nwithin = \"30s\"",
            Kind::UnknownKey,
            "`within`",
        ),
    ] {
        let found = mistakes(&with(drill));
        assert!(
            found
                .iter()
                .any(|one| one.kind == kind && one.message.contains(said)),
            "{drill}: {found:#?}"
        );
        assert_eq!(found.len(), 1, "{drill}: {found:#?}");
    }
}
