//! What the core asks of the world: traits that adapters implement and use cases call.
//! Only domain types cross them. No adapter, no policy, no store may enter.

pub mod backend;
pub mod chat;
pub mod clock;
pub mod directory;
pub mod home;
pub mod on_call;

pub use backend::{Backend, BackendError, HoldingRef, Inventory, Listed, Order, Receipt};
pub use chat::{Chat, ChatError, Place, Posted};
pub use clock::{Clock, Entropy};
pub use directory::{Directory, DirectoryError, SlackPerson};
pub use home::HomeScreen;
pub use on_call::{OnCall, OnCallError};
