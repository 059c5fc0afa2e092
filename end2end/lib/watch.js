// What a browser complains about while a spec runs. A spec passes only if there was nothing, or nothing but what it
// says must be.

/** What a browser says when there is no server, or no network. */
const NO_CONNECTION = [
  /net::ERR_(CONNECTION_|INTERNET_DISCONNECTED|NETWORK_|EMPTY_RESPONSE|SOCKET_|INCOMPLETE_CHUNKED)/,
  /WebSocket connection to .* failed/,
];

export class Watch {
  #problems = [];
  #allowed = [];

  /** Says what this spec provokes on purpose: the text of a console message, or `STATUS PATH` of an answer. */
  allow(...patterns) {
    this.#allowed.push(...patterns);
  }

  /** This spec takes the connection away. */
  allowLostConnections() {
    this.allow(...NO_CONNECTION);
  }

  /** An answer that refuses: the browser logs it as well, without naming what it was. */
  allowStatus(status, path) {
    this.allow(new RegExp(`^${status} ${path}$`), new RegExp(`server responded with a status of ${status} `));
  }

  /** Complaints that were not allowed. */
  get problems() {
    return this.#problems.filter((problem) => !this.#allowed.some((pattern) => pattern.test(problem)));
  }

  /** Listens to all pages of a browser context. */
  listen(context) {
    context.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.#problems.push(message.text());
    });
    context.on("weberror", (error) => this.#problems.push(`${error.error().stack ?? error.error()}`));
    context.on("requestfailed", (request) => {
      const reason = request.failure()?.errorText ?? "failed";
      // Left behind by going to another page.
      if (reason !== "net::ERR_ABORTED") this.#problems.push(`${reason} ${request.url()}`);
    });
    context.on("response", (response) => {
      if (response.status() >= 400) this.#problems.push(`${response.status()} ${new URL(response.url()).pathname}`);
    });
  }
}
