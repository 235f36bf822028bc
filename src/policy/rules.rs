//! The rules: read from files, keyed by their `@id`, validated strictly against the schema, and found again by file and line.
//! Cedar keeps every policy's own source text and numbers them in the file's order, so a forward search gives each one's line.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};

use super::PolicyError;

const SCHEMA: &str = include_str!("../../policies/schema.cedarschema");
const BASE: &str = include_str!("../../policies/base.cedar");

/// Where a rule stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleRef {
    pub id: String,
    pub file: String,
    /// From 1.
    pub line: usize,
}

impl fmt::Display for RuleRef {
    /// `base.cedar:12 requesters-may-ask`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {}", self.file, self.line, self.id)
    }
}

pub(super) fn schema() -> Result<Schema, PolicyError> {
    let in_schema = |why: String| PolicyError::Rule {
        file: "schema.cedarschema".into(),
        line: 1,
        why,
    };
    let (schema, mut warnings) =
        Schema::from_cedarschema_str(SCHEMA).map_err(|error| in_schema(error.to_string()))?;
    match warnings.next() {
        Some(warning) => Err(in_schema(warning.to_string())),
        None => Ok(schema),
    }
}

pub(super) struct Rules {
    set: PolicySet,
    places: HashMap<PolicyId, RuleRef>,
}

impl Rules {
    /// The rules that ship, and those of `extra`.
    pub(super) fn read(schema: &Schema, extra: &[(String, String)]) -> Result<Self, PolicyError> {
        let mut rules = Self {
            set: PolicySet::new(),
            places: HashMap::new(),
        };
        rules.add("base.cedar", BASE)?;
        for (file, text) in extra {
            rules.add(file, text)?;
        }
        rules.validate(schema)?;
        Ok(rules)
    }

    pub(super) fn set(&self) -> &PolicySet {
        &self.set
    }

    /// The rules behind ids, in the order of file and line.
    pub(super) fn named<'a>(&self, ids: impl Iterator<Item = &'a PolicyId>) -> Vec<RuleRef> {
        let mut named: Vec<RuleRef> = ids.filter_map(|id| self.places.get(id)).cloned().collect();
        named.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        named
    }

    /// The sentence that the first of these rules gives in `@reason`.
    pub(super) fn reason(&self, rules: &[RuleRef]) -> Option<String> {
        rules.iter().find_map(|rule| {
            self.set
                .annotation(&PolicyId::new(&rule.id), "reason")
                .map(str::to_owned)
        })
    }

    fn add(&mut self, file: &str, text: &str) -> Result<(), PolicyError> {
        let wrong = |line: usize, why: String| PolicyError::Rule {
            file: file.into(),
            line,
            why,
        };
        let raw = PolicySet::from_str(text).map_err(|error| {
            let offset = first_offset(&error).unwrap_or(0);
            wrong(line_of(text, offset), error.to_string())
        })?;
        let mut policies: Vec<&Policy> = raw.policies().collect();
        policies.sort_by_key(|policy| number(policy.id()));
        let mut from = 0;
        for policy in policies {
            let source = policy.to_string();
            let at = text[from..]
                .find(&source)
                .map_or(from, |offset| from + offset);
            from = at + source.len();
            let line = line_of(text, at);
            let Some(id) = policy.annotation("id").map(str::to_owned) else {
                return Err(wrong(line, "a rule needs a name: @id(\"…\")".into()));
            };
            let key = PolicyId::new(&id);
            if let Some(first) = self.places.get(&key) {
                let why = format!(
                    "“{id}” is the name of the rule in {}:{}",
                    first.file, first.line
                );
                return Err(wrong(line, why));
            }
            self.set
                .add(policy.new_id(key.clone()))
                .map_err(|error| wrong(line, error.to_string()))?;
            let file = file.to_owned();
            self.places.insert(key, RuleRef { id, file, line });
        }
        Ok(())
    }

    fn validate(&self, schema: &Schema) -> Result<(), PolicyError> {
        let outcome = Validator::new(schema.clone()).validate(&self.set, ValidationMode::Strict);
        let Some(error) = outcome.validation_errors().next() else {
            return Ok(());
        };
        let place = self.places.get(error.policy_id());
        Err(PolicyError::Rule {
            file: place.map_or_else(String::new, |place| place.file.clone()),
            line: place.map_or(1, |place| place.line),
            why: error.to_string(),
        })
    }
}

fn first_offset(error: &dyn miette::Diagnostic) -> Option<usize> {
    error.labels()?.next().map(|label| label.offset())
}

fn line_of(text: &str, offset: usize) -> usize {
    let newlines = text.bytes().take(offset).filter(|byte| *byte == b'\n');
    newlines.count() + 1
}

/// Cedar names unnamed policies `policy0`, `policy1`, … in the file's order.
fn number(id: &PolicyId) -> usize {
    let text: &str = id.as_ref();
    text.trim_start_matches("policy")
        .parse()
        .unwrap_or(usize::MAX)
}
