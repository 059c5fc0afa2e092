// What the journey starts from: a browser of each engine, and two people in it, each behind a wire of their own.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Children } from "../children.js";
import { expect, test as base } from "../test.js";
import { Wire } from "../wire.js";
import { launch as launchChromium } from "./chromium.js";
import { launch as launchFirefox } from "./firefox.js";
import { Tab } from "./tab.js";
import { launch as launchWebkit } from "./webkit.js";

export { expect };

const LAUNCH = { chromium: launchChromium, firefox: launchFirefox, webkit: launchWebkit };
/** What an engine says where there is no connection, which the journey takes away, and of a page that is left while it loads. */
const NO_CONNECTION = /connection to (the server|wss?:)|WebSocket connection|NetworkError|Failed to fetch|Load failed/;
/** Longest time for a browser to start. */
const START_MS = 180_000;

const { KAFKATALK_E2E_FOLDER } = process.env;

/** The engines that are here, by name, each with its programs. */
export const engines = JSON.parse(process.env.KAFKATALK_E2E_ENGINES ?? "{}");

export const test = base.extend({
  /** The name of an engine. */
  engine: ["chromium", { option: true, scope: "worker" }],

  /** A browser of that engine; `open` opens a window of its own, with cookies of its own. */
  browserOfEngine: [
    async ({ engine, playwright }, use, worker) => {
      const folder = join(KAFKATALK_E2E_FOLDER, `${engine}${worker.workerIndex}`);
      const children = new Children(KAFKATALK_E2E_FOLDER);
      const browser = await LAUNCH[engine](engines[engine], { playwright, folder, children });
      try {
        await use(browser);
      } finally {
        await browser.close();
      }
    },
    { scope: "worker", timeout: START_MS },
  ],

  /** A desk and a phone in that browser, for as long as the worker lives. */
  tabs: [
    async ({ browserOfEngine, server }, use) => {
      const mistakes = [];
      const note = (mistake) => NO_CONNECTION.test(mistake) || mistakes.push(mistake);
      const open = async (viewport) => {
        const page = await browserOfEngine.open(viewport, note);
        return new Tab(page, await Wire.to(server.port));
      };
      const tabs = { desk: await open({ width: 1_280, height: 800 }), phone: await open({ width: 360, height: 740 }) };
      await use({ ...tabs, mistakes });
      for (const { wire } of Object.values(tabs)) await wire.close();
    },
    { scope: "worker", timeout: START_MS },
  ],

  /** Adds pictures and the server's last words to a test that fails; a mistake of a script fails it. */
  witness: [
    async ({ tabs, server }, use, info) => {
      await use();
      if (info.status !== info.expectedStatus) {
        for (const name of ["desk", "phone"]) {
          const path = info.outputPath(`${name}.png`);
          writeFileSync(path, await tabs[name].picture());
          await info.attach(name, { path, contentType: "image/png" });
        }
        await info.attach("the server's last words", { body: server.lastWords(), contentType: "text/plain" });
      }
      expect(tabs.mistakes, "mistakes of the page's script").toEqual([]);
    },
    { auto: true },
  ],
});
