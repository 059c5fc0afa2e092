//! The requests of the protocol that the bench makes.

use super::http::{Answer, Ask, Http};
use crate::limits::{HISTORIES_PAUSE, HISTORY_PAGES_MAX};
use anyhow::{Context as _, Result, bail};
use hyper::{Method, StatusCode};
use kafkatalk_protocol::http::{
    AddMembers, BASE, Found, Messages, NameGroup, OpenConversation, SetRole, SignedIn, Users,
};
use kafkatalk_protocol::limits::PAGE_MAX;
use kafkatalk_protocol::member::{GroupName, Role};
use kafkatalk_protocol::{
    Body, Conversation, ConversationId, CreationId, Message, MessageId, Offset, Problem, UserId, Username,
};
use serde::de::DeserializeOwned;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// A user of the load, signed in.
pub(crate) type Account = SignedIn;

/// What every user of a load has for a password; the data is gone with the run.
const PASSWORD: &str = "correct horse battery staple";

/// A client of the HTTP API.
pub(crate) struct Api {
    http: Http,
    /// How long it asks again where a node cannot answer for the moment.
    patience: Duration,
}

impl Api {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        Ok(Self { http: Http::connect(address).await?, patience: Duration::ZERO })
    }

    /// The same, but what is read is asked for again for so long while the answer is 503.
    pub(crate) async fn patient(address: SocketAddr, patience: Duration) -> Result<Self> {
        Ok(Self { patience, ..Self::connect(address).await? })
    }

    /// Whether `/readyz` says that the server can serve.
    pub(crate) async fn ready(&mut self) -> Result<bool> {
        Ok(self.http.ask(Ask::get("/readyz")).await?.status == StatusCode::OK)
    }

    /// Registers a user.
    pub(crate) async fn register(&mut self, username: &Username) -> Result<Account> {
        understood(&self.ask_for(username).await?).context("POST /users")
    }

    /// The same where somebody else may be quicker: none, if the name is taken.
    pub(crate) async fn claim(&mut self, username: &Username) -> Result<Option<Account>> {
        let answer = self.ask_for(username).await?;
        if answer.status == StatusCode::CONFLICT {
            return Ok(None);
        }
        understood(&answer).context("POST /users").map(Some)
    }

    async fn ask_for(&mut self, username: &Username) -> Result<Answer> {
        let json = serde_json::json!({ "username": username, "password": PASSWORD });
        self.post("/users", None, json.to_string().into()).await
    }

    /// Says something.
    pub(crate) async fn say(
        &mut self,
        account: &Account,
        conversation: ConversationId,
        id: MessageId,
        body: &Body,
    ) -> Result<Message> {
        let json = serde_json::json!({ "id": id, "body": body }).to_string();
        let path = format!("/conversations/{conversation}/messages");
        let answer = self.post(&path, Some(&account.token), json.into()).await?;
        understood(&answer).with_context(|| format!("POST {path}"))
    }

    /// Opens the conversation with another user.
    pub(crate) async fn open(&mut self, account: &Account, other: &Username) -> Result<Conversation> {
        Ok(self.open_perhaps_first(account, other).await?.0)
    }

    /// The same, and whether it was not there before.
    pub(crate) async fn open_perhaps_first(
        &mut self,
        account: &Account,
        other: &Username,
    ) -> Result<(Conversation, bool)> {
        self.open_with(account, OpenConversation { members: vec![other.clone()], id: None }).await
    }

    /// Asks for a group under an id of the user's, and whether it was not there before.
    pub(crate) async fn group(
        &mut self,
        account: &Account,
        others: &[&Account],
        id: CreationId,
    ) -> Result<(Conversation, bool)> {
        let members = others.iter().map(|other| other.user.username.clone()).collect();
        self.open_with(account, OpenConversation { members, id: Some(id) }).await
    }

    async fn open_with(
        &mut self,
        account: &Account,
        asked: OpenConversation,
    ) -> Result<(Conversation, bool)> {
        let json = serde_json::to_vec(&asked)?;
        let answer = self.post("/conversations", Some(&account.token), json).await?;
        Ok((understood(&answer).context("POST /conversations")?, answer.status == StatusCode::CREATED))
    }

    /// A conversation as one of its members sees it.
    pub(crate) async fn conversation(
        &mut self,
        account: &Account,
        id: ConversationId,
    ) -> Result<Conversation> {
        self.get(&format!("{BASE}/conversations/{id}"), account).await
    }

    /// A conversation as somebody sees it who may be out of it.
    pub(crate) async fn seen(&mut self, account: &Account, id: ConversationId) -> Result<Seen> {
        let answer = self.read(&format!("{BASE}/conversations/{id}"), account).await?;
        Ok(match answer.status {
            StatusCode::FORBIDDEN => Seen::NoLonger,
            StatusCode::NOT_FOUND => Seen::Never,
            // It had all the time there is. It shows them nothing, and need not be waited for again.
            StatusCode::SERVICE_UNAVAILABLE => {
                self.patience = Duration::ZERO;
                Seen::Never
            }
            _ => Seen::By(Box::new(understood(&answer)?)),
        })
    }

    /// Adds somebody to a group.
    pub(crate) async fn add(
        &mut self,
        account: &Account,
        id: ConversationId,
        other: &Account,
        history: bool,
    ) -> Result<()> {
        let asked = AddMembers { members: vec![other.user.username.clone()], history };
        let path = format!("/conversations/{id}/members");
        let answer = self.post(&path, Some(&account.token), serde_json::to_vec(&asked)?).await?;
        done(&answer).with_context(|| format!("POST {path}"))
    }

    /// Removes a member of a group; oneself, to leave it.
    pub(crate) async fn remove(
        &mut self,
        account: &Account,
        id: ConversationId,
        member: UserId,
    ) -> Result<()> {
        let path = format!("/conversations/{id}/members/{member}");
        self.change(Method::DELETE, &path, account, None).await
    }

    /// Gives a member of a group a role.
    pub(crate) async fn set_role(
        &mut self,
        account: &Account,
        id: ConversationId,
        (member, role): (UserId, Role),
    ) -> Result<()> {
        let path = format!("/conversations/{id}/members/{member}");
        self.change(Method::PUT, &path, account, Some(serde_json::to_vec(&SetRole { role })?)).await
    }

    /// Names a group.
    pub(crate) async fn name(
        &mut self,
        account: &Account,
        id: ConversationId,
        name: Option<GroupName>,
    ) -> Result<()> {
        let path = format!("/conversations/{id}");
        self.change(Method::PATCH, &path, account, Some(serde_json::to_vec(&NameGroup { name })?)).await
    }

    async fn change(
        &mut self,
        method: Method,
        path: &str,
        account: &Account,
        json: Option<Vec<u8>>,
    ) -> Result<()> {
        let path = format!("{BASE}{path}");
        let ask = Ask { method, token: Some(&account.token), json, ..Ask::get(&path) };
        done(&self.http.ask(ask).await?).with_context(|| path.clone())
    }

    /// Whether the server says of a conversation and of its messages that there is no such thing.
    pub(crate) async fn is_hidden(&mut self, account: &Account, id: ConversationId) -> Result<bool> {
        for path in [format!("{BASE}/conversations/{id}"), format!("{BASE}/conversations/{id}/messages")] {
            match self.read(&path, account).await?.status {
                StatusCode::NOT_FOUND => {}
                StatusCode::OK => return Ok(false),
                other => bail!("a stranger's GET {path} was answered with {other}"),
            }
        }
        Ok(true)
    }

    /// Who has that name, as far as a caller is told.
    pub(crate) async fn who_is(&mut self, account: &Account, name: &Username) -> Result<Option<UserId>> {
        let found: Users = self.get(&format!("{BASE}/users?prefix={name}"), account).await?;
        Ok(found.users.iter().find(|user| user.username == *name).map(|user| user.id))
    }

    /// Reads a conversation's messages after an offset, page by page, to the end.
    pub(crate) async fn history(
        &mut self,
        account: &Account,
        conversation: ConversationId,
        after: Option<Offset>,
    ) -> Result<Vec<Message>> {
        Ok(self.history_and_record(account, conversation, after).await?.0)
    }

    /// The same, and the last record of the conversation whose effect all of them hold.
    pub(crate) async fn history_and_record(
        &mut self,
        account: &Account,
        conversation: ConversationId,
        after: Option<Offset>,
    ) -> Result<(Vec<Message>, Option<Offset>)> {
        let (mut messages, mut through) = (Vec::new(), None);
        let mut after = after.map_or_else(|| "-1".into(), |offset| offset.to_string());
        for page in 0..HISTORY_PAGES_MAX {
            let path = format!("{BASE}/conversations/{conversation}/messages?after={after}&limit={PAGE_MAX}");
            let read: Messages = self.get(&path, account).await?;
            messages.extend(read.messages);
            if page == 0 {
                through = read.through;
            }
            match read.next {
                Some(next) => after = next.to_string(),
                None => return Ok((messages, through)),
            }
        }
        bail!("the history of {conversation} has no end")
    }

    /// Reads one page: messages that were posted or changed after a record.
    pub(crate) async fn changed_after(
        &mut self,
        account: &Account,
        conversation: ConversationId,
        record: Offset,
    ) -> Result<Messages> {
        let path =
            format!("{BASE}/conversations/{conversation}/messages?changed_after={record}&limit={PAGE_MAX}");
        self.get(&path, account).await
    }

    /// Reads one page: the messages right before an offset.
    pub(crate) async fn page(
        &mut self,
        account: &Account,
        conversation: ConversationId,
        before: Offset,
        limit: usize,
    ) -> Result<Vec<Message>> {
        let path = format!("{BASE}/conversations/{conversation}/messages?before={before}&limit={limit}");
        let page: Messages = self.get(&path, account).await?;
        Ok(page.messages)
    }

    /// Searches for what stands so in an address; none while the server's index is not filled.
    pub(crate) async fn search(
        &mut self,
        account: &Account,
        query: &str,
        within: Option<ConversationId>,
        limit: usize,
    ) -> Result<Option<Found>> {
        let within = within.map_or_else(String::new, |id| format!("&conversation={id}"));
        let path = format!("{BASE}/search?q={query}&limit={limit}{within}");
        let ask = Ask { token: Some(&account.token), ..Ask::get(&path) };
        let answer = self.http.ask(ask).await?;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            return Ok(None);
        }
        understood(&answer).map(Some).with_context(|| format!("GET {path}"))
    }

    async fn get<T: DeserializeOwned>(&mut self, path: &str, account: &Account) -> Result<T> {
        understood(&self.read(path, account).await?).with_context(|| format!("GET {path}"))
    }

    /// The answer, once it is not 503 or patience is over.
    async fn read(&mut self, path: &str, account: &Account) -> Result<Answer> {
        let asked = Instant::now();
        loop {
            let ask = Ask { token: Some(&account.token), ..Ask::get(path) };
            let answer = self.http.ask(ask).await?;
            if answer.status != StatusCode::SERVICE_UNAVAILABLE || asked.elapsed() >= self.patience {
                return Ok(answer);
            }
            sleep(HISTORIES_PAUSE).await;
        }
    }

    async fn post(&mut self, path: &str, token: Option<&str>, json: Vec<u8>) -> Result<Answer> {
        let path = format!("{BASE}{path}");
        self.http.ask(Ask { method: Method::POST, token, json: Some(json), ..Ask::get(&path) }).await
    }
}

/// A conversation as somebody sees it.
pub(crate) enum Seen {
    /// As a member.
    By(Box<Conversation>),
    /// They were a member.
    NoLonger,
    /// There is no such conversation for them, or the node does not come to know.
    Never,
}

fn done(answer: &Answer) -> Result<()> {
    if answer.status.is_success() { Ok(()) } else { understood(answer) }
}

fn understood<T: DeserializeOwned>(answer: &Answer) -> Result<T> {
    if !answer.status.is_success() {
        match serde_json::from_slice::<Problem>(&answer.body) {
            Ok(problem) => bail!("{} {}: {}", problem.status, problem.code.as_str(), problem.detail),
            Err(_) => bail!("{} without a problem document", answer.status),
        }
    }
    serde_json::from_slice(&answer.body).context("the answer is not what the protocol says")
}
