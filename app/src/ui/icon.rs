//! Icons from Lucide (<https://lucide.dev>, ISC licence), drawn inline so that they take the colour of the text.

use leptos::prelude::*;

/// An icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// Back to the list. Lucide `arrow-left`.
    Back,
    /// Close a panel. Lucide `x`.
    Close,
    /// A new conversation. Lucide `square-pen`.
    Compose,
    /// Send. Lucide `arrow-up`.
    Send,
    /// Down to the newest. Lucide `arrow-down`.
    Down,
    /// Find. Lucide `search`.
    Search,
    /// A group. Lucide `users`.
    People,
    /// Sign out. Lucide `log-out`.
    SignOut,
    /// No connection. Lucide `wifi-off`.
    Offline,
    /// Try again. Lucide `rotate-ccw`.
    Retry,
    /// Copy. Lucide `copy`.
    Copy,
    /// Delete. Lucide `trash-2`.
    Delete,
    /// More to do. Lucide `ellipsis`.
    More,
    /// Reply. Lucide `reply`.
    Reply,
    /// React. Lucide `smile-plus`.
    React,
    /// Change a text. Lucide `pencil`.
    Edit,
    /// Something failed. Lucide `circle-alert`.
    Alert,
    /// A link. Lucide `link`.
    Link,
    /// More about it. Lucide `info`.
    Info,
    /// Waiting. Lucide `clock`.
    Clock,
    /// Done. Lucide `check`.
    Tick,
    /// Done, and more: filled by the stylesheet. Lucide `circle-check`.
    TickFilled,
}

impl Icon {
    fn paths(self) -> &'static str {
        match self {
            Self::Back => r#"<path d="m12 19-7-7 7-7"/><path d="M19 12H5"/>"#,
            Self::Close => r#"<path d="M18 6 6 18"/><path d="m6 6 12 12"/>"#,
            Self::Compose => {
                r#"<path d="M12 3H5a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h14a2 2 0 0 0 2-2v-7"/><path d="M18.375 2.625a1 1 0 0 1 3 3l-9.013 9.014a2 2 0 0 1-.853.505l-2.873.84a.5.5 0 0 1-.62-.62l.84-2.873a2 2 0 0 1 .506-.852z"/>"#
            }
            Self::Send => r#"<path d="m5 12 7-7 7 7"/><path d="M12 19V5"/>"#,
            Self::Down => r#"<path d="M12 5v14"/><path d="m19 12-7 7-7-7"/>"#,
            Self::Search => r#"<path d="m21 21-4.34-4.34"/><circle cx="11" cy="11" r="8"/>"#,
            Self::People => {
                r#"<path d="M16 21v-2a4 4 0 0 0-4-4H6a4 4 0 0 0-4 4v2"/><path d="M16 3.128a4 4 0 0 1 0 7.744"/><path d="M22 21v-2a4 4 0 0 0-3-3.87"/><circle cx="9" cy="7" r="4"/>"#
            }
            Self::SignOut => {
                r#"<path d="m16 17 5-5-5-5"/><path d="M21 12H9"/><path d="M9 21H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2h4"/>"#
            }
            Self::Offline => {
                r#"<path d="M12 20h.01"/><path d="M8.5 16.429a5 5 0 0 1 7 0"/><path d="M5 12.859a10 10 0 0 1 5.17-2.69"/><path d="M19 12.859a10 10 0 0 0-2.007-1.523"/><path d="M2 8.82a15 15 0 0 1 4.177-2.643"/><path d="M22 8.82a15 15 0 0 0-11.288-3.764"/><path d="m2 2 20 20"/>"#
            }
            Self::Retry => {
                r#"<path d="M3 12a9 9 0 1 0 9-9 9.75 9.75 0 0 0-6.74 2.74L3 8"/><path d="M3 3v5h5"/>"#
            }
            Self::Copy => {
                r#"<rect width="14" height="14" x="8" y="8" rx="2" ry="2"/><path d="M4 16c-1.1 0-2-.9-2-2V4c0-1.1.9-2 2-2h10c1.1 0 2 .9 2 2"/>"#
            }
            Self::Delete => {
                r#"<path d="M10 11v6"/><path d="M14 11v6"/><path d="M19 6v14a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2V6"/><path d="M3 6h18"/><path d="M8 6V4a2 2 0 0 1 2-2h4a2 2 0 0 1 2 2v2"/>"#
            }
            Self::More => {
                r#"<circle cx="12" cy="12" r="1"/><circle cx="19" cy="12" r="1"/><circle cx="5" cy="12" r="1"/>"#
            }
            Self::Reply => r#"<path d="M20 18v-2a4 4 0 0 0-4-4H4"/><path d="m9 17-5-5 5-5"/>"#,
            Self::React => {
                r#"<path d="M22 11v1a10 10 0 1 1-9-10"/><path d="M8 14s1.5 2 4 2 4-2 4-2"/><line x1="9" x2="9.01" y1="9" y2="9"/><line x1="15" x2="15.01" y1="9" y2="9"/><path d="M16 5h6"/><path d="M19 2v6"/>"#
            }
            Self::Edit => {
                r#"<path d="M21.174 6.812a1 1 0 0 0-3.986-3.987L3.842 16.174a2 2 0 0 0-.5.83l-1.321 4.352a.5.5 0 0 0 .623.622l4.353-1.32a2 2 0 0 0 .83-.497z"/><path d="m15 5 4 4"/>"#
            }
            Self::Alert => {
                r#"<circle cx="12" cy="12" r="10"/><line x1="12" x2="12" y1="8" y2="12"/><line x1="12" x2="12.01" y1="16" y2="16"/>"#
            }
            Self::Link => {
                r#"<path d="M10 13a5 5 0 0 0 7.54.54l3-3a5 5 0 0 0-7.07-7.07l-1.72 1.71"/><path d="M14 11a5 5 0 0 0-7.54-.54l-3 3a5 5 0 0 0 7.07 7.07l1.71-1.71"/>"#
            }
            Self::Info => r#"<circle cx="12" cy="12" r="10"/><path d="M12 16v-4"/><path d="M12 8h.01"/>"#,
            Self::Clock => r#"<circle cx="12" cy="12" r="10"/><path d="M12 6v6l4 2"/>"#,
            Self::Tick => r#"<path d="M20 6 9 17l-5-5"/>"#,
            Self::TickFilled => r#"<circle cx="12" cy="12" r="10"/><path d="m16 9-5.5 5.5L8 12"/>"#,
        }
    }

    /// The picture. Decoration: what holds it has the words.
    pub fn view(self) -> AnyView {
        view! {
            <svg
                class="icon"
                viewBox="0 0 24 24"
                fill="none"
                stroke="currentColor"
                stroke-width="2"
                stroke-linecap="round"
                stroke-linejoin="round"
                aria-hidden="true"
                inner_html=self.paths()
            ></svg>
        }
        .into_any()
    }
}

/// The logo: two speech marks on a baseline of ticks, which is a log.
#[component]
pub fn Logo() -> impl IntoView {
    view! { <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" inner_html=LOGO></svg> }
}

const LOGO: &str = include_str!("logo.svgpart");
