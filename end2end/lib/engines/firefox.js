// Firefox, driven by Puppeteer over WebDriver BiDi.

import { join } from "node:path";
import puppeteer from "puppeteer-core";

class FirefoxPage {
  #page;

  constructor(page) {
    this.#page = page;
  }

  goto(url) {
    return this.#page.goto(url);
  }

  url() {
    return this.#page.url();
  }

  run(expression) {
    return this.#page.evaluate(expression);
  }

  async click(expression) {
    const element = (await this.#page.evaluateHandle(expression)).asElement();
    await element?.click();
    return Boolean(element);
  }

  type(text) {
    return this.#page.keyboard.type(text);
  }

  press(key) {
    return this.#page.keyboard.press(key);
  }

  async picture() {
    return Buffer.from(await this.#page.screenshot());
  }
}

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
      return new FirefoxPage(page);
    },
    async close() {
      await Promise.all(browsers.map((browser) => browser.close()));
    },
  };
}
