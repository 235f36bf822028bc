//! A small app of the tests' own against the sandbox, both over HTTP.

mod app;
mod page;
mod rules;
mod story;
mod views;
