// A browser of one person, by the roles and names that people and their tools go by.

import { expect } from "@playwright/test";

/** Longest time to a live socket: after several failures a client pauses up to half a minute. */
const RECONNECT_MS = 90_000;
/** How long a server may fill its index until it finds what was said. */
const INDEX_MS = 90_000;
/** How soon the panel shows an answer that has come. */
const ANSWER_SHOWN_MS = 1_000;

export class Device {
  #sockets = [];

  constructor(page, context) {
    this.page = page;
    this.context = context;
    page.on("websocket", (socket) => {
      const state = { ready: false, closed: false };
      this.#sockets.push(state);
      socket.on("framereceived", ({ payload }) => {
        if (String(payload).includes('"type":"ready"')) state.ready = true;
      });
      socket.on("close", () => (state.closed = true));
    });
  }

  /** Opens a page and waits until it lives: script started, socket ready. */
  async open(path = "/conversations") {
    this.#sockets = [];
    await this.page.goto(path);
    await this.live();
    return this;
  }

  openConversation(conversation) {
    return this.open(`/conversations/${conversation.id}`);
  }

  async reload() {
    // The page before may be told as live for a moment longer.
    this.#sockets = [];
    await this.page.reload();
    await this.live();
  }

  /** Waits until the newest socket of the page is ready. */
  async live() {
    const newest = () => this.#sockets.at(-1);
    await expect.poll(() => Boolean(newest()?.ready && !newest().closed), { message: "a live socket", timeout: RECONNECT_MS }).toBe(true);
  }

  get log() {
    return this.page.getByRole("log", { name: "Messages" });
  }

  /** The texts of the messages, from top to bottom. */
  get bodies() {
    return this.log.locator(".bubble");
  }

  /** One message, by its text. */
  message(text) {
    return this.log.getByRole("listitem").filter({ hasText: text });
  }

  get composer() {
    return this.page.getByRole("textbox", { name: "Message" });
  }

  /** The line that tells how the connection stands; empty where all is well. */
  get connection() {
    return this.page.getByRole("status", { name: "Connection" });
  }

  get list() {
    return this.page.getByRole("list", { name: "Conversations" });
  }

  /** A conversation in the list, by the other person. */
  listed(person) {
    return this.list.getByRole("link", { name: person.username });
  }

  async say(text) {
    await this.composer.fill(text);
    await this.composer.press("Enter");
  }

  /** Looks for a person by the start of their name and opens the conversation with them. */
  async find(start, name) {
    await this.page.getByRole("button", { name: "New conversation" }).click();
    await this.page.getByRole("combobox", { name: "Find a person" }).fill(start);
    await this.page.getByRole("option", { name }).click();
    await expect(this.page.getByRole("heading", { level: 1, name })).toBeVisible();
  }

  /** Waits until the finding panel shows that. Where the server asks for patience, asks again as a person would. */
  async expectFound(wanted) {
    const panel = this.page.getByRole("region", { name: "New conversation" });
    const again = panel.getByRole("button", { name: "Try again", exact: true });
    await expect(async () => {
      await expect(wanted.or(again).first()).toBeVisible();
      if (await again.isVisible()) {
        // One question at a time, or the answers might come in another order.
        const answered = this.page.waitForResponse(/\/api\/v1\/search\?/);
        await Promise.all([answered, again.click({ timeout: ANSWER_SHOWN_MS })]);
      }
      await expect(wanted.first()).toBeVisible({ timeout: ANSWER_SHOWN_MS });
    }).toPass({ timeout: INDEX_MS });
  }

  async expectBodies(bodies) {
    await expect(this.bodies).toHaveText(bodies);
  }

  /** Every own message is in the log. */
  async expectAllSent() {
    for (const word of ["Sending", "Waiting", "Not sent"]) {
      await expect(this.log.getByText(word, { exact: true })).toHaveCount(0);
    }
  }
}
