//! One file per on-call provider, each an implementation of `ports::OnCall`: who is on call at a moment, and until when.
//! Who may decide what because of it is policy's and may not enter.

pub mod rotation;
pub mod static_;

pub use rotation::Rotation;
pub use static_::Static;
