//! Sessions: starting and ending them, and whose a token is.

use super::errors::SessionError;
use crate::{
    kernel::{Caller, Kernel, errors::Unavailable, views::Query},
    limits::{LAST_USED_EVERY, USER_AGENT_CHARS_MAX},
    secrets::Token,
};
use kafkatalk_log::{Ledger, Stream};
use kafkatalk_protocol::{
    SessionId, Timestamp, User,
    event::{SessionEnded, SessionStarted},
    http::Session,
};
use std::net::IpAddr;
use uuid::Uuid;

const SESSIONS: Stream = Stream::Ledger(Ledger::Sessions);

impl Kernel {
    /// Starts a session; its token.
    pub(crate) async fn start_session(
        &self,
        user: &User,
        user_agent: Option<&str>,
    ) -> Result<Token, Unavailable> {
        let token = Token::random()?;
        let started = SessionStarted {
            session: SessionId(Uuid::new_v4()),
            user: user.id,
            token_hash: token.hash(),
            user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_CHARS_MAX).collect()),
        };
        self.commit(SESSIONS, user.id, Some(started.session.to_string()), &started).await?;
        Ok(token)
    }

    /// Whose token this is.
    pub async fn caller(&self, token: &Token) -> Result<Option<Caller>, Unavailable> {
        self.caller_from(token, None).await
    }

    /// Whose token this is, asked for from an address. A token that nobody has is asked of the log, and of these only so
    /// many from one address: guessing must not become a load on the log.
    pub async fn caller_from(
        &self,
        token: &Token,
        from: Option<IpAddr>,
    ) -> Result<Option<Caller>, Unavailable> {
        let hash = token.hash();
        let found = match self.views.cached_session(&hash) {
            Some(found) => Some(found),
            None => self.look_up_session(hash, from).await?,
        };
        Ok(found.map(|(session, user)| {
            self.used(session);
            Caller { user, session }
        }))
    }

    async fn look_up_session(
        &self,
        hash: String,
        from: Option<IpAddr>,
    ) -> Result<Option<(SessionId, User)>, Unavailable> {
        if self.unknown_tokens.contains_key(&hash) {
            return Ok(None);
        }
        let asked = hash.clone();
        if let Some(too_many) = from.and_then(|from| self.rates.may_bring_token(from).err()) {
            // The views may know whoever signed in before, behind the same address; only the log is not asked.
            let known = self.views.read(move |views| views.session_by_token_hash(&asked)).await?;
            return known.map(Some).ok_or_else(|| Unavailable::too_often(too_many));
        }
        let found = self.find(move |views| views.session_by_token_hash(&asked)).await?;
        if found.is_none() {
            self.unknown_tokens.insert(hash, ());
            if let Some(from) = from {
                self.rates.unknown_token(from);
            }
        }
        Ok(found)
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
        let ended = SessionEnded { session };
        self.commit(SESSIONS, caller.user.id, Some(session.to_string()), &ended).await?;
        Ok(())
    }
}
