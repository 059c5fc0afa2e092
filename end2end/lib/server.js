// A server of our own: started, killed and started again on the same data and port.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** Longest wait for a server to be ready; on Kafka it creates topics first. */
const READY_MS = 180_000;
/** How often a server that starts is asked whether it is ready. */
const ASK_EVERY_MS = 30;
/** How long a server may take to stop in order before it is killed. */
const STOP_MS = 15_000;
/** How much of a server's log is shown where something failed. */
const LOG_CHARS = 4_000;

const PID_FILES = "servers";

async function freePort() {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  listener.close();
  await once(listener, "close");
  return port;
}

/** Ends the servers of a run whose worker did not get to it. */
export function endLeftServers(folder) {
  const files = join(folder, PID_FILES);
  let names = [];
  try {
    names = readdirSync(files);
  } catch {
    return;
  }
  for (const pid of names.map(Number)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It is gone, which is what we want.
    }
  }
}

export class Server {
  #child;
  #folder;
  #kafka;
  #pids;

  /** `name` sets its folder, and on Kafka its topics, apart from others of this run. */
  constructor({ program, folder, name, kafka }) {
    this.program = program;
    this.#folder = join(folder, name);
    this.#pids = join(folder, PID_FILES);
    const run = folder.replace(/.*-/, "").replace(/[^A-Za-z0-9]/g, "");
    this.#kafka = kafka ? ["--kafka", kafka, "--topic-prefix", `e2e-${run}-${name}`] : [];
    mkdirSync(this.#folder, { recursive: true });
    mkdirSync(this.#pids, { recursive: true });
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
    const child = spawn(this.program, words, { env, stdio: ["ignore", output, output] });
    closeSync(output);
    child.once("exit", () => (child.ended = true));
    this.#child = child;
    writeFileSync(join(this.#pids, String(child.pid)), "");
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

  /** Ends it as a power failure would. */
  async kill() {
    await this.#end("SIGKILL");
  }

  /** Ends it in order. */
  async stop() {
    await this.#end("SIGTERM");
  }

  async #end(signal) {
    const child = this.#child;
    if (!child) return;
    if (!child.ended) {
      const ended = once(child, "exit");
      child.kill(signal);
      const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await ended;
      clearTimeout(late);
    }
    rmSync(join(this.#pids, String(child.pid)), { force: true });
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
