//! The messages of a conversation: days, groups, and where one reads.

use super::bubble::Bubble;
use super::timeline::{DayRows, Row, arrange};
use crate::conversations::Desk;
use crate::ui::time::Day;
use leptos::prelude::*;
use std::sync::Arc;

type Days = Memo<Arc<Vec<DayRows>>>;

#[component]
pub(super) fn MessageLog() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let days: Days =
        Memo::new(move |_| desk.entries.with(|entries| Arc::new(arrange(entries, desk.zone.get()))));
    let each = move || days.with(|days| days.iter().map(|day| day.day).collect::<Vec<_>>());
    view! {
        <div class="log" role="log" aria-label="Messages" aria-live="off" tabindex="0">
            <div class="log-inner">
                <For each key=|day| *day let:day>
                    <DaySection days day />
                </For>
            </div>
        </div>
    }
}

#[component]
fn DaySection(days: Days, day: Day) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let rows = Memo::new(move |_| {
        days.with(|days| {
            days.iter().find(|rows| rows.day == day).map(|day| day.rows.clone()).unwrap_or_default()
        })
    });
    let label = move || day.label(desk.zone.get().at(desk.now.get()).day);
    view! {
        <div class="day">
            <p class="day-label"><time datetime=day.iso()>{label}</time></p>
            <ol role="list">
                <For each=move || rows.get() key=|row| row.entry.key children=move |row| view! { <LiveBubble rows row /> } />
            </ol>
        </div>
    }
}

#[component]
fn LiveBubble(rows: Memo<Vec<Row>>, row: Row) -> impl IntoView {
    let key = row.entry.key;
    let row = Memo::new(move |_| {
        rows.with(|rows| rows.iter().find(|row| row.entry.key == key).cloned()).unwrap_or_else(|| row.clone())
    });
    view! { <Bubble row /> }
}
