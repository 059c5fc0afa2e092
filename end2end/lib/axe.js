// What axe-core finds wrong with a page as it is.

import axe from "axe-core";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export async function violations(page) {
  // The page's own policy keeps scripts out; the browser's tools may bring theirs.
  await page.evaluate(axe.source);
  const { violations: found } = await page.evaluate((rules) => window.axe.run({ runOnly: rules }), RULES);
  return found.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}
