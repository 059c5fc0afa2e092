// Finds a Chromium, or installs Debian's where nothing else is at hand.

import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "microsoft-edge"];
const MAC = ["Google Chrome", "Chromium", "Microsoft Edge"].map(
  (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
);

class NoBrowser extends Error {
  name = "NoBrowser";
}

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function onPath() {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

function installFromDebian(say) {
  if (spawnSync("apt-get", ["--version"]).status !== 0) return;
  say("installing Debian's Chromium");
  const [program, ...first] = process.getuid?.() === 0 ? ["env"] : ["sudo", "env"];
  const apt = (...words) =>
    spawnSync(program, [...first, "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", ...words], {
      stdio: ["inherit", "ignore", "inherit"],
    });
  apt("update");
  apt("install", "-y", "--no-install-recommends", "chromium", "fonts-noto-color-emoji");
}

/** The browser's program: named by `KAFKATALK_CHROMIUM`, installed, or installed now. */
export function findChromium(say) {
  const named = process.env.KAFKATALK_CHROMIUM;
  if (named) {
    if (!isProgram(named)) throw new NoBrowser(`KAFKATALK_CHROMIUM names ${named}, which is no program`);
    return named;
  }
  const find = () => onPath() ?? MAC.find(isProgram);
  let found = find();
  if (!found) {
    installFromDebian(say);
    found = find();
  }
  if (!found) throw new NoBrowser("install Chromium or Chrome, or name one by KAFKATALK_CHROMIUM");
  return found;
}
