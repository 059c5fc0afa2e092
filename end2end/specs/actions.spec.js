// What one can do with a message besides writing and reading it: reply, react, edit, delete.

import { expect, test } from "../lib/test.js";

/** Chooses from the menu of a message. */
async function choose(device, text, action) {
  const message = device.message(text).first();
  await message.hover();
  await message.getByRole("button", { name: "Message actions" }).click();
  await device.page.getByRole("menuitem", { name: action, exact: true }).click();
}

async function both(device, pair) {
  const ada = await device(pair.ada);
  const bob = await device(pair.bob);
  await ada.openConversation(pair.conversation);
  await bob.openConversation(pair.conversation);
  return [ada, bob];
}

test("arrow-up edits the last own message, and everybody sees that it was edited", async ({ device, pair }) => {
  const [ada, bob] = await both(device, pair);
  await ada.say("Helo");
  await ada.expectAllSent();
  await ada.composer.press("ArrowUp");
  await expect(ada.composer).toHaveValue("Helo");
  await ada.composer.fill("Hello");
  await ada.composer.press("Enter");
  await expect(ada.composer).toHaveValue("");
  for (const one of [ada, bob]) await one.expectBodies([/^Hello\s*edited$/]);
  await bob.reload();
  await bob.expectBodies([/^Hello\s*edited$/]);
});

test("editing can be left, and what was begun before is back", async ({ device, pair }) => {
  const [ada] = await both(device, pair);
  await ada.say("As it is");
  await ada.expectAllSent();
  await ada.composer.fill("Begun");
  await choose(ada, "As it is", "Edit");
  await expect(ada.composer).toHaveValue("As it is");
  await ada.composer.press("Escape");
  await expect(ada.composer).toHaveValue("Begun");
  await ada.expectBodies(["As it is"]);
});

test("a message is deleted for everyone after a question", async ({ device, pair }) => {
  const [ada, bob] = await both(device, pair);
  await ada.say("A mistake");
  await bob.expectBodies(["A mistake"]);
  ada.page.once("dialog", (dialog) => dialog.dismiss());
  await choose(ada, "A mistake", "Delete for everyone");
  await ada.expectBodies(["A mistake"]);
  ada.page.once("dialog", (dialog) => dialog.accept());
  await choose(ada, "A mistake", "Delete for everyone");
  for (const one of [ada, bob]) await one.expectBodies(["This message was deleted."]);
  await bob.reload();
  await bob.expectBodies(["This message was deleted."]);
});

test("reactions are counted, and one's own can be taken back", async ({ device, pair }) => {
  const [ada, bob] = await both(device, pair);
  await ada.say("Good news");
  await bob.expectBodies(["Good news"]);
  await choose(bob, "Good news", "React");
  await bob.page.getByRole("button", { name: "React with 👍" }).click();
  const reaction = ada.page.getByRole("button", { name: `${pair.bob.username} reacted with 👍` });
  await expect(reaction).toHaveText("👍1");
  await reaction.click();
  await expect(bob.page.getByRole("button", { name: `You and ${pair.ada.username} reacted with 👍` })).toHaveText("👍2");
  await bob.page.getByRole("button", { name: /reacted with 👍/ }).click();
  await expect(ada.page.getByRole("button", { name: "You reacted with 👍" })).toHaveText("👍1");
});

test("a reply shows what it is to, follows its changes, and leads there", async ({ device, pair }) => {
  const [ada, bob] = await both(device, pair);
  await ada.say("Shall we met at nine?");
  await bob.expectBodies(["Shall we met at nine?"]);
  await choose(bob, "Shall we met at nine?", "Reply");
  await expect(bob.composer).toBeFocused();
  await bob.say("Yes");
  const quote = ada.page.getByRole("button", { name: /In reply to/ });
  await expect(quote).toContainText("Shall we met at nine?");
  await ada.composer.press("ArrowUp");
  await ada.composer.fill("Shall we meet at nine?");
  await ada.composer.press("Enter");
  for (const one of [ada, bob]) {
    await expect(one.page.getByRole("button", { name: /In reply to/ })).toContainText("Shall we meet at nine?");
  }
  await quote.click();
  await expect(ada.log.getByRole("listitem").first()).toBeFocused();
});

test("the menu of a message is reached, walked and left by keyboard", async ({ device, pair }) => {
  const [ada] = await both(device, pair);
  await ada.say("By keyboard");
  await ada.expectAllSent();
  await ada.log.focus();
  await ada.page.keyboard.press("ArrowUp");
  await expect(ada.message("By keyboard")).toBeFocused();
  await ada.page.keyboard.press("Tab");
  await expect(ada.page.getByRole("button", { name: "Message actions" })).toBeFocused();
  await ada.page.keyboard.press("Enter");
  await expect(ada.page.getByRole("menuitem", { name: "Reply" })).toBeFocused();
  await ada.page.keyboard.press("ArrowDown");
  await expect(ada.page.getByRole("menuitem", { name: "React" })).toBeFocused();
  await ada.page.keyboard.press("Escape");
  await expect(ada.page.getByRole("menu")).toHaveCount(0);
  await expect(ada.message("By keyboard")).toBeFocused();
});

test("on a phone the whole menu of a message is on the screen, on either side", async ({ device, pair }) => {
  const [ada, bob] = await both(device, pair);
  for (const one of [ada, bob]) await one.page.setViewportSize({ width: 360, height: 740 });
  await ada.say("Shall we meet at nine?");
  await ada.expectAllSent();
  for (const one of [ada, bob]) {
    const message = one.message("Shall we meet").first();
    await message.hover();
    await message.getByRole("button", { name: "Message actions" }).click();
    const box = await one.page.getByRole("menu", { name: "Message actions" }).boundingBox();
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(360);
  }
});
