// What becomes of a page whose session ends, here or elsewhere.

import { expect, test } from "../lib/test.js";

const kept = (device) =>
  device.page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("kafkatalk.")));
const signOut = (device) => device.page.getByRole("button", { name: "Sign out" });
const signedOut = (device) => device.page.getByRole("heading", { name: "You are signed out" });

/** Ends every session of a person but the one that this test asks with. */
async function endElsewhere(person) {
  const { sessions } = await person.ask("GET", "/sessions");
  for (const session of sessions.filter((one) => !one.current)) await person.ask("DELETE", `/sessions/${session.id}`);
}

test("signing out while the server is down says so and deletes nothing until it is up again", async ({ device, pair, server, watch }) => {
  watch.allowRestarts();
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  await server.kill();
  await expect(ada.connection).toContainText("No connection to the server");
  await ada.say("Waits");
  await ada.composer.fill("Begun");
  await expect.poll(async () => (await kept(ada)).length).toBe(2);
  ada.page.once("dialog", (dialog) => dialog.accept());
  await signOut(ada).click();
  await expect(ada.page.getByText("You can't sign out now")).toBeVisible();
  expect(await kept(ada)).toHaveLength(2);
  await expect(ada.page).toHaveURL(`/conversations/${pair.conversation.id}`);
  await server.start();
  await ada.live();
  await ada.expectBodies(["Waits"]);
  await ada.expectAllSent();
  await expect(ada.composer).toHaveValue("Begun");
  await signOut(ada).click();
  await expect(ada.page).toHaveURL("/sign-in");
  expect(await kept(ada)).toEqual([]);
});

test("a page that comes back after signing out shows nothing, takes nothing and leads to the sign-in page", async ({ device, pair }) => {
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  await ada.say("For bob alone");
  await ada.expectAllSent();
  await ada.composer.fill("Begun");
  // The page stays, as one does that a browser keeps to come back to.
  const stay = (route) => route.abort("aborted");
  await ada.page.route(/\/sign-in/, stay);
  await signOut(ada).click();
  await expect(signedOut(ada)).toBeVisible();
  await expect(ada.page.getByText("For bob alone")).toHaveCount(0);
  await expect(ada.page.getByRole("textbox")).toHaveCount(0);
  await ada.page.keyboard.type("Of a stranger");
  await ada.page.keyboard.press("Enter");
  expect(await kept(ada)).toEqual([]);
  await ada.page.unroute(/\/sign-in/, stay);
  await ada.page.evaluate(() => window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  await expect(ada.page).toHaveURL(/\/sign-in/);
  expect(await pair.bob.bodies(pair.conversation)).toEqual(["For bob alone"]);
});

test("whoever types when the session is ended elsewhere is told, and finds the text after signing in again", async ({ device, pair, watch }) => {
  watch.allow(/401/);
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  await ada.composer.pressSequentially("The first half");
  await endElsewhere(pair.ada);
  await expect(signedOut(ada)).toBeVisible();
  // The rest of the sentence lands nowhere.
  await ada.page.keyboard.type(" and the second");
  await expect(ada.page).toHaveURL(`/conversations/${pair.conversation.id}`);
  await ada.page.getByRole("link", { name: "Sign in" }).click();
  await ada.page.getByRole("textbox", { name: "Username" }).fill(pair.ada.username);
  await ada.page.getByLabel("Password").fill(pair.ada.password);
  await ada.page.getByRole("button", { name: "Sign in" }).click();
  await expect(ada.page).toHaveURL(`/conversations/${pair.conversation.id}`);
  await expect(ada.composer).toHaveValue("The first half");
});

test("the finder of a page whose session has ended ends the page and shows no words of the API", async ({ device, pair, watch }) => {
  watch.allowStatus(401, "/api/v1/.*");
  const ada = await device(pair.ada);
  // The socket does not tell of the end.
  await ada.page.routeWebSocket(/\/api\/v1\/ws/, (socket) => {
    const server = socket.connectToServer();
    server.onClose(() => {});
  });
  await ada.open();
  await ada.page.getByRole("button", { name: "Search" }).click();
  await endElsewhere(pair.ada);
  await ada.page.getByRole("combobox", { name: "Find a person" }).fill(pair.bob.username);
  await expect(signedOut(ada)).toBeVisible();
});
