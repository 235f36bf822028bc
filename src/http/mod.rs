//! The HTTP server: Slack routes, health, metrics.
