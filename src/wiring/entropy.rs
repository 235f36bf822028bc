//! Randomness from the operating system: the one place where ids are made.

use crate::ports::Entropy;

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the adapter that the ban speaks of"
    )]
    fn id(&self) -> String {
        uuid::Uuid::now_v7().to_string()
    }

    /// The operating system's source failing is not survivable: without it nothing here can be trusted.
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
