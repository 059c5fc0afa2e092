// Members of a group: adding, removing and leaving, roles, and the group's name.

import { SIZES, look } from "../lib/look.js";
import { expect, test } from "../lib/test.js";

/** Ada's group with bob and carol, and dave, who is not in it. */
async function group(person) {
  const people = [await person("ada"), await person("bob"), await person("carol"), await person("dave")];
  return { people, conversation: await people[0].groupWith(people.slice(1, 3)) };
}

async function openMembers({ page }) {
  await page.getByRole("button", { name: /^\d+ members?$/ }).click();
  const panel = page.getByRole("region", { name: /^\d+ members?$/ });
  await expect(panel.getByRole("list", { name: "Members" })).toBeVisible();
  return panel;
}

/** The names of the members, as the panel has them. */
function names(panel) {
  return panel.locator(".group-member-name");
}

/** Whatever the page asks is answered with yes. */
function agree({ page }) {
  page.on("dialog", (dialog) => dialog.accept());
}

for (const viewport of SIZES) {
  test(`a group is named, somebody is added, made an admin and removed, at ${viewport.width} pixels`, async ({ device, person }) => {
    const { people, conversation } = await group(person);
    const [ada, bob, carol, dave] = people;
    await ada.send(conversation, "Welcome, both");
    const here = await (await device(ada, { viewport })).openConversation(conversation);
    const bobs = await (await device(bob)).openConversation(conversation);
    const carols = await (await device(carol)).openConversation(conversation);
    const daves = await (await device(dave)).open();
    agree(here);

    const panel = await openMembers(here);
    await panel.getByRole("textbox", { name: "Group name" }).fill("Climbing");
    await look(here.page, "members-naming");
    await panel.getByRole("button", { name: "Save" }).click();
    await expect(here.page.getByRole("heading", { level: 1, name: "Climbing" })).toBeVisible();
    await expect(bobs.page.getByRole("heading", { level: 1, name: "Climbing" })).toBeVisible();
    await expect(bobs.log).toContainText(`${ada.username} named the group \u201cClimbing\u201d.`);
    await expect(bobs.list.getByRole("link", { name: "Climbing" })).toBeVisible();

    await panel.getByRole("textbox", { name: "Add people" }).fill(dave.username);
    await panel.getByRole("button", { name: dave.username, exact: true }).click();
    await panel.getByRole("checkbox", { name: "Show them earlier messages" }).check();
    await look(here.page, "members-adding");
    await panel.getByRole("button", { name: "Add to group" }).click();
    await expect(names(panel)).toHaveText(["You", bob.username, carol.username, dave.username]);
    await expect(bobs.log).toContainText(`${ada.username} added ${dave.username}.`);
    await expect(bobs.page.getByRole("button", { name: "4 members" })).toBeVisible();
    await daves.list.getByRole("link", { name: "Climbing" }).click();
    await daves.expectBodies(["Welcome, both"]);
    await expect(daves.log).toContainText(`${ada.username} added you.`);

    await panel.getByRole("combobox", { name: `Role of ${bob.username}` }).selectOption("Admin");
    await expect(bobs.log).toContainText(`${ada.username} made you an admin.`);
    await look(here.page, "members");
    agree(bobs);
    const his = await openMembers(bobs);
    await his.getByRole("button", { name: `Remove ${carol.username}` }).click();
    await expect(names(his)).toHaveText(["You", ada.username, dave.username]);
    await expect(carols.page.getByRole("heading", { level: 1, name: "You are no longer a member" })).toBeVisible();
    await expect(carols.list.getByRole("link")).toHaveCount(0);
    await look(carols.page, "members-removed");
    await panel.getByRole("button", { name: "Close members" }).click();
    await expect(here.page.getByRole("button", { name: "3 members" })).toBeFocused();
    await expect(here.log).toContainText(`${bob.username} removed ${carol.username}.`);
    await look(here.page, "members-notices");
  });
}

test("whoever leaves is back in the list, and the group has a new owner", async ({ device, person }) => {
  const { people: [ada, bob], conversation } = await group(person);
  const [adas, bobs] = [await device(ada), await device(bob)];
  for (const one of [adas, bobs]) await one.openConversation(conversation);
  agree(adas);
  const panel = await openMembers(adas);
  await panel.getByRole("button", { name: "Leave group" }).click();
  await expect(adas.page).toHaveURL("/conversations");
  await expect(adas.list.getByRole("link")).toHaveCount(0);
  await expect(bobs.log).toContainText(`${ada.username} left.`);
  await expect(bobs.page.getByRole("button", { name: "2 members" })).toBeVisible();
});

test("a device that was away for a join, a removal and a name shows them all", async ({ device, person, watch }) => {
  watch.allow(/net::ERR_INTERNET_DISCONNECTED/);
  // The page asks once more for the group that it is out of.
  watch.allow(/\b403\b/);
  const { people: [ada, bob, carol, dave], conversation } = await group(person);
  await ada.send(conversation, "one");
  const bobs = await (await device(bob)).openConversation(conversation);
  const carols = await (await device(carol)).openConversation(conversation);
  for (const away of [bobs, carols]) await away.context.setOffline(true);
  const path = `/conversations/${conversation.id}`;
  await ada.ask("POST", `${path}/members`, { members: [dave.username], history: false });
  await ada.ask("DELETE", `${path}/members/${carol.id}`);
  await ada.ask("PATCH", path, { name: "Climbing" });
  await dave.send(conversation, "two");
  for (const away of [bobs, carols]) await away.context.setOffline(false);
  await bobs.live();
  await bobs.expectBodies(["one", "two"]);
  await expect(bobs.log.locator(".notice")).toHaveText([
    `${ada.username} added ${dave.username}.`,
    `${ada.username} removed ${carol.username}.`,
    `${ada.username} named the group \u201cClimbing\u201d.`,
  ]);
  await expect(bobs.page.getByRole("heading", { level: 1, name: "Climbing" })).toBeVisible();
  await expect(names(await openMembers(bobs))).toHaveText(["You", ada.username, dave.username]);
  await expect(carols.page.getByRole("heading", { level: 1, name: "You are no longer a member" })).toBeVisible();
  // Back again, and of what was said meanwhile nothing.
  await ada.ask("POST", `${path}/members`, { members: [carol.username], history: false });
  await expect(carols.log.locator(".notice")).toHaveText([`${ada.username} added you.`]);
  await expect(carols.bodies).toHaveCount(0);
});

test("what the server refuses is said, and the panel goes on", async ({ device, person, watch }) => {
  watch.allow(/\b409\b/);
  const { people: [ada, bob, , dave], conversation } = await group(person);
  const here = await (await device(ada)).openConversation(conversation);
  const panel = await openMembers(here);
  const name = panel.getByRole("textbox", { name: "Group name" });
  await name.fill("\u202eevil");
  await panel.getByRole("button", { name: "Save" }).click();
  await expect(panel.getByRole("alert").filter({ hasText: "one line" })).toBeVisible();
  // An owner who is the only one stays one.
  const own = panel.getByRole("combobox", { name: "Your role" });
  await own.selectOption("Member");
  await expect(panel.getByRole("alert").filter({ hasText: "needs an owner" })).toBeVisible();
  await expect(own).toHaveValue("owner");
  const field = panel.getByRole("textbox", { name: "Add people" });
  await field.fill(bob.username);
  await expect(panel.getByRole("status")).toHaveText("Nobody else has such a name.");
  // With the keyboard alone.
  await field.fill(dave.username);
  await expect(panel.getByRole("button", { name: dave.username, exact: true })).toBeVisible();
  await field.press("Enter");
  await expect(field).toBeFocused();
  await field.press("Enter");
  await expect(panel.getByRole("list", { name: "Members" })).toContainText(dave.username);
  await here.page.keyboard.press("Escape");
  await expect(panel).toBeHidden();
});
