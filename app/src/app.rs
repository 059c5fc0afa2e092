//! Which page is shown.

use crate::account::{SignInPage, WelcomePage};
use crate::conversations::ConversationsPage;
use crate::not_found::NotFoundPage;
use crate::page::PageModel;
use crate::route::Route;
use leptos::prelude::*;

/// The page that the model names. Between conversations the page goes on living; every other step is a new page.
#[component]
pub fn App() -> impl IntoView {
    let model = initial_model();
    match (&model.route, &model.viewer) {
        (Route::Welcome, _) => view! { <WelcomePage form=model.form /> }.into_any(),
        (Route::SignIn { next }, _) => {
            let next = next.clone();
            view! { <SignInPage form=model.form next /> }.into_any()
        }
        (Route::Conversations { .. } | Route::Conversation(_), Some(viewer)) => {
            let viewer = viewer.clone();
            view! { <ConversationsPage viewer model /> }.into_any()
        }
        (Route::Conversations { .. } | Route::Conversation(_), None) => {
            view! { <SignInPage form=None next=Some(model.route.to_string()) /> }.into_any()
        }
        (Route::NotFound, _) => view! { <NotFoundPage /> }.into_any(),
    }
}

#[cfg(not(feature = "hydrate"))]
fn initial_model() -> PageModel {
    use_context::<PageModel>().unwrap_or_default()
}

/// What the server rendered the page from, and left in it.
#[cfg(feature = "hydrate")]
fn initial_model() -> PageModel {
    let element = document().get_element_by_id(crate::page::MODEL_ELEMENT_ID);
    let json = element.and_then(|element| element.text_content()).unwrap_or_default();
    PageModel::from_script_json(&json).unwrap_or_else(|error| {
        leptos::logging::error!("the page's model cannot be read: {error}");
        PageModel::default()
    })
}
