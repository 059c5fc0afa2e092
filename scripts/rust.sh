#!/usr/bin/env bash
# Sourced: makes `cargo` work, and chooses the compiler that rust-toolchain.toml names where there is a choice.
# At home that is rustup, which fetches what is missing. Where nothing but Debian's packages is in reach, an installed
# compiler of that version or a newer one serves, and else Debian's.

rust_wanted=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
# A download that does not answer must not hold us up for ever, nor every time: for a day after, what is installed comes
# first. The builder knows the same mark.
rust_download_seconds=300
# Before a download, a look whether anything answers there at all.
rust_connect_seconds=5
rust_answer_seconds=10
rust_server=${RUSTUP_DIST_SERVER:-https://static.rust-lang.org}
rust_cache=${KAFKATALK_CACHE:-${XDG_CACHE_HOME:-~/.cache}/kafkatalk}
rust_mark=$rust_cache/rustup-unreachable

# rust_reaches URL: something answers there within some seconds. Without curl nobody knows, and we try.
rust_reaches() {
  command -v curl >/dev/null || return 0
  curl --silent --fail --head --output /dev/null --connect-timeout "$rust_connect_seconds" --max-time "$rust_answer_seconds" "$1"
}

rust_say() {
  if [ -t 2 ]; then printf '\033[1;36m==>\033[0m %s\n' "$*" >&2; else printf '==> %s\n' "$*" >&2; fi
}

# rust_new_enough VERSION_LINE: "rustc 1.95.0 (...)" is at least what we want
rust_new_enough() {
  local found
  found=$(cut -d' ' -f2 <<<"$1")
  [ -n "$found" ] && [ "$(printf '%s\n%s\n' "$rust_wanted" "$found" | sort -V | head -n 1)" = "$rust_wanted" ]
}

# An installed toolchain that is new enough: the wanted one before others.
rust_choose_toolchain() {
  local name line
  for name in "$rust_wanted" stable $(rustup toolchain list | cut -d' ' -f1 | grep -v nightly); do
    line=$(RUSTUP_AUTO_INSTALL=0 rustup run "$name" rustc --version 2>/dev/null) || continue
    if rust_new_enough "$line"; then
      export RUSTUP_TOOLCHAIN=$name
      return 0
    fi
  done
  return 1
}

rust_by_rustup() {
  command -v rustup >/dev/null || return 1
  if RUSTUP_AUTO_INSTALL=0 rustup run "$rust_wanted" rustc --version >/dev/null 2>&1; then
    export RUSTUP_TOOLCHAIN=$rust_wanted
    return 0
  fi
  if [ -n "$(find "$rust_mark" -mmin -1440 2>/dev/null)" ] && rust_choose_toolchain; then return 0; fi
  rust_say "fetching Rust $rust_wanted by rustup"
  if rust_reaches "$rust_server/dist/channel-rust-stable.toml.sha256" &&
    timeout "$rust_download_seconds" rustup toolchain install "$rust_wanted" --profile minimal \
      --component clippy,rustfmt --target wasm32-unknown-unknown --no-self-update >&2; then
    rm -f "$rust_mark"
    export RUSTUP_TOOLCHAIN=$rust_wanted
    return 0
  fi
  { mkdir -p "$rust_cache" && : >"$rust_mark"; } 2>/dev/null || true
  rust_choose_toolchain
}

rust_fetch_rustup() {
  local installer
  command -v curl >/dev/null || return 1
  rust_say "there is no Rust here: fetching rustup into ${CARGO_HOME:-$HOME/.cargo}"
  installer=$(mktemp)
  if curl --proto '=https' --tlsv1.2 -sSf --max-time 30 -o "$installer" https://sh.rustup.rs &&
    timeout "$rust_download_seconds" sh "$installer" -y --no-modify-path --profile minimal --default-toolchain none >&2; then
    rm -f "$installer"
    return 0
  fi
  rm -f "$installer"
  return 1
}

rust_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

rust_by_debian() {
  command -v apt-get >/dev/null || return 1
  rust_say "installing Debian's Rust"
  rust_root apt-get -qq update && rust_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    install rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web lld-22 >&2
}

rust_c_compiler() {
  if command -v cc >/dev/null && command -v make >/dev/null; then return 0; fi
  if command -v apt-get >/dev/null; then
    rust_say "installing a C compiler and make"
    rust_root apt-get -qq update
    rust_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install build-essential >&2
  else
    rust_say "please install a C compiler and make first"
    return 1
  fi
}

rust_set_up() {
  PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
  export PATH
  rust_c_compiler || return 1
  rust_by_rustup && return 0
  if command -v cargo >/dev/null && rust_new_enough "$(rustc --version 2>/dev/null)"; then return 0; fi
  { rust_fetch_rustup && rust_by_rustup; } && return 0
  rust_by_debian && rust_new_enough "$(rustc --version 2>/dev/null)" && return 0
  rust_say "please install Rust $rust_wanted or newer first: https://rustup.rs"
  return 1
}

rust_set_up
