// The public API, for what a spec needs to be there before it begins, and for what a browser is not to see.

import { randomUUID } from "node:crypto";

/** What the API answered instead of what was wanted. */
export class Refused extends Error {
  constructor(request, status, problem) {
    super(`${request}: ${status} ${JSON.stringify(problem)}`);
    this.status = status;
    this.problem = problem;
  }
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
    const answer = await fetch(`${this.server.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    const content = text ? JSON.parse(text) : undefined;
    if (!answer.ok) throw new Refused(`${method} ${path}`, answer.status, content);
    return content;
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
