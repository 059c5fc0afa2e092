// Chromium, driven by Playwright.

import { CHROMIUM_ARGS } from "../chromium.js";
import { Page } from "./page.js";

export async function launch({ program }, { playwright }) {
  const browser = await playwright.chromium.launch({ executablePath: program, args: CHROMIUM_ARGS });
  return {
    async open(viewport, onMistake) {
      const context = await browser.newContext({ viewport });
      context.on("weberror", (error) => onMistake(String(error.error().stack ?? error.error())));
      return new Page(await context.newPage());
    },
    close: () => browser.close(),
  };
}
