//! The integration tests, in one binary: a file per capability.
#![allow(
    clippy::unwrap_used,
    reason = "a test that can't go on fails there and then"
)]

mod apart_announced;
mod apart_notices;
mod architecture;
mod audit_chain;
mod audit_erase;
mod audit_export;
mod audit_ocsf;
mod audit_restored;
mod audit_retention;
mod audit_sink;
mod audit_verify;
mod backends_postgres;
mod backends_webhook;
mod clock_jumps;
mod command_line;
mod config;
mod crash_points;
mod engine_alarm;
mod engine_circuit;
mod engine_drill;
mod engine_leases;
mod engine_time;
mod forged_rows;
mod killed;
mod outages;
mod processes;
mod reconcile;
mod reconcile_configuration;
mod reconcile_ledger;
mod reconcile_postgres;
mod revocations;
mod slack_chat;
mod slack_checker;
mod slack_directory;
mod slack_fake;
mod slack_handle;
mod slack_hostile;
mod slack_inbound;
mod slack_samples;
mod slack_sandbox;
mod slack_shown;
mod slack_shown_alarm;
mod slack_shown_announcements;
mod slack_shown_answers;
mod slack_verify;
mod slack_views;
mod store;
mod store_batches;
mod store_effects;
mod store_events;
mod store_open;
mod store_rows;
mod story_approvals;
mod story_bad_commands;
mod story_break_glass;
mod story_failures;
mod story_grant;
mod story_postgres_target;
mod story_routes;
mod story_trust;
mod support;
