//! Load and crash clients against the messenger: what is kept counts as kept, what is broken is found.

use super::{Fake, Habit};
use crate::checks::{Findings, Mismatch, judge};
use crate::crash::Devices;
use crate::evidence::Evidence;
use crate::gather;
use crate::limits::{DRAIN_WAIT_MAX, POLL_PAUSE};
use crate::load::{Clients, Shared, Wire, times::Times};
use crate::numbered::Numbering;
use crate::run;
use crate::world::World;
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

const MESSAGES: usize = 120;
const RATE: u32 = 2_000;
/// Of so many messages in a hundred the text is changed.
const CHANGES_PERCENT: u32 = 50;
/// More than any of these tests needs on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(20);

fn shared() -> Arc<Shared> {
    let (numbering, times) = (Numbering::new(5, 200), Times::new(MESSAGES, true));
    Arc::new(Shared { wire: Wire::KafkaTalk, numbering, times })
}

/// Sends messages as the load does, without ever asking for what is missing.
async fn load(habit: Habit, wait_max: Duration) -> Findings {
    let fake = Fake::start(habit).await;
    let world = World::build(&[fake.address], 4, 3, 9).await.unwrap();
    let shared = shared();
    let clients = Clients::connect(&[fake.address], &world.accounts, Arc::clone(&shared)).await.unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let said = clients.voices.talk(&world.pairs, 0..MESSAGES, RATE, &mut random, |_| {}).await.unwrap();
    // What is still owed when the time is over must be what never comes.
    let acknowledged = async {
        while shared.times.counts(0..MESSAGES).0 < u64::try_from(MESSAGES).unwrap() {
            sleep(POLL_PAUSE).await;
        }
    };
    timeout(WAIT_MAX, acknowledged).await.expect("all is acknowledged");
    clients.voices.drained(wait_max).await;
    let heard = clients.close().await.unwrap();
    let mut all = gather::histories(&world, &[fake.address], shared.numbering).await.unwrap();
    gather::add_said(&mut all, &world, &said);
    run::add_heard(&mut all, &world, heard);
    judge(all.values())
}

/// Sends messages as people do, and nothing else.
async fn talk(habit: Habit) -> Findings {
    talk_and_change(habit, 0).await
}

/// The same, and changes so many of them in a hundred.
async fn talk_and_change(habit: Habit, changes_percent: u32) -> Findings {
    let fake = Fake::start(habit).await;
    let world = World::build(&[fake.address], 4, 3, 9).await.unwrap();
    let shared = shared();
    let mut random = fastrand::Rng::with_seed(1);
    let devices = Devices::start(&world, &[fake.address].into(), &shared, changes_percent, &mut random);
    let said = devices.voices.talk(&world.pairs, 0..MESSAGES, RATE, &mut random, |_| {}).await.unwrap();
    let settled_in_time = if habit == Habit::LosesMessage { Duration::from_millis(500) } else { WAIT_MAX };
    devices.voices.drained(settled_in_time).await;
    let mut all = gather::histories(&world, &[fake.address], shared.numbering).await.unwrap();
    devices.wait_until_shown(&all, DRAIN_WAIT_MAX).await;
    let told = devices.finish().await.unwrap();
    gather::add_said(&mut all, &world, &said);
    crate::crash::add_what_was_seen(&mut all, &world, &told);
    judge(all.values())
}

fn found(findings: &Findings) -> Vec<Mismatch> {
    Mismatch::ALL.into_iter().filter(|mismatch| findings.count(*mismatch) > 0).collect()
}

#[tokio::test]
async fn a_load_on_a_sound_server_finds_no_mismatch() {
    let findings = load(Habit::Sound, WAIT_MAX).await;
    assert_eq!(findings.total(), 0, "{:?}", findings.examples());
    let messages = u64::try_from(MESSAGES).unwrap();
    assert_eq!(
        [findings.said, findings.acknowledged, findings.in_history, findings.delivered],
        [messages; 4]
    );
}

#[tokio::test]
async fn a_server_that_cannot_be_read_from_for_a_moment_is_read_from_after_it() {
    let findings = load(Habit::IsBusy, WAIT_MAX).await;
    assert_eq!(findings.total(), 0, "{:?}", findings.examples());
    assert_eq!(findings.in_history, u64::try_from(MESSAGES).unwrap());
}

#[tokio::test]
async fn a_load_finds_a_delivery_that_never_came() {
    let findings = load(Habit::SkipsDelivery, Duration::from_millis(300)).await;
    assert_eq!(found(&findings), [Mismatch::Undelivered], "{:?}", findings.examples());
}

#[tokio::test]
async fn a_load_finds_a_delivery_that_came_twice() {
    let findings = load(Habit::DeliversTwice, WAIT_MAX).await;
    assert_eq!(found(&findings), [Mismatch::ShownTwice], "{:?}", findings.examples());
}

#[tokio::test]
async fn devices_see_everything_once_though_sockets_are_cut_and_deliveries_skipped() {
    for habit in [Habit::Sound, Habit::SkipsDelivery, Habit::DeliversTwice, Habit::CutsSocket] {
        let findings = talk(habit).await;
        assert_eq!(findings.total(), 0, "{habit:?}: {:?}", findings.examples());
        assert_eq!(findings.delivered, u64::try_from(MESSAGES).unwrap(), "{habit:?}");
    }
}

#[tokio::test]
async fn devices_find_that_an_acknowledged_message_is_gone() {
    let findings = talk(Habit::LosesMessage).await;
    assert!(findings.count(Mismatch::Lost) > 0, "{:?}", found(&findings));
}

#[tokio::test]
async fn devices_find_that_a_message_sent_again_was_written_again() {
    let findings = talk(Habit::WritesTwice).await;
    assert!(findings.count(Mismatch::Doubled) > 0, "{:?}", found(&findings));
}

#[tokio::test]
async fn devices_see_every_change_though_sockets_are_cut_and_deliveries_skipped() {
    for habit in
        [Habit::Sound, Habit::SkipsDelivery, Habit::DeliversTwice, Habit::CutsSocket, Habit::SkipsChange]
    {
        let findings = talk_and_change(habit, CHANGES_PERCENT).await;
        assert_eq!(findings.total(), 0, "{habit:?}: {:?}", findings.examples());
        assert!(findings.changed > 0, "{habit:?}");
    }
}

#[tokio::test]
async fn devices_find_that_an_acknowledged_change_is_lost() {
    let findings = talk_and_change(Habit::LosesChange, CHANGES_PERCENT).await;
    assert_eq!(found(&findings), [Mismatch::LostChange], "{:?}", findings.examples());
}

#[tokio::test]
async fn devices_find_that_a_change_sent_again_was_made_again() {
    let findings = talk_and_change(Habit::ChangesTwice, CHANGES_PERCENT).await;
    assert_eq!(found(&findings), [Mismatch::ChangedTwice], "{:?}", findings.examples());
}

#[test]
fn a_conversation_that_nobody_opened_is_a_leak() {
    let mut evidence = Evidence::new(kafkatalk_protocol::ConversationId(uuid::Uuid::nil()));
    let line = crate::evidence::Line::of_ack(
        Numbering::new(5, 200).id(0),
        kafkatalk_protocol::Offset(0),
        kafkatalk_protocol::UserId(uuid::Uuid::nil()),
    );
    evidence.witness(line.sender).shown.push(line);
    assert_eq!(found(&judge(&[evidence])), [Mismatch::Ghost]);
}
