//! Who is online, and when somebody last was.

mod dot;
mod state;
mod words;

pub(crate) use dot::OnlineDot;
pub(crate) use state::Presences;
pub(crate) use words::words;
