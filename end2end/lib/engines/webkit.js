// WebKitGTK's MiniBrowser, driven by Selenium over WebDriver, on a screen that nobody sees.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { Builder, Capabilities, Key } from "selenium-webdriver";
import { freePort } from "../ports.js";

/** Longest wait for a driver to listen. */
const READY_MS = 60_000;
/** How often it is asked. */
const ASK_EVERY_MS = 20;

/** Software alone, no desktop: no bus to speak to, no graphics card, no accessibility service. */
const PLAIN = {
  DBUS_SESSION_BUS_ADDRESS: "disabled:",
  GDK_BACKEND: "x11",
  LIBGL_ALWAYS_SOFTWARE: "1",
  NO_AT_BRIDGE: "1",
  WEBKIT_DISABLE_COMPOSITING_MODE: "1",
};

/** Keys by the names that the others know them by. */
const KEYS = { Backspace: Key.BACK_SPACE, End: Key.END, Enter: Key.ENTER };

/** The driver tells nothing of scripts that fail: the page itself notes it, from the first time that it is asked something. */
const NOTE_MISTAKES = `if (!window.mistakes) {
  window.mistakes = [];
  window.addEventListener("error", ({ message }) => window.mistakes.push(message));
  window.addEventListener("unhandledrejection", ({ reason }) => window.mistakes.push(String(reason)));
}`;

class WebKitPage {
  #driver;
  #onMistake;

  constructor(driver, onMistake) {
    this.#driver = driver;
    this.#onMistake = onMistake;
  }

  goto(url) {
    return this.#driver.get(url);
  }

  url() {
    return this.#driver.getCurrentUrl();
  }

  async run(expression) {
    const script = `${NOTE_MISTAKES} return [${expression}, window.mistakes.splice(0)]`;
    const [answer, mistakes] = await this.#driver.executeScript(script);
    mistakes.forEach(this.#onMistake);
    return answer;
  }

  async click(expression) {
    const element = await this.run(expression);
    await element?.click();
    return Boolean(element);
  }

  type(text) {
    return this.#driver.actions().sendKeys(text).perform();
  }

  press(key) {
    return this.type(KEYS[key]);
  }

  async picture() {
    return Buffer.from(await this.#driver.takeScreenshot(), "base64");
  }
}

/** A screen of our own, so that the environment may have none; its name. */
async function startScreen(program, children) {
  const words = ["-displayfd", "3", "-nolisten", "tcp", "-screen", "0", "1600x1200x24"];
  const screen = children.note(spawn(program, words, { stdio: ["ignore", "ignore", "ignore", "pipe"] }));
  const told = once(screen.stdio[3], "data").then(([number]) => `:${number.toString().trim()}`);
  const ended = once(screen, "exit").then(() => Promise.reject(new Error(`${program} ended while starting`)));
  return { name: await Promise.race([told, ended]), stop: () => children.end(screen) };
}

async function untilListening(url) {
  const deadline = Date.now() + READY_MS;
  for (;;) {
    try {
      if ((await fetch(`${url}/status`)).ok) return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await pause(ASK_EVERY_MS);
  }
}

export async function launch({ driver: program, screen: screenProgram, browser }, { children }) {
  const screen = await startScreen(screenProgram, children);
  const env = { ...process.env, ...PLAIN, DISPLAY: screen.name };
  // A driver has one browser, and a browser one person's cookies.
  const open = [];

  async function startDriver() {
    const port = await freePort();
    const driver = children.note(spawn(program, [`--port=${port}`], { env, stdio: "ignore" }));
    const url = `http://127.0.0.1:${port}`;
    await untilListening(url);
    return { driver, url };
  }

  return {
    async open(viewport, onMistake) {
      const { driver, url } = await startDriver();
      const options = { binary: browser, args: ["--automation"] };
      const capabilities = new Capabilities({ browserName: "MiniBrowser", "webkitgtk:browserOptions": options });
      const session = await new Builder().usingServer(url).withCapabilities(capabilities).build();
      open.push({ session, driver });
      await session.manage().window().setRect(viewport);
      return new WebKitPage(session, onMistake);
    },
    async close() {
      for (const { session, driver } of open) {
        await session.quit();
        await children.end(driver);
      }
      await screen.stop();
    },
  };
}
