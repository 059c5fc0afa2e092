//! Which page is shown.

use crate::account::{SignInPage, WelcomePage};
use crate::conversations::ConversationsPage;
use crate::live::Live;
use crate::not_found::NotFoundPage;
use crate::page::PageModel;
use crate::route::Route;
use leptos::prelude::*;

/// The page that the model names. Between conversations the page goes on living; every other step is a new page.
#[component]
pub fn App() -> impl IntoView {
    let model = initial_model();
    match &model.route {
        Route::Welcome => view! { <WelcomePage form=model.form /> }.into_any(),
        Route::SignIn { next } => {
            let next = next.clone();
            view! { <SignInPage form=model.form next /> }.into_any()
        }
        Route::Conversations { .. } | Route::Conversation(_) => match Live::new(&model) {
            Some(live) => view! { <ConversationsPage live model /> }.into_any(),
            None => view! { <SignInPage form=None next=Some(model.route.to_string()) /> }.into_any(),
        },
        Route::NotFound => view! { <NotFoundPage /> }.into_any(),
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
