//! Stories of holdings: what is planned, what overlaps, what is left alone; and random sequences of everything.

mod adopted;
mod late;
mod machine;
mod overlap;
mod planning;
mod recorded;
mod sequences;
