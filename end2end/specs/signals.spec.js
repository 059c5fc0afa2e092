// What is true for moments: who types, who is online.

import { SIZES, look } from "../lib/look.js";
import { expect, test } from "../lib/test.js";

/** How long after the last key somebody is still shown as typing, and some patience. */
const TYPING_ENDS_MS = 15_000;

/** The line below the name of the open conversation. */
function status({ page }) {
  return page.locator(".head-status");
}

for (const viewport of SIZES) {
  test(`one sees the other type until the message comes, at ${viewport.width} pixels`, async ({ device, pair }) => {
    await pair.ada.send(pair.conversation, "Are you there?");
    const ada = await (await device(pair.ada, { viewport })).openConversation(pair.conversation);
    const bob = await (await device(pair.bob)).openConversation(pair.conversation);
    const words = `${pair.bob.username} is typing…`;
    await expect(status(ada)).toHaveText("online");
    await look(ada.page, "online");
    await bob.composer.pressSequentially("I am", { delay: 50 });
    await expect(status(ada)).toHaveText(words);
    await expect(status(bob)).toHaveText("online");
    await look(ada.page, "typing");
    await bob.composer.press("Enter");
    await ada.expectBodies(["Are you there?", "I am"]);
    await expect(status(ada)).toHaveText("online");
    // In the list, too, and until nothing is typed any more.
    await ada.open();
    await expect(ada.listed(pair.bob)).toContainText("I am");
    await bob.composer.pressSequentially("Well", { delay: 50 });
    await expect(ada.listed(pair.bob)).toContainText(words);
    await look(ada.page, "typing-list");
    await expect(ada.listed(pair.bob)).toContainText("I am", { timeout: TYPING_ENDS_MS });
  });
}

test("in a group the people who type are named", async ({ device, person }) => {
  const [ada, bob, carol] = [await person("ada"), await person("bob"), await person("carol")];
  const conversation = await ada.groupWith([bob, carol]);
  const [adas, bobs, carols] = [await device(ada), await device(bob), await device(carol)];
  for (const one of [adas, bobs, carols]) await one.openConversation(conversation);
  await expect(status(adas)).toBeEmpty();
  await bobs.composer.pressSequentially("Hello", { delay: 50 });
  await expect(status(adas)).toHaveText(`${bob.username} is typing…`);
  await carols.composer.pressSequentially("Hello", { delay: 50 });
  await expect(status(adas)).toHaveText(`${bob.username} and ${carol.username} are typing…`);
  await look(adas.page, "typing-group");
  await bobs.composer.press("Enter");
  await expect(status(adas)).toHaveText(`${carol.username} is typing…`);
});

test("who leaves was seen last just now, and is online again when they come back", async ({ device, pair }) => {
  const ada = await (await device(pair.ada)).openConversation(pair.conversation);
  await expect(status(ada)).toBeEmpty();
  const bob = await (await device(pair.bob)).openConversation(pair.conversation);
  await expect(status(ada)).toHaveText("online");
  await expect(ada.listed(pair.bob)).toContainText("Online");
  await bob.page.close();
  await expect(status(ada)).toHaveText(/^last seen (today|yesterday) at \d\d:\d\d$/, { timeout: TYPING_ENDS_MS });
  await expect(ada.listed(pair.bob)).not.toContainText("Online");
  await look(ada.page, "last-seen");
  await (await device(pair.bob)).open();
  await expect(status(ada)).toHaveText("online");
});

test("people on different nodes see each other type, come and go", async ({ device, pair, server }) => {
  const other = await server.beside();
  const ada = await (await device(pair.ada)).openConversation(pair.conversation);
  const bob = await device(pair.bob, { baseURL: other.url });
  await bob.openConversation(pair.conversation);
  for (const one of [ada, bob]) await expect(status(one)).toHaveText("online");
  await bob.composer.pressSequentially("Hello", { delay: 50 });
  await expect(status(ada)).toHaveText(`${pair.bob.username} is typing…`);
  await bob.composer.press("Enter");
  await ada.expectBodies(["Hello"]);
  await ada.composer.pressSequentially("Hello", { delay: 50 });
  await expect(status(bob)).toHaveText(`${pair.ada.username} is typing…`);
  await bob.page.close();
  await expect(status(ada)).toHaveText(/^last seen/, { timeout: TYPING_ENDS_MS });
});
