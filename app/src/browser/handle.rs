//! What the browser's callbacks hold of the engine: it does not keep the engine alive.

use crate::client::Input;
use std::rc::Weak;

/// Takes what happened.
pub(super) trait Tell {
    fn tell(&self, input: Input);
}

/// The engine, as long as it is there.
#[derive(Clone)]
pub(super) struct Handle(Weak<dyn Tell>);

impl Handle {
    pub(super) fn of(engine: Weak<dyn Tell>) -> Self {
        Self(engine)
    }

    /// Tells the client that something happened.
    pub(super) fn tell(&self, input: Input) {
        if let Some(engine) = self.0.upgrade() {
            engine.tell(input);
        }
    }
}
