//! One SQL text, two databases: apply changes, claim effects, read.
