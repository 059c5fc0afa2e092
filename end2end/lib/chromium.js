// Finds a Chromium, or installs Debian's where nothing else is at hand.

import { installFromDebian, isProgram, onPath } from "./programs.js";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "microsoft-edge"];
const MAC = ["Google Chrome", "Chromium", "Microsoft Edge"].map(
  (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
);
const PACKAGES = ["chromium", "fonts-noto-color-emoji"];

/** It does nothing on its own account, and needs neither a sandbox nor a graphics card. */
export const CHROMIUM_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export class NoBrowser extends Error {
  name = "NoBrowser";
}

/** The browser's program: named by `KAFKATALK_CHROMIUM`, installed, or installed now. */
export function findChromium(say) {
  const named = process.env.KAFKATALK_CHROMIUM;
  if (named) {
    if (!isProgram(named)) throw new NoBrowser(`KAFKATALK_CHROMIUM names ${named}, which is no program`);
    return named;
  }
  const find = () => onPath(NAMES) ?? MAC.find(isProgram);
  let found = find();
  if (!found) {
    installFromDebian(PACKAGES, say);
    found = find();
  }
  if (!found) throw new NoBrowser("install Chromium or Chrome, or name one by KAFKATALK_CHROMIUM");
  return found;
}
