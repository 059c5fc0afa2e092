//! Registering, signing in and out, and the devices of a person.

use super::{
    Chat,
    errors::{RegisterError, SessionError, SignInError, Unavailable},
};
use crate::{
    limits::{LAST_USED_EVERY, USER_AGENT_CHARS_MAX},
    secrets::Token,
    views::{Change, Query},
};
use kafkatalk_log::{Ledger, Stream};
use kafkatalk_protocol::{
    Password, SessionId, Timestamp, User, UserId, Username,
    event::{SessionEnded, SessionStarted, UserClaimed},
    http::Session,
};
use uuid::Uuid;

const USERS: Stream = Stream::Ledger(Ledger::Users);
const SESSIONS: Stream = Stream::Ledger(Ledger::Sessions);

/// A device that has just signed in.
#[derive(Debug)]
pub struct Welcome {
    /// Who.
    pub user: User,
    /// Their secret for this device.
    pub token: Token,
}

/// Who asks, and from which device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The person.
    pub user: User,
    /// The device's session.
    pub session: SessionId,
}

impl Chat {
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
        let record = self.record(Some(claim.user), &claim);
        match self.commit(USERS, record).await? {
            Change::Claimed { user, won: true, .. } => {
                let started = self.start_session(&user, user_agent).await;
                let token = started.map_err(RegisterError::NotSignedIn)?;
                Ok(Welcome { user, token })
            }
            Change::Claimed { won: false, .. } => Err(RegisterError::Taken),
            _ => Err(Unavailable::Impossible("a claim came back as something else").into()),
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

    async fn start_session(&self, user: &User, user_agent: Option<&str>) -> Result<Token, Unavailable> {
        let token = Token::random()?;
        let started = SessionStarted {
            session: SessionId(Uuid::new_v4()),
            user: user.id,
            token_hash: token.hash(),
            user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_CHARS_MAX).collect()),
        };
        let record = self.record(Some(user.id), &started).keyed(started.session.to_string());
        self.commit(SESSIONS, record).await?;
        Ok(token)
    }

    /// Whose token this is.
    pub async fn caller(&self, token: &Token) -> Result<Option<Caller>, Unavailable> {
        let hash = token.hash();
        let found = match self.views.cached_session(&hash) {
            Some(found) => Some(found),
            None => self.find(move |views| views.session_by_token_hash(&hash)).await?,
        };
        Ok(found.map(|(session, user)| {
            self.used(session);
            Caller { user, session }
        }))
    }

    /// Notes that a session is in use.
    pub fn used(&self, session: SessionId) {
        let now = self.clock.now();
        let long_ago = |last: Timestamp| {
            let passed = now.as_millis().saturating_sub(last.as_millis());
            u128::try_from(passed).is_ok_and(|passed| passed >= LAST_USED_EVERY.as_millis())
        };
        if self.last_used.get(&session).is_none_or(long_ago) {
            self.last_used.insert(session, now);
        }
    }

    /// The devices of the caller, newest first.
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<Session>, Unavailable> {
        let (user, current) = (caller.user.id, caller.session);
        let mut sessions = self.views.read(move |views| views.sessions_of(user)).await?;
        for session in &mut sessions {
            session.current = session.id == current;
            let last = self.last_used.get(&session.id);
            session.last_seen_at = last.map_or(session.created_at, |last| last.max(session.created_at));
        }
        Ok(sessions)
    }

    /// Ends a session of the caller, this device's or another's.
    pub async fn end_session(&self, caller: &Caller, session: SessionId) -> Result<(), SessionError> {
        if session != caller.session {
            let user = caller.user.id;
            let find = move |views: &Query<'_>| {
                Ok(views.sessions_of(user)?.into_iter().find(|known| known.id == session))
            };
            self.find(find).await?.ok_or(SessionError::NotFound)?;
        }
        let record = self.record(Some(caller.user.id), &SessionEnded { session }).keyed(session.to_string());
        self.commit(SESSIONS, record).await?;
        Ok(())
    }
}
