use crate::effect::Notice;
use crate::grant::{EndReason, PartStatus, Release, State};
use crate::holding::{Known, Wanted};
use crate::request::Ask;
use crate::role::{Role, Sharing};
use crate::testing::{World, ask, at, broken_glass, db_admin, minutes};
use crate::{Actor, EventKind, HoldingId, RequestId};

fn at_once() -> Role {
    Role {
        stages: vec![],
        ..db_admin()
    }
}

fn orders() -> HoldingId {
    HoldingId::new("orders-db/orders_admin")
}

fn second(ask: Ask) -> Ask {
    Ask {
        id: RequestId::new("r2"),
        ..ask
    }
}

fn expires(world: &mut World, grant: &str, minute: i64) {
    let grant = world.grant(grant);
    let holdings = world.parts_of(&grant);
    let change = grant.end(EndReason::Expired, Actor::Hallpass, holdings, at(minute));
    world.apply(change.expect("expires"));
}

fn released(world: &World, grant: &str) -> Release {
    let status = world.grant(grant).parts[0].status.clone();
    let PartStatus::Released { how, .. } = status else {
        panic!("{status:?}");
    };
    how
}

#[test]
fn ending_the_first_grant_does_not_end_the_second() {
    let mut world = World::default();
    world.asks(ask(at_once()), "g1", &[], at(0));
    world.settles(at(0));
    world.asks(second(ask(at_once())), "g2", &[], at(30));
    world.settles(at(30));
    let wanted = world.holdings[&orders()].wanted();
    assert_eq!(
        wanted,
        Wanted::Held { until: at(150) },
        "the latest end wins"
    );

    expires(&mut world, "g1", 120);
    world.settles(at(120));
    assert!(matches!(world.grant("g1").state, State::Ended { .. }));
    assert_eq!(released(&world, "g1"), Release::StillCovered);
    assert!(world.backend.ours.contains(&orders()));
    assert_eq!(world.grant("g2").ends_at(), Some(at(150)));

    expires(&mut world, "g2", 150);
    world.settles(at(150));
    assert!(world.backend.ours.is_empty());
    assert_eq!(
        world.backend.calls,
        [
            "grant orders-db/orders_admin",
            "revoke orders-db/orders_admin"
        ]
    );
    assert_eq!(world.holdings[&orders()].opened_by, None);
}

#[test]
fn that_another_grant_covers_it_is_on_record_where_one_ended_and_nowhere_else() {
    let mut world = World::default();
    world.asks(ask(at_once()), "g1", &[], at(0));
    world.settles(at(0));
    world.asks(second(ask(at_once())), "g2", &[], at(30));
    world.settles(at(30));
    let covered = |world: &World| -> Vec<_> {
        let told = world.events.iter();
        told.filter(|event| event.facts.contains_key("still_covered"))
            .map(|event| event.grant.clone())
            .collect()
    };
    assert!(covered(&world).is_empty(), "nothing has ended");
    expires(&mut world, "g1", 120);
    world.settles(at(120));
    assert_eq!(covered(&world), [Some(world.grant("g1").id)]);
}

#[test]
fn a_second_grant_that_is_refused_leaves_the_first_alone() {
    let mut world = World::default();
    world.backend.tracks_expiry = true;
    world.asks(ask(at_once()), "g1", &[], at(0));
    world.settles(at(0));
    world.backend.refuses.insert(orders());
    world.asks(second(ask(at_once())), "g2", &[], at(30));
    world.settles(at(30));
    assert!(matches!(world.grant("g2").state, State::Failed { .. }));
    assert_eq!(world.grant("g1").ends_at(), Some(at(120)));
    assert!(world.backend.ours.contains(&orders()));
}

#[test]
fn break_glass_over_a_live_grant_is_a_new_grant_on_the_same_holding() {
    let mut world = World::default();
    world.asks(ask(at_once()), "g1", &[], at(0));
    world.settles(at(0));
    world.asks(second(broken_glass(db_admin())), "g2", &[], at(100));
    world.settles(at(100));
    assert_eq!(world.holdings.len(), 1);
    assert_eq!(world.grant("g2").ends_at(), Some(at(130)));
    expires(&mut world, "g1", 120);
    world.settles(at(120));
    assert!(world.backend.ours.contains(&orders()));
}

#[test]
fn standing_access_is_found_told_and_left() {
    let mut world = World::default();
    world.backend.others.insert(orders());
    world.asks(ask(at_once()), "g1", &[], at(0));
    world.settles(at(0));
    assert!(matches!(
        world.grant("g1").parts[0].status,
        PartStatus::Held { standing: true, .. }
    ));
    assert!(world.said.contains(&Notice::StandingAccess));
    expires(&mut world, "g1", 120);
    world.settles(at(120));
    assert!(matches!(released(&world, "g1"), Release::Standing { .. }));
    assert!(
        world.backend.calls.is_empty(),
        "nothing of others is touched"
    );
    let said = world
        .said
        .iter()
        .filter(|said| **said == Notice::StandingAccess);
    assert_eq!(said.count(), 1, "told once");
}

#[test]
fn standing_access_that_came_meanwhile_is_told_when_ours_is_gone() {
    let mut world = World::default();
    world.asks(ask(at_once()), "g1", &[], at(0));
    world.settles(at(0));
    world.backend.others.insert(orders());
    expires(&mut world, "g1", 120);
    world.settles(at(120));
    let Release::Removed { note, .. } = released(&world, "g1") else {
        panic!("ours was removed");
    };
    assert!(note.is_some_and(|note| note.contains("root")));
    assert!(world.said.contains(&Notice::StandingAccess));
    assert!(matches!(
        world.holdings[&orders()].known,
        Known::Standing { .. }
    ));
    assert!(world.backend.others.contains(&orders()));
}

#[test]
fn an_end_ordered_during_a_lost_answer_takes_back_what_was_granted() {
    let mut world = World::default();
    world.asks(ask(at_once()), "g1", &[], at(0));
    world.steps(&orders(), at(0)); // observed
    world.steps(&orders(), at(0)); // granted; the answer is never recorded
    let holding = world.holdings[&orders()].clone();
    world.running.clear();
    world.effects.insert(
        (
            crate::effect::Subject::Holding(orders()),
            crate::EffectKind::SyncHolding,
        ),
        holding.sync(at(1)),
    );
    expires(&mut world, "g1", 1);
    world.settles(at(2));
    assert!(world.backend.ours.is_empty());
    assert!(!world.grant("g1").is_live());
}

#[test]
fn a_holding_of_one_grant_alone_works_the_same() {
    let mut world = World::default();
    let asked = Ask {
        duration: minutes(30),
        ..ask(at_once())
    };
    let crate::request::Opening::New {
        grant,
        mut holdings,
    } = world.opening_of(&asked, "g1")
    else {
        panic!("a new grant");
    };
    holdings[0].sharing = Sharing::PerGrant;
    holdings[0].grant = Some(grant.clone());
    let opening = crate::request::Opening::New { grant, holdings };
    let asked = crate::Request::ask(asked, &[], Some(opening), at(0)).expect("asked");
    world.apply(asked.change);
    world.settles(at(0));
    assert_eq!(world.grant("g1").ends_at(), Some(at(30)));
    expires(&mut world, "g1", 30);
    world.settles(at(30));
    assert!(world.backend.ours.is_empty());
    assert!(
        world
            .events
            .iter()
            .any(|event| event.kind == EventKind::GrantEnded)
    );
}
