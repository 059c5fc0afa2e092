// What a browser complains about while a spec runs. A spec passes only if there was nothing, or nothing but what it
// says must be.

/** What a browser says when there is no server, or no network. */
const NO_CONNECTION = [
  /net::ERR_(CONNECTION_|INTERNET_DISCONNECTED|NETWORK_|EMPTY_RESPONSE|SOCKET_|INCOMPLETE_CHUNKED)/,
  /WebSocket connection to .* failed/,
];

/** Enough of a complaint to know it by; the rest of a stack of wasm says nothing. */
const LINES_SHOWN = 4;

const firstLines = (text) => text.split("\n").slice(0, LINES_SHOWN).join("\n");

export class Watch {
  #problems = [];
  #allowed = [];

  constructor() {
    // Whoever opens the finding panel searches, and a server that has just been started may still fill its index.
    this.allowStatus(503, "/api/v1/search");
  }

  /** Says what this spec provokes on purpose: the text of a console message, or `STATUS PATH` of an answer. */
  allow(...patterns) {
    this.#allowed.push(...patterns);
  }

  /** This spec takes the connection away. */
  allowLostConnections() {
    this.allow(...NO_CONNECTION);
  }

  /** This spec starts the server again: until it has read its log to the end, it says so with 503. */
  allowRestarts() {
    this.allowLostConnections();
    this.allowStatus(503, "/api/v1/.*");
  }

  /** An answer that refuses: the browser logs it as well, without naming what it was. */
  allowStatus(status, path) {
    this.allow(new RegExp(`^${status} ${path}$`), new RegExp(`server responded with a status of ${status} `));
  }

  /** Complaints that were not allowed. */
  get problems() {
    return this.#problems.filter((problem) => !this.#allowed.some((pattern) => pattern.test(problem)));
  }

  /** Listens to all pages of a browser context; `script` tells whether it runs any. */
  listen(context, script) {
    context.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.#problems.push(firstLines(message.text()));
    });
    context.on("weberror", (error) => this.#problems.push(firstLines(String(error.error().stack ?? error.error()))));
    context.on("requestfailed", (request) => {
      const reason = request.failure()?.errorText ?? "failed";
      // Left behind by going to another page; or a script where none may run.
      const meant = reason === "net::ERR_ABORTED" || (!script && request.url().endsWith(".js"));
      if (!meant) this.#problems.push(`${reason} ${request.url()}`);
    });
    context.on("response", (response) => {
      if (response.status() >= 400) this.#problems.push(`${response.status()} ${new URL(response.url()).pathname}`);
    });
  }
}
