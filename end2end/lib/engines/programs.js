// The programs of the browser engines that the journey runs in.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { findChromium, NoBrowser } from "../chromium.js";
import { hasDebian, installFromDebian, isProgram, onPath } from "../programs.js";

const FIREFOX_NAMES = ["firefox-esr", "firefox"];
const FIREFOX_MAC = "/Applications/Firefox.app/Contents/MacOS/firefox";

/** Where WebKitGTK's small browser lies: in a folder of the library, beside the path. */
const WEBKIT_FOLDERS = ["/usr/lib", "/usr/libexec", "/usr/lib64"];
const WEBKIT_LIBRARY = /^webkit(2)?gtk-/;

function foldersIn(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  } catch {
    return [];
  }
}

function findMiniBrowser() {
  // Debian has one more folder, of the architecture.
  const folders = WEBKIT_FOLDERS.flatMap((top) => [top, ...foldersIn(top).filter((folder) => folder.endsWith("-linux-gnu"))]);
  const libraries = folders.flatMap((folder) => foldersIn(folder)).filter((folder) => WEBKIT_LIBRARY.test(folder.split("/").at(-1)));
  return libraries.map((folder) => join(folder, "MiniBrowser")).find(isProgram);
}

/** Each engine: its programs, or nothing where one is missing; the packages that have them, and what to look for elsewhere. */
const ENGINES = {
  firefox: {
    find: () => {
      const named = process.env.KAFKATALK_FIREFOX;
      const program = named ? [named].find(isProgram) : (onPath(FIREFOX_NAMES) ?? [FIREFOX_MAC].find(isProgram));
      return program && { program };
    },
    packages: ["firefox-esr"],
    wanted: "Firefox",
  },
  webkit: {
    find: () => {
      const [driver, screen, browser] = [onPath(["WebKitWebDriver"]), onPath(["Xvfb"]), findMiniBrowser()];
      return driver && screen && browser && { driver, screen, browser };
    },
    packages: ["webkit2gtk-driver", "xvfb"],
    wanted: "WebKitGTK with WebKitWebDriver and MiniBrowser, and Xvfb",
  },
};

/** The programs of every engine that can be had here, by the engine's name. What cannot be had is told in a line. */
export function findEngines(say) {
  const names = Object.keys(ENGINES);
  const missing = () => names.filter((name) => !ENGINES[name].find());
  const packages = missing().flatMap((name) => ENGINES[name].packages);
  if (packages.length > 0) installFromDebian(packages, say);
  const absent = missing();
  if (absent.length > 0) {
    const wanted = absent.map((name) => ENGINES[name].wanted).join("; ");
    // Where they can be had, going on without them would hide that nothing was tested.
    if (hasDebian()) throw new NoBrowser(`install by hand: ${wanted}`);
    say(`not here, so nothing is tested in ${absent.join(" and ")}: ${wanted}`);
  }
  const found = names.filter((name) => !absent.includes(name)).map((name) => [name, ENGINES[name].find()]);
  return { chromium: { program: findChromium(say) }, ...Object.fromEntries(found) };
}
