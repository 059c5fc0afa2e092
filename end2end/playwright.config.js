// How the specs run. Start them by run.sh, which sets what is read here.

import { defineConfig } from "@playwright/test";

const log = process.env.KAFKATALK_E2E_LOG ?? "embedded";

export default defineConfig({
  testDir: "specs",
  testMatch: "*.spec.js",
  outputDir: `results/${log}`,
  workers: Number(process.env.KAFKATALK_E2E_WORKERS ?? 2),
  timeout: 90_000,
  expect: { timeout: 10_000 },
  forbidOnly: Boolean(process.env.CI),
  reporter: "./lib/reporter.js",
  use: {
    screenshot: "only-on-failure",
    actionTimeout: 10_000,
    navigationTimeout: 20_000,
    launchOptions: {
      executablePath: process.env.KAFKATALK_E2E_CHROMIUM,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
