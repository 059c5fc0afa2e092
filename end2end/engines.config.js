// How the journey runs in each browser engine. Start it by `run.sh engines`.

import { defineConfig } from "@playwright/test";
import { engines } from "./lib/engines/test.js";
import common from "./playwright.config.js";

export default defineConfig(common, {
  testDir: "journeys",
  testMatch: "*.journey.js",
  projects: Object.keys(engines).map((engine) => ({ name: engine, use: { engine } })),
});
