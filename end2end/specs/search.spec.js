// Finding what was said, and going there.

import { expect, test } from "../lib/test.js";

const field = (here) => here.page.getByRole("combobox", { name: "Find a person or a message" });

/** Opens the panel, whose code is fetched when that is done for the first time. */
async function openPanel(here) {
  await here.page.getByRole("button", { name: "Search" }).click();
  await expect(field(here)).toBeFocused();
}

/** Opens the panel and types. */
async function search(here, words) {
  await openPanel(here);
  return type(here, words);
}

async function type(here, words) {
  await field(here).fill(words);
  return here.page.getByRole("listbox", { name: "Messages" }).getByRole("option");
}

test("a message is found as one types, with the words marked and nothing else read as markup", async ({ device, pair }) => {
  await pair.ada.send(pair.conversation, "Crème <mark>brûlée</mark> for dessert");
  await pair.bob.send(pair.conversation, "I would rather have cake");
  const here = await (await device(pair.ada)).open();
  const found = await search(here, "brulee cre");
  await here.expectFound(found);
  await expect(found).toHaveCount(1);
  await expect(found).toContainText(pair.bob.username);
  await expect(found).toContainText("You: Crème <mark>brûlée</mark> for dessert");
  await expect(found.locator("mark")).toHaveText(["Crème", "brûlée"]);
});

test("a message far up is opened where it stands, with what was said around it, and the way leads to the end", async ({ device, pair }) => {
  const bodies = Array.from({ length: 300 }, (_, number) => (number === 40 ? "the needle" : `hay ${number}`));
  await pair.bob.sendAll(pair.conversation, bodies);
  const here = await (await device(pair.ada)).open();
  const found = await search(here, "needle");
  await here.expectFound(found);
  await expect(found).toHaveCount(1);
  await here.page.keyboard.press("Enter");
  const message = here.message("the needle");
  await expect(message).toBeInViewport();
  await expect(message).toBeFocused();
  const body = (text) => here.bodies.getByText(text, { exact: true });
  await expect(body("hay 39")).toBeInViewport();
  await expect(body("hay 41")).toBeInViewport();
  await expect(body("hay 299")).toHaveCount(0);
  await here.page.getByRole("button", { name: /Newest|new messages/ }).click();
  await expect(body("hay 299")).toBeInViewport();
});

test("a message in the open conversation is brought into view", async ({ device, pair }) => {
  const bodies = Array.from({ length: 45 }, (_, number) => (number === 2 ? "the needle" : `hay ${number}`));
  await pair.bob.sendAll(pair.conversation, bodies);
  const here = await (await device(pair.ada)).openConversation(pair.conversation);
  await expect(here.message("hay 44")).toBeInViewport();
  await expect(here.message("the needle")).not.toBeInViewport();
  const found = await search(here, "needle");
  await here.expectFound(found);
  await found.click();
  await expect(here.message("the needle")).toBeInViewport();
});

test("where nothing is found it says so, and Escape leads back", async ({ device, pair }) => {
  await pair.bob.send(pair.conversation, "hello");
  const here = await (await device(pair.ada)).open();
  const found = await search(here, "zzz nothing");
  await here.expectFound(here.page.getByRole("status", { name: "Search" }).filter({ hasText: "No people or messages match “zzz nothing”." }));
  await expect(found).toHaveCount(0);
  await here.page.keyboard.press("Escape");
  await expect(here.page.getByRole("button", { name: "Search" })).toBeFocused();
});

test("without a network it says so, and finds it when asked again", async ({ device, pair, watch }) => {
  watch.allowLostConnections();
  await pair.bob.send(pair.conversation, "hello there");
  const here = await (await device(pair.ada)).open();
  await openPanel(here);
  await here.context.setOffline(true);
  const found = await type(here, "there");
  await expect(here.page.getByRole("status", { name: "Search" })).toContainText("No connection");
  await here.context.setOffline(false);
  await here.page.getByRole("button", { name: "Try again", exact: true }).click();
  await here.expectFound(found);
  await expect(found).toHaveCount(1);
});
