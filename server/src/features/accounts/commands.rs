//! Registering, signing in, finding people.

use super::{
    errors::{RegisterError, SignInError},
    project::Claimed,
};
use crate::{
    kernel::{Kernel, errors::Unavailable},
    secrets::Token,
};
use kafkatalk_log::{Ledger, Stream};
use kafkatalk_protocol::{Password, User, UserId, Username, event::UserClaimed};
use uuid::Uuid;

const USERS: Stream = Stream::Ledger(Ledger::Users);

/// A device that has just signed in.
#[derive(Debug)]
pub struct Welcome {
    /// Who.
    pub user: User,
    /// Their secret for this device.
    pub token: Token,
}

impl Kernel {
    /// Claims a username. Of all who claim the same name, on whatever node, the first in the log has it.
    pub async fn register(
        &self,
        username: Username,
        password: Password,
        user_agent: Option<&str>,
    ) -> Result<Welcome, RegisterError> {
        let name = username.clone();
        if self.views.read(move |views| views.user_by_name(&name)).await?.is_some() {
            // Only saves the hash and the record; the claim below is what decides.
            return Err(RegisterError::Taken);
        }
        let password_hash = self.passwords.hash(password).await?;
        let claim = UserClaimed { user: UserId(Uuid::new_v4()), username, password_hash };
        match self.commit(USERS, claim.user, None, &claim).await? {
            Claimed::Won(user) => {
                let started = self.start_session(&user, user_agent).await;
                let token = started.map_err(RegisterError::NotSignedIn)?;
                Ok(Welcome { user, token })
            }
            Claimed::Lost => Err(RegisterError::Taken),
        }
    }

    /// Starts a session for who knows the password.
    pub async fn sign_in(
        &self,
        username: Username,
        password: Password,
        user_agent: Option<&str>,
    ) -> Result<Welcome, SignInError> {
        let known = self.find(move |views| views.user_by_name(&username)).await?;
        let (user, hash) = known.unzip();
        match (self.passwords.verify(password, hash).await?, user) {
            (true, Some(user)) => {
                let token = self.start_session(&user, user_agent).await?;
                Ok(Welcome { user, token })
            }
            _ => Err(SignInError::WrongCredentials),
        }
    }

    /// People whose names begin so, by username.
    pub async fn find_users(&self, prefix: String, limit: usize) -> Result<Vec<User>, Unavailable> {
        Ok(self.views.read(move |views| views.users_by_prefix(&prefix, limit)).await?)
    }
}
