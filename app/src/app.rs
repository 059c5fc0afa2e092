//! Which page is shown.

use crate::conversations::ConversationsPage;
use crate::live::Live;
use crate::page::PageModel;
use leptos::prelude::*;

/// The page that the model names. Between conversations the page goes on living; every other step is a new page.
#[component]
pub fn App() -> impl IntoView {
    let model = initial_model();
    match model.is_live().then(|| Live::new(&model)).flatten() {
        Some(live) => view! { <ConversationsPage live model /> }.into_any(),
        None => plain_page(model),
    }
}

/// The pages that are the server's alone.
#[cfg(not(feature = "hydrate"))]
fn plain_page(model: PageModel) -> AnyView {
    use crate::account::{SignInPage, WelcomePage};
    use crate::not_found::NotFoundPage;
    use crate::route::Route;

    match model.route {
        Route::Welcome => view! { <WelcomePage form=model.form /> }.into_any(),
        Route::SignIn { next } => view! { <SignInPage form=model.form next /> }.into_any(),
        Route::NotFound => view! { <NotFoundPage /> }.into_any(),
        desk => view! { <SignInPage form=None next=Some(desk.to_string()) /> }.into_any(),
    }
}

/// Their documents do not start the wasm.
#[cfg(feature = "hydrate")]
fn plain_page(_model: PageModel) -> AnyView {
    ().into_any()
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
