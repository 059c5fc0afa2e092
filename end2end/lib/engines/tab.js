// What one person sees of the product and does with it, in whichever browser.

import { expect } from "@playwright/test";
import { first, inWords, isInView, NO_TOOLS, texts, TOOLS, value } from "./seek.js";

/** How long to wait for what must come: long, for a machine that is busy with other things. */
const PATIENCE_MS = 60_000;
/** Longest time to a live socket: after several failures a client pauses up to half a minute. */
const RECONNECT_MS = 90_000;
/** How often a page is asked. */
const ASK_EVERY_MS = [30, 60, 120];
/** Longest time for one click: an element that is covered or moves is looked for again. */
const CLICK_MS = 5_000;

/** Tries until nothing is thrown: a page that is just being left throws as well. */
const until = (check, timeout = PATIENCE_MS) => expect(check).toPass({ timeout, intervals: ASK_EVERY_MS });

export class Tab {
  #page;

  /** A page of some engine (`chromium.js` and its like), and the wire that it is behind. */
  constructor(page, wire) {
    this.#page = page;
    this.wire = wire;
  }

  async goto(path) {
    this.wire.forget();
    await this.#page.goto(this.wire.url + path);
  }

  /** Goes a page back; returns before it is there. */
  async back() {
    this.wire.forget();
    await this.#page.run("void setTimeout(() => history.back())");
  }

  /** Waits until the page has that path, and a query that begins like that. */
  async isAt(path, query = "") {
    await until(async () => {
      const { pathname, search } = new URL(await this.#page.url());
      expect(pathname, "the page's path").toBe(path);
      expect(search.startsWith(query), `the query begins with ${query}`).toBe(true);
    });
  }

  /** Waits until the page lives: script started, socket ready. */
  async isLive() {
    await until(() => expect(this.wire.isLive, "a live socket").toBe(true), RECONNECT_MS);
  }

  /** Clicks the first that fits, once it is there. */
  async click(query) {
    await until(async () => {
      const shown = await this.texts(query);
      expect(shown.length, `${inWords(query)} is there`).toBeGreaterThan(0);
      expect(await this.#page.click(first(query), CLICK_MS), `${inWords(query)} can be clicked`).toBe(true);
    });
  }

  /** Types into a field that is empty. */
  async type(query, text) {
    await this.click(query);
    await this.#page.type(text);
    await until(async () => expect(await this.#ask(value(query)), `what stands in ${inWords(query)}`).toBe(text));
  }

  /** Empties a field. */
  async clear(query) {
    await this.click(query);
    const typed = await this.#ask(value(query));
    await this.press("End");
    for (const _ of typed) await this.press("Backspace");
    await until(async () => expect(await this.#ask(value(query)), `what stands in ${inWords(query)}`).toBe(""));
  }

  press(key) {
    return this.#page.press(key);
  }

  /** What each that fits shows now. */
  texts(query) {
    return this.#ask(texts(query));
  }

  /** Waits until there are that many that fit, or at least one. */
  async sees(query, count) {
    await until(async () => {
      const shown = await this.texts(query);
      if (count === undefined) expect(shown.length, `${inWords(query)} is shown`).toBeGreaterThan(0);
      else expect(shown, `${inWords(query)}, ${count} times`).toHaveLength(count);
    });
  }

  /** Waits until the first that fits can be seen without scrolling. */
  async seesInView(query) {
    await until(async () => expect(await this.#ask(isInView(query)), `${inWords(query)} is in view`).toBe(true));
  }

  picture() {
    return this.#page.picture();
  }

  /** Asks the page; brings the tools first, where a page is new. */
  async #ask(expression) {
    const answer = await this.#page.run(expression);
    if (answer !== NO_TOOLS) return answer;
    await this.#page.run(TOOLS);
    return this.#page.run(expression);
  }
}
