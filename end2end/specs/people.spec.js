// Finding people, opening conversations with them, and what the list tells.

import { expect, freshName, test } from "../lib/test.js";

test("a person is found by the start of their name, and a conversation is opened with them", async ({ device, person }) => {
  const start = freshName("carol");
  const [carol, other, ada] = [await person(start), await person(start), await person("ada")];
  const here = await (await device(ada)).open();
  await here.page.getByRole("button", { name: "New conversation" }).click();
  const field = here.page.getByRole("combobox", { name: "Find a person" });
  await expect(field).toBeFocused();
  await field.fill(start.toUpperCase());
  await expect(here.page.getByRole("option")).toHaveText([carol, other].map(({ username }) => new RegExp(username)));
  await here.page.getByRole("option", { name: carol.username }).click();
  await expect(here.page.getByRole("heading", { level: 1, name: carol.username })).toBeVisible();
  await here.say("Hello Carol");
  await expect(here.listed(carol)).toContainText("Hello Carol");
  const there = await (await device(carol)).open();
  await there.listed(ada).click();
  await there.expectBodies(["Hello Carol"]);
});

test("a name that nobody has says so and offers one's own link", async ({ device, person }) => {
  const here = await (await device(await person("ada"))).open();
  await here.page.getByRole("button", { name: "New conversation" }).click();
  await here.page.getByRole("combobox", { name: "Find a person" }).fill("zzz-nobody");
  await here.expectFound(here.page.getByRole("status", { name: "Search" }).filter({ hasText: "zzz-nobody" }));
  await expect(here.page.getByRole("button", { name: "Copy your link" })).toBeVisible();
  await here.page.keyboard.press("Escape");
  await expect(here.page.getByRole("button", { name: "New conversation" })).toBeFocused();
});

/** What a button says from now on: words that stand for a moment only may be gone before one looks. */
async function wordsSaid(button) {
  const said = await button.evaluateHandle((element) => {
    const words = [];
    const note = () => words.push(element.innerText.trim());
    new MutationObserver(note).observe(element, { subtree: true, childList: true, characterData: true });
    return words;
  });
  return () => said.jsonValue();
}

test("one's own link is copied, and where that cannot be, the page says how", async ({ device, person }) => {
  const ada = await person("ada");
  const here = await (await device(ada, { permissions: ["clipboard-read", "clipboard-write"] })).open();
  await here.page.getByRole("button", { name: "New conversation" }).click();
  const copy = here.page.getByRole("button", { name: "Copy your link" });
  const said = await wordsSaid(copy);
  await copy.click();
  await expect.poll(said).toContain("Copied");
  const copied = await here.page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toBe(`${new URL(here.page.url()).origin}/conversations?to=${ada.username}`);
  const without = {
    "a permission that is refused": () => (navigator.clipboard.writeText = () => Promise.reject(new Error("refused"))),
    "plain http": () => {
      Object.defineProperty(window, "isSecureContext", { value: false });
      Object.defineProperty(navigator, "clipboard", { value: undefined });
    },
  };
  for (const [what, take] of Object.entries(without)) {
    await test.step(what, async () => {
      await here.page.evaluate(take);
      const saidNow = await wordsSaid(copy);
      await copy.click();
      await expect.poll(saidNow).toContain("Select the text above and copy it");
      await expect(copy).toBeVisible();
    });
  }
});

test("the panel may be left in the middle of typing", async ({ device, person }) => {
  const [ada, bob] = [await person("ada"), await person("bob")];
  const here = await (await device(ada)).open();
  await here.page.getByRole("button", { name: "New conversation" }).click();
  await here.page.getByRole("combobox", { name: "Find a person" }).fill("zz");
  await here.page.keyboard.press("Escape");
  await expect(here.page.getByRole("button", { name: "New conversation" })).toBeFocused();
  // Longer than typing has to rest before the server is asked; the page still lives after that.
  await here.page.waitForTimeout(400);
  await here.find(bob.username, bob.username);
});

test("a person's own link leads others to them", async ({ device, person }) => {
  const [ada, bob] = [await person("ada"), await person("bob")];
  const here = await (await device(bob)).open(`/conversations?to=${ada.username}`);
  await here.page.getByRole("option", { name: ada.username }).click();
  await expect(here.page.getByRole("heading", { level: 1, name: ada.username })).toBeVisible();
});

test("choosing the same person again opens the same conversation", async ({ device, pair }) => {
  await pair.ada.send(pair.conversation, "From before");
  const ada = await (await device(pair.ada)).open();
  await ada.find(pair.bob.username, pair.bob.username);
  await expect(ada.page).toHaveURL(`/conversations/${pair.conversation.id}`);
  await ada.expectBodies(["From before"]);
});

test("a first message makes the conversation appear in the other's list", async ({ device, person }) => {
  const [ada, bob] = [await person("ada"), await person("bob")];
  const there = await (await device(bob)).open();
  await expect(there.page.getByText("No conversations yet")).toBeVisible();
  await ada.send(await ada.conversationWith(bob), "Surprise");
  await expect(there.listed(ada)).toContainText("Surprise");
  await expect(there.listed(ada)).toContainText("1 unread");
  await expect(there.page).toHaveTitle(/^\(1\)/);
});

test("unread messages are counted, and are read once the conversation is open", async ({ device, pair }) => {
  const bob = await (await device(pair.bob)).open();
  const other = await (await device(pair.bob)).open();
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  for (const text of ["One", "Two", "Three"]) await ada.say(text);
  await expect(bob.listed(pair.ada)).toContainText("3 unread");
  await expect(other.listed(pair.ada)).toContainText("3 unread");
  await expect(ada.message("Three").getByText("Sent", { exact: true })).toBeAttached();
  await bob.listed(pair.ada).click();
  await bob.expectBodies(["One", "Two", "Three"]);
  await expect(ada.message("Three").getByText("Read", { exact: true })).toBeAttached();
  await expect(bob.listed(pair.ada)).not.toContainText("unread");
  await expect(other.listed(pair.ada)).not.toContainText("unread");
  await bob.reload();
  await expect(bob.listed(pair.ada)).not.toContainText("unread");
});

test("the conversation with the latest message comes first", async ({ device, pair, person }) => {
  const eve = await person("eve");
  await pair.bob.send(pair.conversation, "Bob was first");
  const other = await eve.conversationWith(pair.ada);
  await eve.send(other, "Eve was last");
  const ada = await (await device(pair.ada)).open();
  const names = ada.list.getByRole("link");
  await expect(names).toHaveText([new RegExp(eve.username), new RegExp(pair.bob.username)]);
  await pair.bob.send(pair.conversation, "Now Bob");
  await expect(names).toHaveText([new RegExp(pair.bob.username), new RegExp(eve.username)]);
});
