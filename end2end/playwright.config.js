// How the specs run. Start them by run.sh, which sets what is read here.

import { defineConfig } from "@playwright/test";
import { CHROMIUM_ARGS } from "./lib/chromium.js";

const log = process.env.KAFKATALK_E2E_LOG ?? "embedded";

// The limits are for a machine that is busy with other things: they say how long to wait before giving up, and prove
// nothing. What must be fast is measured where it matters.
export default defineConfig({
  testDir: "specs",
  testMatch: "*.spec.js",
  outputDir: `results/${log}`,
  workers: Number(process.env.KAFKATALK_E2E_WORKERS ?? 2),
  timeout: 300_000,
  expect: { timeout: 45_000 },
  forbidOnly: Boolean(process.env.CI),
  reporter: "./lib/reporter.js",
  use: {
    screenshot: "only-on-failure",
    actionTimeout: 30_000,
    navigationTimeout: 60_000,
    launchOptions: {
      executablePath: process.env.KAFKATALK_E2E_CHROMIUM,
      args: CHROMIUM_ARGS,
    },
  },
});
