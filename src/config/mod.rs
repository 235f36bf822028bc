//! hallpass.toml and the environment, parsed once into checked types; mistakes carry file, line and column.
