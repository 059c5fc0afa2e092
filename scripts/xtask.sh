#!/usr/bin/env bash
# Sets up Rust where it is missing and hands over to the project's own builder: scripts/xtask.sh COMMAND...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/rust.sh
. scripts/rust.sh
rust_say "building the project's own builder, with $(rustc --version)"
exec cargo xtask "$@"
