// Programs that tests run: where they are, and how they get here.

import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first of these names that the PATH knows. */
export function onPath(names) {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

/** Whether Debian's packages can be installed here at all. */
export const hasDebian = () => spawnSync("apt-get", ["--version"]).status === 0;

/** Installs Debian packages where there is a Debian; whether that worked is seen by looking again. */
export function installFromDebian(packages, say) {
  if (!hasDebian()) return;
  say(`installing from Debian: ${packages.join(" ")}`);
  const [program, ...first] = process.getuid?.() === 0 ? ["env"] : ["sudo", "env"];
  const apt = (...words) =>
    spawnSync(program, [...first, "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", ...words], {
      stdio: ["inherit", "ignore", "inherit"],
    });
  apt("update");
  apt("install", "-y", "--no-install-recommends", ...packages);
}
