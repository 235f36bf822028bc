//! The lists of the configuration as Cedar entities: a `List` for each list of a role, and what is in it pointing to it.
//! Membership is Cedar's own hierarchy, so nested groups need no code here. No decision may enter.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid};
use cedar_policy::{RestrictedExpression, Schema};
use hallpass_domain::role::{GroupName, Risk};
use hallpass_domain::{Membership, Person, Role, Who};

use super::{PolicyError, Subject};

/// The schema's types, parsed once: parsing a name costs more than deciding with it.
static KINDS: LazyLock<BTreeMap<&'static str, EntityTypeName>> = LazyLock::new(|| {
    let kinds = [
        "Account",
        "Action",
        "Email",
        "Everybody",
        "Group",
        "List",
        "Role",
        "Schedule",
        "User",
        "UserGroup",
    ];
    let named = |kind: &'static str| {
        let name = kind.parse().expect("the schema's type names are names");
        (kind, name)
    };
    kinds.into_iter().map(named).collect()
});

/// The uid of an entity; `kind` is one of the schema's types.
pub(super) fn uid(kind: &'static str, id: &str) -> EntityUid {
    let name = KINDS.get(kind).expect("one of the schema's types").clone();
    EntityUid::from_type_name_and_id(name, EntityId::new(id))
}

/// The entity that stands for an entry of a list.
fn entry(who: &Who) -> EntityUid {
    match who {
        Who::Everybody => uid("Everybody", "*"),
        Who::OnCall(schedule) => uid("Schedule", schedule.as_str()),
        Who::Group(group) => uid("Group", group.as_str()),
        Who::Account(account) => uid("Account", account.as_str()),
        Who::Email(email) => uid("Email", email.as_str()),
        Who::UserGroup(id) => uid("UserGroup", id),
    }
}

/// The name of the list of a stage's approvers, its ladder included.
pub(super) fn stage_list(role: &Role, stage: usize) -> String {
    format!("{} stage {}", role.name, stage + 1)
}

/// The lists that aren't a role's own.
pub(super) struct Lists {
    groups: BTreeMap<GroupName, Vec<Who>>,
    pub(super) operators: Vec<Who>,
}

impl Lists {
    pub(super) fn new(groups: BTreeMap<GroupName, Vec<Who>>) -> Self {
        Self {
            groups,
            operators: Vec::new(),
        }
    }

    /// Everything but people: the role, its lists, the groups.
    pub(super) fn entities(&self, role: &Role, schema: &Schema) -> Result<Entities, PolicyError> {
        let failed = |error: &dyn std::fmt::Display| PolicyError::Lists(error.to_string());
        let mut parents: HashMap<EntityUid, HashSet<EntityUid>> = HashMap::new();
        let mut hold = |list: EntityUid, entries: &mut dyn Iterator<Item = &Who>| {
            parents.entry(list.clone()).or_default();
            for who in entries {
                parents.entry(entry(who)).or_default().insert(list.clone());
            }
        };
        for (group, entries) in &self.groups {
            hold(uid("Group", group.as_str()), &mut entries.iter());
        }
        hold(uid("List", "operators"), &mut self.operators.iter());
        let mut attributes = HashMap::new();
        for (name, entries) in role_lists(role) {
            let list = uid("List", &format!("{} {name}", role.name));
            hold(list.clone(), &mut entries.into_iter());
            attributes.insert(name.to_owned(), RestrictedExpression::new_entity_uid(list));
        }
        for (index, stage) in role.stages.iter().enumerate() {
            let ladder = stage.ladder.iter().flat_map(|rung| &rung.ask);
            let list = uid("List", &stage_list(role, index));
            hold(list, &mut stage.approvers.iter().chain(ladder));
        }
        attributes.extend(bounds(role));
        let role = Entity::new(uid("Role", role.name.as_str()), attributes, HashSet::new())
            .map_err(|error| failed(&error))?;
        let lists = parents
            .into_iter()
            .map(|(uid, parents)| Entity::new_no_attrs(uid, parents));
        Entities::from_entities(lists.chain([role]), Some(schema)).map_err(|error| failed(&error))
    }
}

fn role_lists(role: &Role) -> [(&'static str, Vec<&Who>); 6] {
    let glass = role.break_glass.as_ref();
    let deciders = role.stages.iter().flat_map(|stage| {
        let ladder = stage.ladder.iter().flat_map(|rung| &rung.ask);
        stage.approvers.iter().chain(ladder)
    });
    [
        ("requesters", role.requesters.iter().collect()),
        ("visible_to", role.visible_to.iter().collect()),
        ("deciders", deciders.collect()),
        (
            "commanders",
            glass.map_or(vec![], |glass| glass.commanders.iter().collect()),
        ),
        (
            "review_by",
            glass.map_or(vec![], |glass| glass.review_by.iter().collect()),
        ),
        ("owners", role.owner.iter().collect()),
    ]
}

fn bounds(role: &Role) -> [(String, RestrictedExpression); 4] {
    let long = |seconds: u32| RestrictedExpression::new_long(i64::from(seconds));
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let environment = role.environment.as_ref();
    let risk = match environment.map(|environment| environment.risk) {
        Some(Risk::Low) => "low",
        Some(Risk::Medium) | None => "medium",
        Some(Risk::High) => "high",
    };
    let glass = role.break_glass.as_ref();
    let broken = glass.map_or(0, |glass| glass.max_duration.as_secs());
    [
        ("max_seconds".into(), long(role.max_duration.as_secs())),
        ("break_glass_max_seconds".into(), long(broken)),
        (
            "environment".into(),
            text(environment.map_or("", |environment| &environment.name)),
        ),
        ("risk".into(), text(risk)),
    ]
}

pub(super) fn person(person: &Person) -> EntityUid {
    uid("User", person.id.as_str())
}

/// The person who wants something, in all that they are in right now.
pub(super) fn subject(subject: &Subject<'_>) -> Result<Entity, String> {
    let schedules = subject.on_call.iter();
    let groups = subject.user_groups.iter();
    let parents = own_names(subject.person)
        .chain(schedules.map(|schedule| uid("Schedule", schedule.as_str())))
        .chain(groups.map(|id| uid("UserGroup", id)));
    user(subject.person, parents.collect())
}

/// A person that the question is about, known by their own names alone.
pub(super) fn stranger(other: &Person) -> Result<Entity, String> {
    user(other, own_names(other).collect())
}

fn own_names(person: &Person) -> impl Iterator<Item = EntityUid> {
    let accounts = person.accounts.iter();
    let email = person.email.iter();
    accounts
        .map(|account| uid("Account", account.as_str()))
        .chain(email.map(|email| uid("Email", email.as_str())))
        .chain([uid("Everybody", "*")])
}

fn user(person: &Person, parents: HashSet<EntityUid>) -> Result<Entity, String> {
    let membership = match person.membership {
        Membership::Member => "member",
        Membership::Guest => "guest",
        Membership::Bot => "bot",
        Membership::Outsider => "outsider",
        Membership::Deactivated => "deactivated",
    };
    let attributes = HashMap::from([(
        "membership".to_owned(),
        RestrictedExpression::new_string(membership.to_owned()),
    )]);
    Entity::new(uid("User", person.id.as_str()), attributes, parents)
        .map_err(|error| error.to_string())
}
