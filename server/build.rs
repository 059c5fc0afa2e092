//! Tells cargo what the pages are read from: the macro that embeds them asks the environment, of which cargo sees nothing.
//! Two checkouts that share a folder for what is built would else serve each other's pages.

fn main() {
    println!("cargo::rerun-if-env-changed=KAFKATALK_SITE");
}
