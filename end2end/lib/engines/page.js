// A page as Playwright and Puppeteer have it, which are alike in what the journey needs.

export class Page {
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
    // Puppeteer knows no limit, and has none.
    await element?.click({ timeout: limitMs });
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
