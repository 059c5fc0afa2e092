// Registering, signing in and out: plain forms that need no script.

import { expect, freshName, PASSWORD, test } from "../lib/test.js";

const form = (page) => ({
  username: page.getByRole("textbox", { name: "Username" }),
  password: page.getByLabel("Password"),
  register: page.getByRole("button", { name: "Register" }),
  signIn: page.getByRole("button", { name: "Sign in" }),
});

async function fill(page, username, password) {
  await form(page).username.fill(username);
  await form(page).password.fill(password);
}

const atHome = (page) => expect(page.getByRole("heading", { name: "Conversations", level: 1 })).toBeVisible();

/** The server never sends a password back. (A browser may put it in again by itself, as Chromium does at times.) */
const expectNoPassword = (page) => expect(form(page).password).toHaveAttribute("value", "");

for (const script of [true, false]) {
  const words = script ? "with script" : "without script";

  test(`a visitor registers on the first page and lands on the conversations page, ${words}`, async ({ device }) => {
    const { page } = await device(undefined, { javaScriptEnabled: script });
    await page.goto("/");
    await fill(page, freshName("Ada"), PASSWORD);
    await form(page).register.click();
    await expect(page).toHaveURL("/conversations");
    await atHome(page);
    await expect(page.getByText("No conversations yet")).toBeVisible();
  });

  test(`a person signs in where they want to go, and out again, ${words}`, async ({ device, pair }) => {
    const one = await device(undefined, { javaScriptEnabled: script });
    const { page } = one;
    await page.goto(`/conversations/${pair.conversation.id}`);
    await expect(page).toHaveURL(/\/sign-in\?next=/);
    await fill(page, pair.ada.username, pair.ada.password);
    await form(page).signIn.click();
    await expect(page).toHaveURL(`/conversations/${pair.conversation.id}`);
    await expect(page.getByRole("heading", { name: pair.bob.username })).toBeVisible();
    // Not while the script is starting: the button is a plain form before, and a socket that is begun would complain.
    if (script) await one.live();
    await page.getByRole("button", { name: "Sign out" }).click();
    await expect(page).toHaveURL("/sign-in");
    await page.goto("/conversations");
    await expect(page).toHaveURL(/\/sign-in/);
  });

  test(`a taken name is refused under its field, and what was typed stays, ${words}`, async ({ device, person, watch }) => {
    const ada = await person("ada");
    watch.allowStatus(409, "/register");
    const { page } = await device(undefined, { javaScriptEnabled: script });
    await page.goto("/");
    await fill(page, ada.username.toUpperCase(), PASSWORD);
    await form(page).register.click();
    await expect(form(page).username).toHaveAccessibleDescription(/Somebody has that username/);
    await expect(form(page).username).toHaveValue(ada.username.toUpperCase());
    // Without script it is up to the browser to honour `autofocus`, and Chromium does not always.
    if (script) await expect(form(page).username).toBeFocused();
    else await expect(form(page).username).toHaveAttribute("autofocus");
    await expectNoPassword(page);
  });
}

test("a wrong password is refused in words that do not tell whether the name exists", async ({ device, person, watch }) => {
  const ada = await person("ada");
  watch.allowStatus(401, "/sign-in");
  const { page } = await device();
  const told = [];
  for (const username of [ada.username, freshName("nobody")]) {
    await page.goto("/sign-in");
    await fill(page, username, "not the password");
    await form(page).signIn.click();
    await expect(page.getByRole("alert")).toBeVisible();
    await expect(form(page).username).toHaveValue(username);
    await expect(form(page).password).toBeFocused();
    told.push(await page.getByRole("alert").innerText());
  }
  expect(told[0]).toBe(told[1]);
  await page.goto("/conversations");
  await expect(page).toHaveURL(/\/sign-in/);
});

const MISTAKES = [
  ["a name that is too short", "al", PASSWORD, "username", /3 to 32 characters/],
  ["a name with a space", "ada lovelace", PASSWORD, "username", /letters a to z/],
  ["a name that begins with a dot", ".ada", PASSWORD, "username", /Begin with a letter or a digit/],
  ["no name at all", "", PASSWORD, "username", /3 to 32 characters/],
  ["a password that is too short", freshName("ada"), "short", "password", /at least 8 characters/],
];

test("a mistake is told under the field that has it, which has the keyboard", async ({ device, watch }) => {
  watch.allowStatus(422, "/register");
  const { page } = await device();
  for (const [what, username, password, field, words] of MISTAKES) {
    await test.step(what, async () => {
      await page.goto("/");
      await fill(page, username, password);
      await form(page).register.click();
      await expect(form(page)[field]).toHaveAccessibleDescription(words);
      await expect(form(page)[field]).toHaveAttribute("aria-invalid", "true");
      await expect(form(page)[field]).toBeFocused();
      await expect(form(page).username).toHaveValue(username);
      await expectNoPassword(page);
    });
  }
});

test("a person who is signed in is not asked to register", async ({ device, person }) => {
  const { page } = await device(await person("ada"));
  for (const path of ["/", "/sign-in"]) {
    await page.goto(path);
    await expect(page).toHaveURL("/conversations");
  }
});

test("an address that names nothing says so and leads on", async ({ device, person, watch }) => {
  watch.allowStatus(404, "/nowhere");
  const { page } = await device(await person("ada"));
  await page.goto("/nowhere");
  await expect(page.getByRole("heading", { name: "Page not found" })).toBeVisible();
  await page.getByRole("link", { name: "Go to your conversations" }).click();
  await atHome(page);
});
