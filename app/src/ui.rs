//! What every feature uses: icons, the logo, avatars, what Escape does, how times and names are worded.

pub mod avatar;
pub mod clock;
pub mod copy;
pub mod escape;
pub mod event;
pub mod focus;
pub mod follow;
pub mod icon;
pub mod person;
pub mod time;
