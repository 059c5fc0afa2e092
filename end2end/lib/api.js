// The public API, for what a spec needs to be there before it begins, and for what a browser is not to see.

import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

/** How long to ask again where the server says that waiting helps. */
const ASK_AGAIN_MS = 60_000;
/** What it says so with, together with `Retry-After`. */
const WAITING_HELPS = [429, 503];

/** What the API answered instead of what was wanted. */
export class Refused extends Error {
  constructor(request, status, problem) {
    super(`${request}: ${status} ${JSON.stringify(problem)}`);
    this.status = status;
    this.problem = problem;
  }
}

/** How long to wait before the same is asked again; nothing where that would not help. */
function againAfterMs(method, path, answer) {
  // What was refused may have been done all the same, and then the name is taken: by oneself.
  if (method === "POST" && path === "/users") return undefined;
  const seconds = answer.headers.get("retry-after");
  return WAITING_HELPS.includes(answer.status) && seconds !== null ? Number(seconds) * 1_000 : undefined;
}

/** A person with a session of their own at the API. */
export class Person {
  constructor(server, username, password) {
    this.server = server;
    this.username = username;
    this.password = password;
  }

  async register() {
    const { user, token } = await this.ask("POST", "/users", this.#credentials());
    Object.assign(this, { id: user.id, token });
    return this;
  }

  /** A further session; returns its token. */
  async signIn() {
    return (await this.ask("POST", "/sessions", this.#credentials())).token;
  }

  #credentials() {
    return { username: this.username, password: this.password };
  }

  async ask(method, path, body) {
    const headers = this.token ? { authorization: `Bearer ${this.token}` } : {};
    if (body) headers["content-type"] = "application/json";
    const url = `${this.server.url}/api/v1${path}`;
    const deadline = Date.now() + ASK_AGAIN_MS;
    for (;;) {
      const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
      const text = await answer.text();
      const content = text ? JSON.parse(text) : undefined;
      if (answer.ok) return content;
      const waitMs = againAfterMs(method, path, answer);
      const late = waitMs === undefined || Date.now() + waitMs > deadline;
      if (late) throw new Refused(`${method} ${path}`, answer.status, content);
      await pause(waitMs);
    }
  }

  /** The conversation with another person. */
  conversationWith(other) {
    return this.ask("POST", "/conversations", { members: [other.username] });
  }

  /** A new group with several people. */
  groupWith(others) {
    return this.ask("POST", "/conversations", { id: randomUUID(), members: others.map(({ username }) => username) });
  }

  send(conversation, body) {
    return this.ask("POST", `/conversations/${conversation.id}/messages`, { id: randomUUID(), body });
  }

  /** Sends many in order. */
  async sendAll(conversation, bodies) {
    const sent = [];
    for (const body of bodies) sent.push(await this.send(conversation, body));
    return sent;
  }

  /** Every body in a conversation, in order. */
  async bodies(conversation) {
    const bodies = [];
    let after = -1;
    do {
      const page = await this.ask("GET", `/conversations/${conversation.id}/messages?after=${after}&limit=200`);
      bodies.push(...page.messages.map((message) => message.body));
      after = page.next;
    } while (after !== null && after !== undefined);
    return bodies;
  }
}
