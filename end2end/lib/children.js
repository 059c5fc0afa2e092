// Programs that a run has started, on files: they are ended even where the worker that started them was not there to.

import { once } from "node:events";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** How long a program may take to stop in order before it is killed. */
const STOP_MS = 15_000;

const FILES = "children";

export class Children {
  #files;

  /** Of the run that has this folder. */
  constructor(folder) {
    this.#files = join(folder, FILES);
    mkdirSync(this.#files, { recursive: true });
  }

  /** Notes a program that has just been started. */
  note(child) {
    const file = join(this.#files, String(child.pid));
    writeFileSync(file, "");
    child.once("exit", () => {
      child.ended = true;
      rmSync(file, { force: true });
    });
    return child;
  }

  /** Ends one by a signal, and waits for that. */
  async end(child, signal = "SIGTERM") {
    if (child.ended) return;
    const ended = once(child, "exit");
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(late);
  }

  /** Kills those that are still there: nobody else will. */
  endAll() {
    for (const pid of readdirSync(this.#files).map(Number)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It is gone, which is what we want.
      }
    }
  }
}
