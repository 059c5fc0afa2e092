// Chromium, driven by Playwright.

import { CHROMIUM_ARGS } from "../chromium.js";

class ChromiumPage {
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

  async click(expression, limitMs) {
    const element = (await this.#page.evaluateHandle(expression)).asElement();
    await element?.click({ timeout: limitMs });
    return Boolean(element);
  }

  type(text) {
    return this.#page.keyboard.type(text);
  }

  press(key) {
    return this.#page.keyboard.press(key);
  }

  picture() {
    return this.#page.screenshot();
  }
}

export async function launch({ program }, { playwright }) {
  const browser = await playwright.chromium.launch({ executablePath: program, args: CHROMIUM_ARGS });
  return {
    async open(viewport, onMistake) {
      const context = await browser.newContext({ viewport });
      context.on("weberror", (error) => onMistake(String(error.error().stack ?? error.error())));
      return new ChromiumPage(await context.newPage());
    },
    close: () => browser.close(),
  };
}
