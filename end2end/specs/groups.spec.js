// Conversations of several people: putting one together, and what each of them sees.

import { SIZES, look } from "../lib/look.js";
import { expect, test } from "../lib/test.js";

async function three(person) {
  return [await person("ada"), await person("bob"), await person("carol")];
}

/** A group of ada, bob and carol. */
async function group(person) {
  const people = await three(person);
  return { people, conversation: await people[0].groupWith(people.slice(1)) };
}

/** Opens the panel and begins a group; the field has the keyboard. */
async function begin({ page }) {
  await page.getByRole("button", { name: "New conversation" }).click();
  await page.getByRole("button", { name: "New group" }).click();
  const field = page.getByRole("combobox", { name: "Find a person" });
  await expect(field).toBeFocused();
  return field;
}

for (const viewport of SIZES) {
  test(`people are chosen one by one and a group is started, at ${viewport.width} pixels`, async ({ device, person }) => {
    const [ada, bob, carol] = await three(person);
    const dave = await person("dave");
    const here = await (await device(ada, { viewport })).open();
    await here.page.getByRole("button", { name: "New conversation" }).click();
    await look(here.page, "group-offered");
    await here.page.getByRole("button", { name: "New group" }).click();
    const field = here.page.getByRole("combobox", { name: "Find a person" });
    const start = here.page.getByRole("button", { name: "Start group" });
    const words = here.page.getByRole("status", { name: "Search" });
    await expect(words).toHaveText("Choose two or more people.");
    for (const { username } of [bob, carol]) {
      await start.click();
      await expect(here.page).toHaveURL("/conversations");
      await field.fill(username);
      await here.page.getByRole("option", { name: username, checked: false }).click();
      await expect(here.page.getByRole("option", { name: username, checked: true })).toBeVisible();
      await expect(field).toBeFocused();
    }
    await expect(words).toHaveText("2 people and you.");
    // Those who are chosen stand before those who are found.
    await field.fill(dave.username);
    await expect(here.page.getByRole("option")).toHaveText([bob, carol, dave].map(({ username }) => new RegExp(username)));
    await look(here.page, "group-chosen");
    await start.click();
    await expect(here.page.getByRole("heading", { level: 1, name: `${bob.username}, ${carol.username}` })).toBeVisible();
    await look(here.page, "group-begun");
  });

  test(`a group tells who says what, at ${viewport.width} pixels`, async ({ device, person }) => {
    const { people, conversation } = await group(person);
    const [ada, bob, carol] = people;
    await ada.send(await ada.conversationWith(bob), "Only between us.");
    const talk = [
      [bob, "Are we still on for Saturday?"],
      [bob, "I could bring the boat."],
      [carol, "Yes! The early train, 8:40. I have the tickets, and the map of the old harbour that you asked for."],
      [ada, "And sandwiches."],
      [carol, "🎉"],
    ];
    for (const [speaker, text] of talk) await speaker.send(conversation, text);
    const here = await (await device(ada, { viewport })).open();
    await expect(here.list.getByRole("link").first()).toContainText(`${carol.username}: 🎉`);
    await look(here.page, "group-list");
    await here.openConversation(conversation);
    await expect(here.message("I could bring the boat.")).toContainText(`${bob.username} said:`);
    await look(here.page, "group");
    await here.page.getByRole("button", { name: "3 members" }).click();
    const members = here.page.getByRole("region", { name: "3 members" });
    await expect(members.locator(".group-member-name")).toHaveText(["You", bob.username, carol.username]);
    await look(here.page, "group-members");
    await here.page.keyboard.press("Escape");
    await expect(members).toBeHidden();
    await expect(here.page.getByRole("button", { name: "3 members" })).toBeFocused();
  });
}

test("a group is put together with the keyboard alone", async ({ device, person }) => {
  const [ada, bob, carol] = await three(person);
  const here = await (await device(ada)).open();
  const field = await begin(here);
  // At once: Enter does nothing while the panel still looks for what a further letter has changed.
  for (const { username } of [bob, carol]) {
    await here.page.keyboard.insertText(username);
    await expect(here.page.getByRole("option", { name: username })).toBeVisible();
    await field.press("Enter");
    await expect(field).toHaveValue("");
  }
  const chosen = here.page.getByRole("option", { checked: true });
  const names = (...people) => people.map(({ username }) => new RegExp(username));
  await expect(chosen).toHaveText(names(bob, carol));
  // Once too often changes nothing; up to the last who was chosen, and that one is let go.
  await field.press("Enter");
  await expect(chosen).toHaveText(names(bob, carol));
  await field.press("ArrowUp");
  await field.press("Enter");
  await expect(chosen).toHaveText(names(bob));
  await here.page.keyboard.insertText(carol.username);
  await expect(here.page.getByRole("option", { name: carol.username })).toBeVisible();
  await field.press("Enter");
  await expect(chosen).toHaveText(names(bob, carol));
  await here.page.getByRole("button", { name: "Start group" }).press("Enter");
  await expect(here.composer).toBeFocused();
});

test("a group whose answer was lost is started again and is one", async ({ device, person, watch }) => {
  const [ada, bob, carol] = await three(person);
  const here = await (await device(ada)).open();
  const field = await begin(here);
  for (const { username } of [bob, carol]) {
    await field.fill(username);
    await here.page.getByRole("option", { name: username }).click();
  }
  watch.allow(/net::ERR_FAILED/);
  let lost = 0;
  await here.page.route("**/api/v1/conversations", async (route) => {
    if (route.request().method() !== "POST" || lost > 0) return route.continue();
    lost += 1;
    // The server has done it; nobody here learns of it.
    await route.fetch();
    return route.abort();
  });
  const start = here.page.getByRole("button", { name: "Start group" });
  await start.click();
  await expect(here.page.getByRole("status", { name: "Search" })).toContainText("No connection");
  await start.click();
  await expect(here.page.getByRole("heading", { level: 1, name: `${bob.username}, ${carol.username}` })).toBeVisible();
  const { conversations } = await ada.ask("GET", "/conversations");
  expect(conversations).toHaveLength(1);
});

test("a group shows at once on all its members' devices, and is read once all have read it", async ({ device, person }) => {
  const [ada, bob, carol] = await three(person);
  const [adas, bobs, carols] = [await device(ada), await device(bob), await device(carol)];
  for (const one of [adas, bobs, carols]) await one.open();
  const conversation = await ada.groupWith([bob, carol]);
  await adas.openConversation(conversation);
  await adas.say("Hello both");
  for (const one of [bobs, carols]) {
    await expect(one.list.getByRole("link")).toContainText([`${ada.username}: Hello both`]);
  }
  await expect(adas.message("Hello both").getByText("Sent", { exact: true })).toBeAttached();
  await bobs.list.getByRole("link").click();
  await bobs.expectBodies(["Hello both"]);
  await adas.message("Hello both").hover();
  await adas.message("Hello both").getByRole("button", { name: "Details" }).click();
  const details = adas.page.getByRole("region", { name: "Message details" });
  await expect(details).toContainText(`Read by ${bob.username}.`);
  await expect(adas.message("Hello both").getByText("Sent", { exact: true })).toBeAttached();
  await carols.list.getByRole("link").click();
  await expect(adas.message("Hello both").getByText("Read", { exact: true })).toBeAttached();
  await expect(details).toContainText("Read by everyone.");
  await carols.say("Hello from carol");
  for (const one of [adas, bobs]) await expect(one.message("Hello from carol")).toContainText(`${carol.username} said:`);
});

test("of a large group two are named", async ({ device, person }) => {
  const [ada, ...others] = [await person("ada"), await person("bob"), await person("carol"), await person("dave"), await person("erin")];
  const conversation = await ada.groupWith(others);
  const here = await (await device(ada)).openConversation(conversation);
  const name = `${others[0].username}, ${others[1].username} and 2 others`;
  await expect(here.page.getByRole("heading", { level: 1, name })).toBeVisible();
  await here.page.getByRole("button", { name: "5 members" }).click();
  await expect(here.page.getByRole("region", { name: "5 members" }).getByRole("listitem")).toHaveCount(5);
});
