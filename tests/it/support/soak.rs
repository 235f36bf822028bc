//! The short form of the long layers runs with every `make test`, the long form in `make soak` (`HALLPASS_SOAK=1`).
//! Their figures go to where `HALLPASS_FIGURES` says, a line each, for `scripts/soak.sh` to print.

use std::fs::OpenOptions;
use std::io::Write;

/// Which of the two is wanted.
pub(crate) fn is_long() -> bool {
    std::env::var("HALLPASS_SOAK").is_ok_and(|asked| !asked.is_empty() && asked != "0")
}

pub(crate) fn long_or<T>(long: T, short: T) -> T {
    if is_long() { long } else { short }
}

/// A line of the report: the layer, then what was counted.
pub(crate) fn figure(layer: &str, counted: &str) {
    let line = format!("{layer}: {counted}\n");
    let mut out: Box<dyn Write> = match std::env::var_os("HALLPASS_FIGURES") {
        Some(file) => {
            let file = OpenOptions::new().create(true).append(true).open(file);
            Box::new(file.expect("the file of the figures"))
        }
        None => Box::new(std::io::stderr()),
    };
    out.write_all(line.as_bytes()).expect("a line of figures");
}

/// A number from `HALLPASS_SEED`, else this one: a run that is to be repeated is told its seed.
pub(crate) fn seed(otherwise: u64) -> u64 {
    let asked = std::env::var("HALLPASS_SEED").ok();
    asked.map_or(otherwise, |seed| seed.parse().expect("HALLPASS_SEED"))
}

/// Dice that fall the same way for the same seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}
