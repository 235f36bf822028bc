//! Stories of requests: Rita asks, Bob and Dana decide, Eve is the ladder, Carol is commander.

mod asking;
mod breaking;
mod closing;
mod deciding;
