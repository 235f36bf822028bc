//! Stories of holdings: what is planned, what overlaps, what is left alone; and random sequences of everything.

mod adopted;
mod machine;
mod overlap;
mod planning;
mod sequences;
