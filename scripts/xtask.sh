#!/usr/bin/env bash
# Sets up Rust where it is missing and hands over to the project's own builder: scripts/xtask.sh COMMAND...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/rust.sh
. scripts/rust.sh
rust_say "building the project's own builder, with $(rustc --version)"
case ${1-} in
  # A site to run here is neither minified nor compressed: the builder is compiled without what does that.
  run | dev) exec cargo run --package xtask --no-default-features -- "$@" ;;
  *) exec cargo xtask "$@" ;;
esac
