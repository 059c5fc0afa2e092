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
//!
//! And leptos brings along classes that hand streams of Rust to the browser, for server functions, of which there are none
//! here. What a class can do is exported, so that no compiler may leave it out.

use anyhow::{Context as _, Result, bail, ensure};
use walrus::{ExportId, FunctionBuilder, FunctionId, FunctionKind, Module};

/// The entry.
const UNUSED: &str = "::hydrate_async::";
/// The classes, as the script has them.
const CLASSES: [&str; 3] = ["IntoUnderlyingByteSource", "IntoUnderlyingSink", "IntoUnderlyingSource"];

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

/// The script without the classes of streams. An error where something uses them, or where they look otherwise.
pub(super) fn without_classes(script: &str) -> Result<String> {
    let mut script = script.to_owned();
    for class in CLASSES {
        let last = format!("if (Symbol.dispose) {class}.");
        cut(&mut script, &format!("export class {class} {{"), &last, "\n")?;
        cut(&mut script, &format!("const {class}Finalization ="), "", ";\n")?;
        ensure!(!script.contains(class), "the script makes use of {class}");
    }
    Ok(script)
}

/// Cuts from what begins it to what ends it, the first behind what is the last in it.
fn cut(script: &mut String, begin: &str, last: &str, end: &str) -> Result<()> {
    let from = script.find(begin).with_context(|| format!("the script has no `{begin}`"))?;
    let behind = script[from..].find(last).map(|at| from + at);
    let to = behind.and_then(|at| script[at..].find(end).map(|length| at + length + end.len()));
    script.replace_range(from..to.with_context(|| format!("`{begin}` has no end"))?, "");
    Ok(())
}

/// Takes out what the script does not call, and all that only that called.
pub(super) fn keep_called(module: &mut Module, script: &str) {
    let is_called = |name: &str| {
        script.match_indices(&format!("wasm.{name}")).any(|(at, found)| {
            let next = script[at + found.len()..].chars().next();
            next.is_none_or(|next| !next.is_ascii_alphanumeric() && next != '_' && next != '$')
        })
    };
    let exports = module.exports.iter().filter(|export| !is_called(&export.name));
    let unused: Vec<ExportId> = exports.map(walrus::Export::id).collect();
    for id in unused {
        module.exports.delete(id);
    }
    walrus::passes::gc::run(module);
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
    use super::{CLASSES, is_unused, keep_called, without_classes};
    use walrus::{FunctionBuilder, Module};

    /// As `wasm-bindgen` writes it.
    fn script(more: &str) -> String {
        let class = |name: &&str| {
            format!(
                "export class {name} {{\n    free() {{\n        wasm.free_{name}(0);\n    }}\n}}\n\
                 if (Symbol.dispose) {name}.prototype[Symbol.dispose] = {name}.prototype.free;\n"
            )
        };
        let end = |name: &&str| {
            format!(
                "const {name}Finalization = (typeof FinalizationRegistry === 'undefined')\n    ? {{}}\n    : 1;\n"
            )
        };
        let classes: String = CLASSES.iter().map(class).chain(CLASSES.iter().map(end)).collect();
        format!("{classes}export function hydrate() {{\n    wasm.hydrate();\n}}\n{more}")
    }

    #[test]
    fn classes_that_nobody_uses_are_cut_out_of_the_script() {
        let cut = without_classes(&script("")).unwrap();
        assert_eq!(cut, "export function hydrate() {\n    wasm.hydrate();\n}\n");
    }

    #[test]
    fn a_class_that_something_uses_is_told() {
        let used = without_classes(&script("const it = IntoUnderlyingSink.__wrap(0);\n")).unwrap_err();
        assert_eq!(used.to_string(), "the script makes use of IntoUnderlyingSink");
        assert!(without_classes("export function hydrate() {}").is_err());
    }

    #[test]
    fn what_the_script_does_not_call_is_no_longer_exported() {
        let mut module = Module::default();
        for name in ["hydrate", "hydrate_free", "memory"] {
            let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
            builder.func_body().unreachable();
            let id = builder.finish(Vec::new(), &mut module.funcs);
            module.exports.add(name, id);
        }
        keep_called(&mut module, "wasm.hydrate(); new Uint8Array(wasm.memory.buffer)");
        let mut left: Vec<_> = module.exports.iter().map(|export| export.name.as_str()).collect();
        left.sort_unstable();
        assert_eq!(left, ["hydrate", "memory"]);
        assert_eq!(module.funcs.iter().count(), 2);
    }

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
