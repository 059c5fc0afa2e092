//! Code in the wasm that nothing calls, and that the compiler cannot know of.
//!
//! A view whose type is erased carries a table of what can be done with it. One entry, `hydrate_async`, is for lazy routes,
//! islands and `Suspense`; this front end has none of them, hydrates at once, and would download a tenth more for the
//! entry, once for each type of view. Its functions trap here: whoever begins to use one of those three finds out at the
//! first look at the page, and takes this away again.

use anyhow::{Result, bail};
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module};

/// What the names of those functions have in them; their futures are named after them.
const UNUSED: &str = "hydrate_async";

/// Takes their bodies out, and with them all that only they called.
pub(super) fn take_out(module: &mut Module) -> Result<()> {
    let unused: Vec<FunctionId> = module
        .funcs
        .iter_local()
        .map(|(id, _)| id)
        .filter(|id| module.funcs.get(*id).name.as_ref().is_some_and(|name| name.contains(UNUSED)))
        .collect();
    if unused.is_empty() {
        bail!("no function of the wasm is called `{UNUSED}`: is it built without names?");
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
