//! The only file that names every adapter: puts the configured parts together.
