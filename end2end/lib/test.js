// What every spec starts from: a server of its worker, people, devices, and a watch over what browsers complain about.

import { test as base, expect } from "@playwright/test";
import { Person } from "./api.js";
import { Device } from "./device.js";
import { Server } from "./server.js";
import { Watch } from "./watch.js";

export { expect };

export const PASSWORD = "correct horse battery";
const SESSION_COOKIE = "kafkatalk_session";

const { KAFKATALK_E2E_BIN, KAFKATALK_E2E_FOLDER, KAFKATALK_E2E_KAFKA } = process.env;

let names = 0;

/** A username that nobody on this server has yet. */
export function freshName(start) {
  names += 1;
  // As long as each other, so that none is the start of another.
  return `${start}-${String(names).padStart(3, "0")}`;
}

export const test = base.extend({
  /** The server of this worker; a spec may kill it and must start it again. */
  server: [
    async ({}, use, worker) => {
      if (!KAFKATALK_E2E_BIN) throw new Error("start the specs by end2end/run.sh");
      const server = new Server({
        program: KAFKATALK_E2E_BIN,
        folder: KAFKATALK_E2E_FOLDER,
        name: `worker${worker.workerIndex}`,
        kafka: KAFKATALK_E2E_KAFKA,
      });
      try {
        await use(await server.start());
      } finally {
        await server.stop();
      }
    },
    { scope: "worker", timeout: 300_000 },
  ],

  /** Fails the spec for every complaint of a browser that the spec did not announce. */
  watch: async ({ server }, use, info) => {
    const watch = new Watch();
    await use(watch);
    if (info.status !== info.expectedStatus) {
      await info.attach("the server's last words", { body: server.lastWords(), contentType: "text/plain" });
    }
    expect(watch.problems, "what the browser complained about").toEqual([]);
  },

  /** Registers a person whose name begins like that. */
  person: async ({ server }, use) => {
    await use((start) => new Person(server, freshName(start), PASSWORD).register());
  },

  /** Opens a browser of its own, signed in as a person or as nobody; options are those of a browser context. */
  device: async ({ browser, server, watch }, use) => {
    const contexts = [];
    await use(async (person, options = {}) => {
      const context = await browser.newContext({ baseURL: server.url, ...options });
      contexts.push(context);
      watch.listen(context, options.javaScriptEnabled ?? true);
      if (person) {
        const cookie = { name: SESSION_COOKIE, value: await person.signIn(), httpOnly: true, sameSite: "Lax" };
        await context.addCookies([{ ...cookie, url: server.url }]);
      }
      return new Device(await context.newPage(), context);
    });
    for (const context of contexts) await context.close();
  },

  /** Two people and their conversation. */
  pair: async ({ person }, use) => {
    const [ada, bob] = [await person("ada"), await person("bob")];
    await use({ ada, bob, conversation: await ada.conversationWith(bob) });
  },
});
