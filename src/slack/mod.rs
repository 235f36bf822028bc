//! Slack: payload to command, read model to Block Kit, the chat and directory adapters.
