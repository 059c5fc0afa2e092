// Parts of the page that are fetched when they are first used, and pages whose build the server no longer has.

import { expect, test } from "../lib/test.js";

const PART = "**/pkg/*/split_find.wasm";
const SCRIPT = "**/pkg/*/kafkatalk.js";
const GONE = { status: 404, headers: { "cache-control": "no-store" }, body: "" };

const openPanel = (here) => here.page.getByRole("button", { name: "Search" }).click();
const field = (here) => here.page.getByRole("combobox", { name: "Find a person or a message" });
const sorry = (here) => here.page.getByRole("alert").filter({ hasText: "Couldn't load this part of the page." });

test("the panel for finding is fetched when it is first opened, once", async ({ device, pair }) => {
  const here = await device(pair.ada);
  const fetched = [];
  here.page.on("request", (request) => /split_find/.test(request.url()) && fetched.push(request.url()));
  await here.open();
  expect(fetched).toEqual([]);
  for (let times = 0; times < 2; times += 1) {
    await openPanel(here);
    await expect(field(here)).toBeFocused();
    await here.page.keyboard.press("Escape");
  }
  expect(fetched).toHaveLength(1);
});

test("a part that cannot be fetched says so, and is there when asked for again", async ({ device, pair, watch }) => {
  watch.allow(/split_find/, /net::ERR_FAILED/, /Failed to fetch/);
  const here = await device(pair.ada);
  await here.page.route(PART, (route) => route.abort());
  await here.openConversation(pair.conversation);
  await openPanel(here);
  await expect(sorry(here)).toBeVisible();
  await expect(here.page.getByRole("button", { name: "Reload the page" })).toBeVisible();
  // Everything else goes on.
  await here.say("Still here");
  await here.expectAllSent();
  await here.page.unroute(PART);
  await here.page.getByRole("button", { name: "Try again", exact: true }).click();
  await expect(field(here)).toBeFocused();
});

test("a page of a build that is gone reloads once when it asks for a part", async ({ device, pair, watch }) => {
  watch.allow(/404/, /split_find/, /HTTP status code is not ok/);
  const here = await device(pair.ada);
  await here.page.route(PART, (route) => route.fulfill(GONE));
  await here.page.route(SCRIPT, (route) => (route.request().method() === "HEAD" ? route.fulfill(GONE) : route.continue()));
  await here.open();
  // The page that comes opens a socket of its own; before that nobody listens to its buttons.
  const again = here.page.waitForEvent("websocket");
  await openPanel(here);
  await again;
  await here.live();
  await openPanel(here);
  await expect(sorry(here)).toBeVisible();
});

test("a page whose script is gone reloads once, and lives if it is there then", async ({ device, pair, watch }) => {
  watch.allow(/404/, /Failed to fetch dynamically imported module/, /preload/);
  const here = await device(pair.ada);
  let loads = 0;
  here.page.on("framenavigated", () => (loads += 1));
  await here.page.route(SCRIPT, (route) => (loads < 2 ? route.fulfill(GONE) : route.continue()));
  await here.open();
  expect(loads).toBe(2);
});

test("a page whose script stays gone says that it can't start", async ({ device, pair, watch }) => {
  watch.allow(/404/, /Failed to fetch dynamically imported module/, /preload/);
  const here = await device(pair.ada);
  await here.page.route(SCRIPT, (route) => route.fulfill(GONE));
  await here.page.goto("/conversations");
  await expect(here.page.getByRole("alert").filter({ hasText: "can't start" })).toBeVisible();
});
