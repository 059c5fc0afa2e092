//! Members of a group: who they are, adding, removing and leaving, roles, and the group's name.

mod add;
mod panel;
mod requests;
mod rights;
mod shared;
mod side;

pub(crate) use shared::provide;
pub(crate) use side::{MembersButton, MembersSide};
