//! Which page is shown.

use crate::conversations::ConversationsPage;
use crate::features;
use crate::live::Live;
use crate::page::PageModel;
use leptos::prelude::*;
use leptos_router::{
    SsrMode,
    components::{ParentRoute, Route, Router, Routes},
    path,
};

/// All pages by their addresses. What an address means in detail, [`crate::route::Route`] says.
///
/// The server renders each as a whole: [`PageModel`] has everything, so there is nothing to wait for. Between
/// conversations the page goes on living; every other step is a new page.
#[component]
pub fn App() -> impl IntoView {
    provide_context(initial_model());
    view! {
        <Router>
            <Routes fallback=plain::NotFound>
                <Route path=path!("/") view=plain::Welcome ssr=SsrMode::Async />
                <Route path=path!("/sign-in") view=plain::SignIn ssr=SsrMode::Async />
                <ParentRoute path=path!("/conversations") view=Conversations ssr=SsrMode::Async>
                    <Route path=path!("/") view=|| () ssr=SsrMode::Async />
                    <Route path=path!("/:conversation") view=|| () ssr=SsrMode::Async />
                </ParentRoute>
            </Routes>
        </Router>
    }
}

/// The list, and one of them beside it.
#[component]
fn Conversations() -> impl IntoView {
    let model = expect_context::<PageModel>();
    match model.is_live().then(|| Live::new(&model, features::ALL)).flatten() {
        Some(live) => view! { <ConversationsPage live model /> }.into_any(),
        None => view! { <plain::NotLive /> }.into_any(),
    }
}

/// The pages that are the server's alone.
#[cfg(not(feature = "hydrate"))]
mod plain {
    use crate::account::{SignInPage, WelcomePage};
    use crate::not_found::NotFoundPage;
    use crate::page::PageModel;
    use crate::route::Route;
    use leptos::prelude::*;

    #[component]
    pub(super) fn Welcome() -> impl IntoView {
        let model = expect_context::<PageModel>();
        view! { <WelcomePage form=model.form /> }
    }

    #[component]
    pub(super) fn SignIn() -> impl IntoView {
        let model = expect_context::<PageModel>();
        let next = if let Route::SignIn { next } = model.route { next } else { None };
        view! { <SignInPage form=model.form next /> }
    }

    /// An address of a conversation that can name none, or nobody who could see it.
    #[component]
    pub(super) fn NotLive() -> impl IntoView {
        match expect_context::<PageModel>().route {
            Route::NotFound => view! { <NotFoundPage /> }.into_any(),
            desk => view! { <SignInPage form=None next=Some(desk.to_string()) /> }.into_any(),
        }
    }

    #[component]
    pub(super) fn NotFound() -> impl IntoView {
        view! { <NotFoundPage /> }
    }
}

/// In the browser they are documents of their own: where a link leads to one, the server is asked for it.
#[cfg(feature = "hydrate")]
mod plain {
    use leptos::prelude::*;

    #[component]
    pub(super) fn FromServer() -> impl IntoView {
        Effect::new(|_| {
            // The address is there already. A browser that refuses leaves the page as it is.
            let _ = location().reload();
        });
    }

    pub(super) use FromServer as NotFound;
    pub(super) use FromServer as NotLive;
    pub(super) use FromServer as SignIn;
    pub(super) use FromServer as Welcome;
}

#[cfg(not(feature = "hydrate"))]
fn initial_model() -> PageModel {
    use_context::<PageModel>().unwrap_or_default()
}

/// What the server rendered the page from, and left in it.
#[cfg(feature = "hydrate")]
fn initial_model() -> PageModel {
    let element = document().get_element_by_id(crate::page::MODEL_ELEMENT_ID);
    let json = element.as_ref().and_then(|element| element.text_content()).unwrap_or_default();
    // What it says of people is not to stay in the document when their session has ended.
    if let Some(element) = element {
        element.remove();
    }
    PageModel::from_script_json(&json).unwrap_or_else(|error| {
        leptos::logging::error!("the page's model cannot be read: {error}");
        PageModel::default()
    })
}
