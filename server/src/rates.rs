//! Who may do how much: rate limits, by address and by person. All of them are off with `--no-rate-limits`.

use crate::limits::{
    GUESSING_ADDRESSES_MAX, LOOKS_BURST, LOOKS_PER_SECOND, SEARCHES_BURST, SEARCHES_PER_SECOND,
    SOCKET_FRAMES_BURST, SOCKET_FRAMES_PER_SECOND, TYPING_BURST, TYPING_PER_SECOND,
    UNKNOWN_TOKENS_PER_MINUTE,
};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use kafkatalk_protocol::{ErrorCode, Problem, UserId};
use moka::sync::Cache as Moka;
use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::{Duration, Instant},
};

/// The limits an operator sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Registrations from one address within a minute.
    pub registrations_per_minute: NonZeroU32,
    /// Sign-ins from one address within a minute.
    pub sign_ins_per_minute: NonZeroU32,
    /// New conversations of one person within a minute.
    pub conversations_per_minute: NonZeroU32,
    /// Messages of one person a second, for long.
    pub messages_per_second: NonZeroU32,
    /// Messages of one person at once.
    pub messages_burst: NonZeroU32,
}

/// Counts, and says when it is too much.
#[derive(Debug)]
pub struct Rates {
    limits: Option<Limiters>,
}

#[derive(Debug)]
struct Limiters {
    told: RateLimits,
    registrations: DefaultKeyedRateLimiter<IpAddr>,
    sign_ins: DefaultKeyedRateLimiter<IpAddr>,
    conversations: DefaultKeyedRateLimiter<UserId>,
    messages: DefaultKeyedRateLimiter<UserId>,
    reads: DefaultKeyedRateLimiter<UserId>,
    looks: Option<DefaultKeyedRateLimiter<UserId>>,
    searches: Option<DefaultKeyedRateLimiter<UserId>>,
    typing: Option<DefaultKeyedRateLimiter<UserId>>,
    unknown_tokens: Option<DefaultKeyedRateLimiter<IpAddr>>,
    /// Addresses that have brought too many tokens that nobody has, and until when they bring no more.
    guessing: Moka<IpAddr, Instant>,
}

impl Rates {
    /// With these limits, or with none at all.
    pub fn new(limits: Option<RateLimits>) -> Self {
        let sending =
            |told: RateLimits| Quota::per_second(told.messages_per_second).allow_burst(told.messages_burst);
        let limits = limits.map(|told| Limiters {
            registrations: RateLimiter::keyed(Quota::per_minute(told.registrations_per_minute)),
            sign_ins: RateLimiter::keyed(Quota::per_minute(told.sign_ins_per_minute)),
            conversations: RateLimiter::keyed(Quota::per_minute(told.conversations_per_minute)),
            messages: RateLimiter::keyed(sending(told)),
            // Each is a record, as a message is.
            reads: RateLimiter::keyed(sending(told)),
            looks: keyed(LOOKS_PER_SECOND, LOOKS_BURST),
            searches: keyed(SEARCHES_PER_SECOND, SEARCHES_BURST),
            typing: keyed(TYPING_PER_SECOND, TYPING_BURST),
            unknown_tokens: NonZeroU32::new(UNKNOWN_TOKENS_PER_MINUTE)
                .map(|rate| RateLimiter::keyed(Quota::per_minute(rate))),
            guessing: Moka::builder()
                .max_capacity(GUESSING_ADDRESSES_MAX)
                .time_to_live(Duration::from_mins(1))
                .build(),
            told,
        });
        Self { limits }
    }

    /// What clients are told of the limit on messages: a second, and at once.
    pub fn messages_told(&self) -> (Option<u32>, Option<u32>) {
        let told = self.limits.as_ref().map(|limits| limits.told);
        (told.map(|t| t.messages_per_second.get()), told.map(|t| t.messages_burst.get()))
    }

    /// Counts a registration.
    pub fn registration(&self, from: IpAddr) -> Result<(), Problem> {
        let Some(limits) = &self.limits else { return Ok(()) };
        check(&limits.registrations, &network(from), "Too many registrations from your address.")
    }

    /// Counts a sign-in, whether it succeeds or not.
    pub fn sign_in(&self, from: IpAddr) -> Result<(), Problem> {
        let Some(limits) = &self.limits else { return Ok(()) };
        check(&limits.sign_ins, &network(from), "Too many sign-ins from your address.")
    }

    /// Whether an address may bring a token that this node has not seen lately: not after too many that nobody has.
    pub fn may_bring_token(&self, from: IpAddr) -> Result<(), Problem> {
        let until = self.limits.as_ref().and_then(|limits| limits.guessing.get(&network(from)));
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        match left.filter(|left| !left.is_zero()) {
            Some(left) => Err(too_many("Too many invalid tokens from your address.", left)),
            None => Ok(()),
        }
    }

    /// Counts a token that nobody has.
    pub fn unknown_token(&self, from: IpAddr) {
        let Some(limits) = &self.limits else { return };
        let from = network(from);
        if let Some(tokens) = &limits.unknown_tokens
            && let Err(not_until) = tokens.check_key(&from)
        {
            let wait = not_until.wait_time_from(governor::clock::DefaultClock::default().now());
            limits.guessing.insert(from, Instant::now() + wait.max(Duration::from_secs(1)));
        }
    }

    /// Counts a conversation that is about to be new: each is a stream of its own, for good.
    pub fn conversation(&self, opener: UserId) -> Result<(), Problem> {
        let Some(limits) = &self.limits else { return Ok(()) };
        check(
            &limits.conversations,
            &opener,
            "You are opening conversations faster than this server takes them.",
        )
    }

    /// Counts a message.
    pub fn message(&self, sender: UserId) -> Result<(), Problem> {
        let Some(limits) = &self.limits else { return Ok(()) };
        check(&limits.messages, &sender, "You are sending faster than this server takes messages.")
    }

    /// Counts a read position. As many as messages are allowed, and counted apart from these.
    pub fn read(&self, reader: UserId) -> Result<(), Problem> {
        let Some(limits) = &self.limits else { return Ok(()) };
        check(&limits.reads, &reader, "You are marking as read faster than this server takes it.")
    }

    /// Counts a question about what this node does not show, which the log is asked.
    pub fn look(&self, caller: UserId) -> Result<(), Problem> {
        let Some(looks) = self.limits.as_ref().and_then(|limits| limits.looks.as_ref()) else {
            return Ok(());
        };
        check(looks, &caller, "You are asking for what is not there faster than this server answers.")
    }

    /// Counts a search.
    pub fn search(&self, caller: UserId) -> Result<(), Problem> {
        let Some(searches) = self.limits.as_ref().and_then(|limits| limits.searches.as_ref()) else {
            return Ok(());
        };
        check(searches, &caller, "You are searching faster than this server answers.")
    }

    /// Counts a signal that somebody types; whether it is within the limit.
    pub fn typing(&self, caller: UserId) -> bool {
        let typing = self.limits.as_ref().and_then(|limits| limits.typing.as_ref());
        typing.is_none_or(|typing| typing.check_key(&caller).is_ok())
    }

    /// A count for the frames of one socket.
    pub fn frames(&self) -> FrameRate {
        let quota = NonZeroU32::new(SOCKET_FRAMES_PER_SECOND).zip(NonZeroU32::new(SOCKET_FRAMES_BURST));
        FrameRate(
            self.limits.as_ref().and(quota).map(|(rate, burst)| {
                Box::new(RateLimiter::direct(Quota::per_second(rate).allow_burst(burst)))
            }),
        )
    }

    /// Forgets who has been quiet long enough to count as new. To be called now and then, so that memory stays bounded.
    pub fn forget_quiet(&self) {
        if let Some(limits) = &self.limits {
            limits.registrations.retain_recent();
            limits.sign_ins.retain_recent();
            limits.conversations.retain_recent();
            limits.messages.retain_recent();
            limits.reads.retain_recent();
            if let Some(tokens) = &limits.unknown_tokens {
                tokens.retain_recent();
            }
            for limiter in [&limits.looks, &limits.searches, &limits.typing].into_iter().flatten() {
                limiter.retain_recent();
            }
        }
    }
}

/// Counts the frames of one socket.
#[derive(Debug)]
pub struct FrameRate(Option<Box<DefaultDirectRateLimiter>>);

impl FrameRate {
    /// Counts a frame; whether it is within the limit.
    pub fn allows(&self) -> bool {
        self.0.as_ref().is_none_or(|limiter| limiter.check().is_ok())
    }
}

/// A count for each person of what may come so often; none where it may never.
fn keyed(per_second: u32, burst: u32) -> Option<DefaultKeyedRateLimiter<UserId>> {
    let quota = NonZeroU32::new(per_second).zip(NonZeroU32::new(burst));
    quota.map(|(rate, burst)| RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst)))
}

/// What counts as one address. A home or a rented machine has a /64 of IPv6 for itself, so that is one; and an IPv4
/// address is the same whichever kind of socket it came in on.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

fn check<K: std::hash::Hash + Eq + Clone>(
    limiter: &DefaultKeyedRateLimiter<K>,
    key: &K,
    what: &str,
) -> Result<(), Problem> {
    let wait = |not_until: governor::NotUntil<_>| {
        not_until.wait_time_from(governor::clock::DefaultClock::default().now())
    };
    limiter.check_key(key).map_err(|not_until| too_many(what, wait(not_until)))
}

fn too_many(what: &str, wait: Duration) -> Problem {
    let wait = wait.max(Duration::from_secs(1));
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let mut problem = Problem::new(ErrorCode::RateLimited, format!("{what} Try again in {seconds} s."));
    problem.retry_after = Some(seconds);
    problem
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn limits(n: u32) -> RateLimits {
        let n = NonZeroU32::new(n).unwrap();
        RateLimits {
            registrations_per_minute: n,
            sign_ins_per_minute: n,
            conversations_per_minute: n,
            messages_per_second: n,
            messages_burst: n,
        }
    }

    #[test]
    fn one_address_is_limited_and_another_is_not() {
        let rates = Rates::new(Some(limits(2)));
        let (here, there) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from([127, 0, 0, 2]));
        assert!(rates.sign_in(here).is_ok() && rates.sign_in(here).is_ok());
        assert_eq!(rates.sign_in(here).unwrap_err().code, ErrorCode::RateLimited);
        assert!(rates.sign_in(there).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_ipv4_is_the_same_in_both_spellings() {
        let rates = Rates::new(Some(limits(2)));
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for (first, second, third, other) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::", "2001:db8:1:2:a:b:c:d", "2001:db8:1:3::1"),
            ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ] {
            for count in [Rates::sign_in, Rates::registration] {
                assert!(count(&rates, address(first)).is_ok() && count(&rates, address(second)).is_ok());
                assert_eq!(
                    count(&rates, address(third)).unwrap_err().code,
                    ErrorCode::RateLimited,
                    "{third}"
                );
                assert!(count(&rates, address(other)).is_ok(), "{other}");
            }
        }
    }

    #[test]
    fn without_limits_nothing_is_limited() {
        let rates = Rates::new(None);
        let sender = UserId(uuid::Uuid::from_u128(1));
        assert!((0..10_000).all(|_| rates.message(sender).is_ok()));
        assert_eq!(rates.messages_told(), (None, None));
    }
}
