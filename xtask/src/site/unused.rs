//! Code in the wasm that nothing calls, and that the compiler cannot know of.
//!
//! A view whose type is erased carries a table of what can be done with it. One entry, `hydrate_async`, is for lazy routes,
//! islands and `Suspense`; this front end has none of them, hydrates at once, and would download a tenth more for the
//! entry, once for each type of view. The bodies of its futures trap here: whoever begins to use one of those three finds
//! out at the first look at the page, and takes this away again.
//!
//! Only the bodies of its futures and closures are taken. The compiler makes one function of several that are alike, under
//! the name of any of them; but each of these bodies names its own line of the source, where it would panic, so that it
//! can only be alike to itself for another type.

use anyhow::{Result, bail};
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module};

/// The entry.
const UNUSED: &str = "::hydrate_async::";

/// Takes the bodies out, and with them all that only they called.
pub(super) fn take_out(module: &mut Module) -> Result<()> {
    let unused: Vec<FunctionId> = module
        .funcs
        .iter_local()
        .map(|(id, _)| id)
        .filter(|id| {
            let name = module.funcs.get(*id).name.as_deref();
            // Without the hash at its end.
            name.is_some_and(|name| is_unused(&format!("{:#}", rustc_demangle::demangle(name))))
        })
        .collect();
    if unused.is_empty() {
        bail!("the wasm has no body of `hydrate_async`: is it built without the names of functions?");
    }
    for id in unused {
        let signature = module.types.get(module.funcs.get(id).ty());
        let (takes, gives) = (signature.params().to_vec(), signature.results().to_vec());
        let arguments = takes.iter().map(|kind| module.locals.add(*kind)).collect();
        let mut builder = FunctionBuilder::new(&mut module.types, &takes, &gives);
        builder.func_body().unreachable();
        module.funcs.get_mut(id).kind = FunctionKind::Local(builder.local_func(arguments));
    }
    walrus::passes::gc::run(module);
    Ok(())
}

/// Whether a function, by its name in either of the compiler's manners, is the body of a future or of a closure in that
/// entry.
fn is_unused(name: &str) -> bool {
    let path = without_types(name);
    path.split_once(UNUSED).is_some_and(|(_, inside)| {
        inside
            .split("::")
            .all(|part| part == "{{closure}}" || part.starts_with("{closure#") || part.is_empty())
    })
}

/// A path without what stands in angle brackets: a function is not what it is made for.
fn without_types(name: &str) -> String {
    let mut depth = 0_u32;
    let mut path = String::with_capacity(name.len());
    let mut before = ' ';
    for char in name.chars() {
        match char {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ if depth == 0 => path.push(char),
            _ => {}
        }
        before = char;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::is_unused;

    #[test]
    fn only_bodies_inside_of_the_entry_are_unused() {
        for body in [
            "<T as tachys::view::any_view::IntoAny>::into_any::hydrate_async::{{closure}}",
            "tachys::reactive_graph::<impl tachys::view::RenderHtml for F>::hydrate_async::{{closure}}::{{closure}}",
            "<tachys::view::iterators::StaticVec<T> as tachys::view::RenderHtml>::hydrate_async::{closure#0}",
            "<T as tachys::view::any_view::IntoAny>::into_any::hydrate_async::<fn() -> T>::{closure#0}",
        ] {
            assert!(is_unused(body), "{body}");
        }
        for other in [
            "<T as tachys::view::any_view::IntoAny>::into_any::hydrate_async",
            "core::ptr::drop_in_place<tachys::view::RenderHtml::hydrate_async::{{closure}}>",
            "reactive_graph::effect::new::<tachys::view::RenderHtml::hydrate_async::{closure#0}>::{closure#1}",
            "tachys::view::RenderHtml::hydrate_async::{{closure}}::inner",
            "tachys::view::hydrate::{{closure}}",
        ] {
            assert!(!is_unused(other), "{other}");
        }
    }
}
