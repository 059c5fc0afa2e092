// A server of our own: started, killed and started again on the same data and port.

import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Children } from "./children.js";
import { freePort } from "./ports.js";

/** Longest wait for a server to be ready; on Kafka it creates topics first. */
const READY_MS = 180_000;
/** How often a server that starts is asked whether it is ready. */
const ASK_EVERY_MS = 30;
/** How much of a server's log is shown where something failed. */
const LOG_CHARS = 4_000;

export class Server {
  #child;
  #folder;
  #kafka;
  #children;
  #options;
  #beside;

  /** `name` sets its folder, and on Kafka its topics (`topics`), apart from others of this run. */
  constructor({ program, folder, name, topics = name, kafka }) {
    this.program = program;
    this.#options = { program, folder, name, topics, kafka };
    this.#folder = join(folder, name);
    this.#children = new Children(folder);
    const run = folder.replace(/.*-/, "").replace(/[^A-Za-z0-9]/g, "");
    this.#kafka = kafka ? ["--kafka", kafka, "--topic-prefix", `e2e-${run}-${topics}`] : [];
    mkdirSync(this.#folder, { recursive: true });
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts and waits until it is ready. */
  async start() {
    this.port ??= await freePort();
    const output = openSync(join(this.#folder, "log"), "a");
    const listen = ["--listen", `127.0.0.1:${this.port}`, "--data", join(this.#folder, "data"), "--no-rate-limits"];
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("KAFKATALK_")));
    const words = ["serve", ...listen, ...this.#kafka];
    const child = this.#children.note(spawn(this.program, words, { env, stdio: ["ignore", output, output] }));
    closeSync(output);
    this.#child = child;
    await this.#ready(child);
    return this;
  }

  async #ready(child) {
    const deadline = Date.now() + READY_MS;
    let last = "it did not answer";
    while (Date.now() < deadline) {
      if (child.ended) throw new Error(`the server ended while starting:\n${this.lastWords()}`);
      try {
        const answer = await fetch(`${this.url}/readyz`);
        const words = await answer.text();
        if (answer.ok) return;
        last = words;
      } catch {
        // Not listening yet.
      }
      await pause(ASK_EVERY_MS);
    }
    throw new Error(`the server was not ready within ${READY_MS} ms: ${last}\n${this.lastWords()}`);
  }

  /** Another node on the same log, for as long as this one runs; on the embedded log, which has one node, this one. */
  async beside() {
    if (!this.#options.kafka) return this;
    this.#beside ??= new Server({ ...this.#options, name: `${this.#options.name}-beside` }).start();
    return this.#beside;
  }

  /** Ends it as a power failure would. */
  async kill() {
    await this.#end("SIGKILL");
  }

  /** Ends it in order. */
  async stop() {
    const beside = await this.#beside;
    this.#beside = undefined;
    await beside?.stop();
    await this.#end("SIGTERM");
  }

  async #end(signal) {
    if (this.#child) await this.#children.end(this.#child, signal);
    this.#child = undefined;
  }

  /** The end of its log. */
  lastWords() {
    try {
      return readFileSync(join(this.#folder, "log"), "utf8").slice(-LOG_CHARS);
    } catch {
      return "";
    }
  }
}
