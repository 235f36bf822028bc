//! One file per on-call provider.
