//! Passwords and session tokens.
//!
//! Passwords are hashed with argon2id, off the async threads, a few at a time: one hash takes 19 MiB and tens of
//! milliseconds, so a crowd at the door must queue instead of taking the node down. Tokens are 256 random bits; only
//! their SHA-256 is kept, which is enough for a secret that nobody can guess.

use crate::limits::{HASH_WAIT, TOKEN_BYTES};
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use data_encoding::HEXLOWER;
use kafkatalk_protocol::Password;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A secret could not be made or checked.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Too many others wait for the same.
    #[error("too many sign-ins at once")]
    Busy,
    /// The machine has no randomness, or the hash could not be computed.
    #[error("{0}")]
    Failed(String),
}

/// What one hash costs. The default is OWASP's first choice for argon2id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
    /// Hashes at the same time on this node.
    pub parallel_hashes: usize,
}

impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, parallel_hashes: 2 }
    }
}

/// Hashes and verifies passwords.
#[derive(Clone, Debug)]
pub struct Passwords {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    /// Verified where there is no such user, so that the time taken does not tell who is registered.
    decoy: Arc<str>,
}

impl Passwords {
    /// With this cost. Computes one hash.
    pub fn new(cost: HashCost) -> Result<Self, SecretError> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None).map_err(failed)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = argon2.hash_password(b"nobody's password").map_err(failed)?.to_string();
        Ok(Self { argon2, turns: Arc::new(Semaphore::new(cost.parallel_hashes.max(1))), decoy: decoy.into() })
    }

    /// The hash in PHC form, with a salt of its own.
    pub async fn hash(&self, password: Password) -> Result<String, SecretError> {
        let argon2 = self.argon2.clone();
        self.in_turn(move || argon2.hash_password(password.as_str().as_bytes()).map(|hash| hash.to_string()))
            .await?
            .map_err(failed)
    }

    /// Whether the password fits the hash. Without a hash it takes as long and says no.
    pub async fn verify(&self, password: Password, hash: Option<String>) -> Result<bool, SecretError> {
        let argon2 = self.argon2.clone();
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.to_string());
        let fits = self
            .in_turn(move || {
                let parsed = PasswordHash::new(&hash)?;
                Ok::<_, argon2::password_hash::phc::Error>(
                    argon2.verify_password(password.as_str().as_bytes(), &parsed).is_ok(),
                )
            })
            .await?
            .map_err(failed)?;
        Ok(known && fits)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, SecretError> {
        let turn = tokio::time::timeout(HASH_WAIT, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| SecretError::Busy)?.map_err(failed)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> SecretError {
    SecretError::Failed(error.to_string())
}

/// A session's secret. Shown once to its owner, kept nowhere.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one.
    pub fn random() -> Result<Self, SecretError> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(failed)?;
        Ok(Self(HEXLOWER.encode(&bytes)))
    }

    /// One that a client brought.
    pub fn from_client(text: &str) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.0.as_bytes()))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick() -> Passwords {
        Passwords::new(HashCost { memory_kib: 8, passes: 1, parallel_hashes: 1 }).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[tokio::test]
    async fn the_right_password_fits_and_another_does_not() {
        let passwords = quick();
        let hash = passwords.hash(password("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(passwords.verify(password("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(password("correct house"), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_signs_in_as_a_user_who_does_not_exist() {
        assert!(!quick().verify(password("nobody's password"), None).await.unwrap());
    }

    #[test]
    fn what_is_kept_of_a_token_is_its_sha_256_in_lowercase_hex() {
        let hash = Token::from_client("abc").hash();
        assert_eq!(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn tokens_differ_and_do_not_show() {
        let (one, other) = (Token::random().unwrap(), Token::random().unwrap());
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(one.reveal().len(), TOKEN_BYTES * 2);
        assert_eq!(one.hash(), Token::from_client(one.reveal()).hash());
        assert!(!format!("{one:?}").contains(one.reveal()));
    }
}
