//! Tracing, metrics and the health that `/readyz` shows.
