// Ends well if the packages that are installed are those of the lock file.

import { readFileSync } from "node:fs";

const here = new URL("..", import.meta.url);
const read = (path) => JSON.parse(readFileSync(new URL(path, here), "utf8"));

const wanted = Object.entries(read("package-lock.json").packages).filter(([path, about]) => path && !about.optional);
const missing = wanted.filter(([path, about]) => {
  try {
    return read(`${path}/package.json`).version !== about.version;
  } catch {
    return true;
  }
});
process.exit(missing.length === 0 ? 0 : 1);
