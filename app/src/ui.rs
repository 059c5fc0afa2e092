//! What every feature uses: icons, the logo, avatars, how times and names are worded.

pub mod avatar;
pub mod clock;
pub mod event;
pub mod focus;
pub mod icon;
pub mod person;
pub mod time;
