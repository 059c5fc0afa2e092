// The wire between one browser and the server, which can be cut: for every browser alike, whatever its driver can do.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** What a server says first on a live socket. */
const READY = '"type":"ready"';

/** One connection through the wire. */
class Call {
  /** The server said on it that a device is live now. */
  ready = false;
  #said = "";

  constructor(near, far) {
    this.near = near;
    this.far = far;
  }

  listen(chunk) {
    // It may come in two pieces.
    const said = this.#said + chunk.toString("latin1");
    this.ready ||= said.includes(READY);
    this.#said = said.slice(-READY.length);
  }

  drop() {
    this.near.destroy();
    this.far.destroy();
  }
}

export class Wire {
  #calls = new Set();
  #isCut = false;
  #isDeaf = false;

  /** A wire to the server that listens at a port of this machine. */
  static async to(port) {
    const wire = new Wire();
    wire.listener = createServer((near) => wire.#carry(near, port));
    await once(wire.listener.listen(0, "127.0.0.1"), "listening");
    return wire;
  }

  /** Where the browser finds the server. */
  get url() {
    return `http://127.0.0.1:${this.listener.address().port}`;
  }

  /** Whether a device is live at the other end. */
  get isLive() {
    return !this.#isCut && [...this.#calls].some((call) => call.ready);
  }

  /** What was live before is so no longer: another page comes. */
  forget() {
    for (const call of this.#calls) call.ready = false;
  }

  /** Drops every connection, and each that is begun, until it is mended. */
  cut() {
    this.#isCut = true;
    for (const call of this.#calls) call.drop();
  }

  /** The server hears everything; nothing that it says arrives, until the wire is mended. */
  deafen() {
    this.#isDeaf = true;
  }

  mend() {
    this.#isCut = false;
    this.#isDeaf = false;
  }

  async close() {
    this.cut();
    this.listener.close();
    await once(this.listener, "close");
  }

  #carry(near, port) {
    if (this.#isCut) {
      near.destroy();
      return;
    }
    const call = new Call(near, connect({ port, host: "127.0.0.1", noDelay: true }));
    this.#calls.add(call);
    near.setNoDelay(true);
    near.pipe(call.far);
    call.far.on("data", (chunk) => {
      if (this.#isDeaf) return;
      call.listen(chunk);
      near.write(chunk);
    });
    call.far.on("end", () => near.end());
    for (const end of [near, call.far]) {
      end.on("error", () => call.drop());
      end.on("close", () => {
        call.drop();
        this.#calls.delete(call);
      });
    }
  }
}
