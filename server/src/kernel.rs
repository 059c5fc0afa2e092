//! The kernel: the one way of every record through the node. It knows no feature by name.
//!
//! | module | holds |
//! |---|---|
//! | [`Caller`] | who asks |
//! | [`commit`] | append a record and learn what came of it |
//! | [`pending_acks`] | use cases that wait for their own record |
//! | [`follow`] | the one loop from the log's tail to views and hub |
//! | [`projector`] | what a feature says of the records that it knows |
//! | [`views`] | the projections of the log, and reading them |
//! | `read_your_writes` | what another node wrote a moment ago |
//! | `reads_ahead` | read positions ahead of what this node can see |
//! | [`live`] | sockets, the hub that feeds them, catching up |
//! | [`signals`] | what may be lost, from publishers on any node to the lanes of sockets |
//! | [`erasures`] | what the log is to forget |
//! | [`errors`] | what can go wrong in any use case |

mod caller;
pub mod commit;
pub mod erasures;
pub mod errors;
pub mod follow;
pub mod live;
pub mod pending_acks;
pub mod projector;
mod read_your_writes;
mod reads_ahead;
pub mod signals;
pub mod views;

pub use caller::Caller;
pub use commit::Kernel;
