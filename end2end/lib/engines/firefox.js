// Firefox, driven by Puppeteer over WebDriver BiDi.

import { join } from "node:path";
import puppeteer from "puppeteer-core";
import { Page } from "./page.js";

export async function launch({ program }, { folder, children }) {
  // A browser for each person: a tab in the background counts as not looked at, and is slow to take clicks.
  const browsers = [];
  return {
    async open(viewport, onMistake) {
      const browser = await puppeteer.launch({
        browser: "firefox",
        executablePath: program,
        headless: true,
        userDataDir: join(folder, String(browsers.length)),
        // Whoever runs the tests ends in order, and closes this.
        handleSIGINT: false,
        handleSIGTERM: false,
        handleSIGHUP: false,
      });
      children.note(browser.process());
      browsers.push(browser);
      const [page] = await browser.pages();
      await page.setViewport(viewport);
      page.on("pageerror", (error) => onMistake(String(error.stack ?? error)));
      return new Page(page);
    },
    async close() {
      await Promise.all(browsers.map((browser) => browser.close()));
    },
  };
}
