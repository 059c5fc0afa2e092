// Finding what is on a page by role and accessible name, in the page itself: the same way in every engine.

import axe from "axe-core";

/** What the page answers while axe-core, which knows roles and names, is not there. */
export const NO_TOOLS = "no tools";
/** Brings it there. */
export const TOOLS = `(() => { ${axe.source}; })()`;

/**
 * Runs in the page: the elements that fit, from top to bottom.
 *
 * A query is `{ role, name, exact, level, checked, texts, within }`: the name has that in it, or with `exact` is that; what
 * the element says has all the texts in it; `within` is the query of what it is in. Without a role any field fits.
 */
function seek(wanted) {
  const { aria, dom, text } = window.axe.commons;
  const plain = (words) => words.replace(/\s+/g, " ").trim().toLowerCase();
  const nameFits = (element, { name, exact }) => {
    const [is, want] = [plain(text.accessibleText(element)), plain(name)];
    return exact ? is === want : is.includes(want);
  };
  const levelOf = (element) => element.getAttribute("aria-level") ?? element.localName.replace("h", "");
  const fits = (element, query) =>
    (query.role === undefined || aria.getRole(element) === query.role) &&
    (query.level === undefined || levelOf(element) === String(query.level)) &&
    (query.checked === undefined || element.getAttribute("aria-checked") === String(query.checked)) &&
    (query.texts ?? []).every((wanted) => plain(element.textContent).includes(plain(wanted))) &&
    dom.isVisibleToScreenReaders(element) &&
    (query.name === undefined || nameFits(element, query));
  const all = (query) => {
    const roots = query.within ? all(query.within) : [document];
    const any = query.role === undefined ? "input, textarea, select" : "*";
    return roots.flatMap((root) => [...root.querySelectorAll(any)]).filter((element) => fits(element, query));
  };
  window.axe.setup(document.documentElement);
  try {
    return all(wanted);
  } finally {
    window.axe.teardown();
  }
}

/** An expression that has the page do something with the elements that fit, if it has the tools. */
const withAll = (query, what, otherwise = NO_TOOLS) =>
  `(window.axe ? (${what})((${seek})(${JSON.stringify(query)})) : ${JSON.stringify(otherwise)})`;

/** The first that fits; null where there is none, or no tools. */
export const first = (query) => withAll(query, (found) => found[0] ?? null, null);

/** What each shows, and what of it can be seen. */
export const texts = (query) => withAll(query, (found) => found.map((element) => element.innerText.replace(/\s+/g, " ").trim()));

/** What stands in the first, if it is a field. */
export const value = (query) => withAll(query, (found) => found[0]?.value ?? null);

/** Whether the first can be seen whole without scrolling. */
export const isInView = (query) =>
  withAll(query, (found) => {
    const box = found[0]?.getBoundingClientRect();
    return Boolean(box) && box.top >= 0 && box.bottom <= window.innerHeight && box.width > 0;
  });

/** A query in words. */
export function inWords({ role = "field", name, texts: said = [], level, checked, within }) {
  const parts = [checked && "checked", role, level && `of level ${level}`, name && `"${name}"`, ...said.map((text) => `with "${text}"`)];
  return parts.filter(Boolean).join(" ") + (within ? ` in ${inWords(within)}` : "");
}
