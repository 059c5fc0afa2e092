// Pictures of a page for people to look at, each checked for accessibility.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { violations } from "./axe.js";
import { expect, test } from "./test.js";

/** A phone and a desk. */
export const SIZES = [
  { width: 360, height: 740 },
  { width: 1_440, height: 900 },
];

/** Looks at the page in light and dark. */
export async function look(page, name) {
  const pictures = join(test.info().project.outputDir, "../screens");
  mkdirSync(pictures, { recursive: true });
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { width, height } = page.viewportSize();
    await page.screenshot({ path: join(pictures, `${name}-${width}x${height}-${colorScheme}.png`) });
    expect(await violations(page), `${name}, ${width}, ${colorScheme}`).toEqual([]);
  }
}
