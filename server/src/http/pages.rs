//! The pages, rendered on the server with everything in them, and the plain forms that work before any script.

use super::{
    auth::{self, MaybeSignedIn},
    input::{From, user_agent},
    problem::Refusal,
    state::State,
};
use crate::{
    features::{
        accounts::{commands::Welcome, http::parse_credentials},
        messages::HistoryPage,
        sessions::commands::Caller,
    },
    kernel::{
        errors::Unavailable,
        views::{Query, ViewsError},
    },
};
use axum::{
    Form,
    body::Body,
    extract::{Request, State as Shared},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use kafkatalk_app::{
    page::{AssetPath, FormModel, OpenModel, PageModel, UTC_OFFSET_COOKIE},
    route::{Route, safe_next},
};
use kafkatalk_protocol::{ConversationId, FieldError, Problem, limits::PAGE_DEFAULT};
use leptos::prelude::{expect_context, provide_context};
use leptos_axum::ResponseOptions;
use serde::Deserialize;

/// Furthest that any time zone is from UTC, in minutes.
const UTC_OFFSET_MINUTES_MAX: i32 = 14 * 60;
/// Field of a form problem that concerns no single field.
const WHOLE_FORM: &str = "form";
/// Where people land after signing in.
const HOME: &str = "/conversations";

/// Gives leptos the runtime that it renders on; without it the first page would panic. To be called once, before any
/// page is served.
pub fn prepare() {
    // Refused where it is there already: a process may start several nodes.
    let _ = any_spawner::Executor::init_tokio();
}

/// `GET` of any page.
pub async fn page(
    Shared(state): Shared<State>,
    MaybeSignedIn(caller): MaybeSignedIn,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Refusal> {
    let route = Route::parse(uri.path(), uri.query());
    let open = route.conversation();
    match (&route, caller) {
        (Route::Welcome, Some(_)) => Ok(Redirect::to(HOME).into_response()),
        (Route::SignIn { next }, Some(_)) => {
            Ok(Redirect::to(next.as_deref().unwrap_or(HOME)).into_response())
        }
        (_, None) if route.is_signed_in_page() => {
            let sign_in = Route::SignIn { next: Some(route.to_string()) };
            Ok(Redirect::to(&sign_in.to_string()).into_response())
        }
        (_, caller) => {
            let found = route != Route::NotFound;
            let mut model = model(&state, &headers, route);
            if let Some(caller) = caller {
                fill(&state, caller, open, &mut model).await?;
            }
            let found = found && (open.is_none() || model.open.is_some());
            Ok(render(&state, model, if found { StatusCode::OK } else { StatusCode::NOT_FOUND }).await)
        }
    }
}

/// The model of a page with nobody and nothing in it yet.
fn model(state: &State, headers: &HeaderMap, route: Route) -> PageModel {
    let told = CookieJar::from_headers(headers)
        .get(UTC_OFFSET_COOKIE)
        .and_then(|cookie| cookie.value().parse().ok());
    PageModel {
        route,
        now: state.kernel().clock().now(),
        utc_offset_minutes: told.unwrap_or(0i32).clamp(-UTC_OFFSET_MINUTES_MAX, UTC_OFFSET_MINUTES_MAX),
        ..PageModel::default()
    }
}

/// Gathers, in one read, what the signed-in pages show.
async fn fill(
    state: &State,
    caller: Caller,
    open: Option<ConversationId>,
    model: &mut PageModel,
) -> Result<(), Unavailable> {
    let viewer = caller.user.id;
    if let Some(open) = open {
        // Another node may have opened it a moment ago.
        state.kernel().await_visible(viewer, open).await?;
    }
    let views = state.kernel().views();
    let (list, open) = views
        .read(move |views| {
            let list = views.conversations(viewer, None, PAGE_DEFAULT)?;
            let open = open.map(|id| open_model(views, viewer, id)).transpose()?.flatten();
            Ok((list, open))
        })
        .await?;
    model.viewer = Some(caller.user);
    model.conversations = list.conversations;
    model.conversations_next = list.next;
    model.open = open;
    Ok(())
}

fn open_model(
    views: &Query<'_>,
    viewer: kafkatalk_protocol::UserId,
    id: ConversationId,
) -> Result<Option<OpenModel>, ViewsError> {
    let Some(seen) = views.as_seen_by(viewer, id)? else { return Ok(None) };
    let (conversation, page) = (seen.conversation()?, seen.messages(HistoryPage::Latest, PAGE_DEFAULT)?);
    Ok(Some(OpenModel { conversation, messages: page.messages, earlier: page.next }))
}

async fn render(state: &State, model: PageModel, status: StatusCode) -> Response {
    let assets = AssetPath(state.assets.path());
    let handler = leptos_axum::render_app_async_with_context(
        move || {
            provide_context(model.clone());
            provide_context(assets.clone());
            let policy = content_security_policy(leptos::nonce::use_nonce().as_deref());
            expect_context::<ResponseOptions>().insert_header(header::CONTENT_SECURITY_POLICY, policy);
        },
        kafkatalk_app::shell,
    );
    let mut response = handler(Request::new(Body::empty())).await;
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn content_security_policy(nonce: Option<&str>) -> HeaderValue {
    let nonce = nonce.unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'strict-dynamic' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    );
    // A nonce is base64, so the header is always sound; were it not, no script would run.
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// What the register and the sign-in form post.
#[derive(Deserialize)]
pub struct CredentialsForm {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

/// `POST /register`.
pub async fn register(
    Shared(state): Shared<State>,
    From(address): From,
    headers: HeaderMap,
    Form(form): Form<CredentialsForm>,
) -> Response {
    let work = async {
        auth::refuse_foreign_origin(&headers, &state.settings).map_err(|Refusal(problem)| problem)?;
        let (username, password) = parse_credentials(&form.username, &form.password)?;
        state.rates().registration(address)?;
        Ok(state.kernel().register(username, password, user_agent(&headers)).await?)
    };
    let outcome = work.await;
    finish(&state, &headers, form, outcome, |_| Route::Welcome).await
}

/// `POST /sign-in`.
pub async fn sign_in(
    Shared(state): Shared<State>,
    From(address): From,
    headers: HeaderMap,
    Form(form): Form<CredentialsForm>,
) -> Response {
    let work = async {
        auth::refuse_foreign_origin(&headers, &state.settings).map_err(|Refusal(problem)| problem)?;
        let (username, password) = parse_credentials(&form.username, &form.password)?;
        state.rates().sign_in(address)?;
        Ok(state.kernel().sign_in(username, password, user_agent(&headers)).await?)
    };
    let outcome = work.await;
    finish(&state, &headers, form, outcome, |next| Route::SignIn { next }).await
}

/// On to the conversations, or the same form again with what was typed and why it was refused.
async fn finish(
    state: &State,
    headers: &HeaderMap,
    form: CredentialsForm,
    outcome: Result<Welcome, Problem>,
    again: impl FnOnce(Option<String>) -> Route,
) -> Response {
    let next = safe_next(&form.next);
    match outcome {
        Ok(welcome) => {
            let cookie = auth::session_cookie(&welcome.token, state.is_secure(headers));
            let to = Redirect::to(next.as_deref().unwrap_or(HOME));
            ([(header::SET_COOKIE, cookie)], to).into_response()
        }
        Err(problem) => {
            let wait = problem.retry_after;
            let mut model = model(state, headers, again(next));
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            model.form = Some(FormModel { username: form.username, errors: field_errors(problem) });
            let mut response = render(state, model, status).await;
            if let Some(seconds) = wait {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
    }
}

fn field_errors(problem: Problem) -> Vec<FieldError> {
    if problem.errors.is_empty() {
        return vec![FieldError { field: WHOLE_FORM.into(), detail: problem.detail }];
    }
    problem.errors
}

/// `POST /sign-out`. Somebody whose session has ended already is signed out as well.
pub async fn sign_out(
    Shared(state): Shared<State>,
    MaybeSignedIn(caller): MaybeSignedIn,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if let Some(caller) = caller {
        auth::require_same_origin(&headers, &state.settings)?;
        state.kernel().end_session(&caller, caller.session).await?;
    }
    let cookie = auth::no_cookie(state.is_secure(&headers));
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}
