#!/usr/bin/env bash
# Browser tests: a real server, a real browser.
#
#   end2end/run.sh embedded|kafka|engines [PLAYWRIGHT ARGUMENTS...]
#
#   embedded, kafka       every spec in Chromium, on that log
#   engines               the main journey in Chromium, Firefox and WebKit, on the embedded log; --project NAME for one
#
# Builds nothing but fetches what it needs: npm packages, Apache Kafka for `kafka`, and on Debian the browsers. Elsewhere
# it says in a line in which engines nothing is tested.
#
#   KAFKATALK_BIN         the server to test (default: what `make run` has built)
#   KAFKATALK_TEST_KAFKA  HOST:PORT of a broker to use instead of starting one
#   KAFKATALK_CHROMIUM    the browser to use instead of the one that is found; KAFKATALK_FIREFOX likewise
#   KAFKATALK_E2E_WORKERS how many specs run at a time, each on a server of its own (default 2)
#
# The last line is `N passed, N failed`; the exit code is 0 if at least one passed and none failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { echo "end2end: $*" >&2; }

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  say "install Node.js 20 or later, with npm"
  exit 2
fi
[ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ] || { say "Node.js is too old: 20 or later is needed"; exit 2; }

# Installed once per lock file; a link to the builder's cache counts as well.
installed() { [ -e node_modules/@playwright/test/cli.js ] && node lib/installed.js; }
if ! installed; then
  say "installing npm packages"
  [ ! -L node_modules ] || rm node_modules
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
fi
exec node lib/run.js "$@"
