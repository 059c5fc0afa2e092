// Every page in light and dark: nothing for axe-core to complain about, and pictures for our own eyes.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { violations } from "../lib/axe.js";
import { expect, PASSWORD, test } from "../lib/test.js";

const SIZES = [
  { width: 360, height: 740 },
  { width: 768, height: 1_024 },
  { width: 1_440, height: 900 },
];

async function seed({ pair, person }) {
  const { ada, bob, conversation } = pair;
  const talk = [
    [bob, "Are we still on for Saturday?"],
    [ada, "Yes! The early train, 8:40. I have the tickets, and the map of the old harbour that you asked for."],
    [ada, "And sandwiches."],
    [bob, "🎉"],
    [bob, "Perfect. Window seat is mine. https://example.org/timetable?from=north&to=harbour"],
    [ada, "We will see about that."],
  ];
  for (const [speaker, text] of talk) await speaker.send(conversation, text);
  const others = [await person("a-very-long-name-of-a-user"), await person("eve")];
  for (const other of others) await other.send(await other.conversationWith(ada), "שלום! Have you seen the news?");
  return ada;
}

const PAGES = {
  welcome: { path: () => "/" },
  "register-error": {
    path: () => "/",
    then: async ({ page }) => {
      await page.getByRole("textbox", { name: "Username" }).fill("ada lovelace");
      await page.getByLabel("Password").fill(PASSWORD);
      await page.getByRole("button", { name: "Register" }).click();
      await expect(page.getByRole("textbox", { name: "Username" })).toHaveAttribute("aria-invalid", "true");
    },
    refused: [422, "/register"],
  },
  "sign-in": { path: () => "/sign-in" },
  "sign-in-error": {
    path: () => "/sign-in",
    then: async ({ page }) => {
      await page.getByRole("textbox", { name: "Username" }).fill("nobody-of-that-name");
      await page.getByLabel("Password").fill(PASSWORD);
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page.getByRole("alert")).toBeVisible();
    },
    refused: [401, "/sign-in"],
  },
  empty: { path: () => "/conversations", as: "bob2" },
  list: { path: () => "/conversations", as: "ada" },
  conversation: { path: ({ conversation }) => `/conversations/${conversation.id}`, as: "ada" },
  find: {
    path: () => "/conversations",
    as: "ada",
    then: async ({ page }, { bob }) => {
      await page.getByRole("button", { name: "New conversation" }).click();
      await page.getByRole("combobox", { name: "Find a person" }).fill(bob.username);
      await expect(page.getByRole("option", { name: bob.username })).toBeVisible();
    },
  },
  "find-messages": {
    path: () => "/conversations",
    as: "ada",
    then: async (device) => {
      await device.page.getByRole("button", { name: "Search" }).click();
      await device.page.getByRole("combobox", { name: "Find a person" }).fill("the");
      await device.expectFound(device.page.getByRole("listbox", { name: "Messages" }).getByRole("option"));
    },
  },
  "find-nothing": {
    path: () => "/conversations",
    as: "ada",
    then: async (device) => {
      await device.page.getByRole("button", { name: "Search" }).click();
      await device.page.getByRole("combobox", { name: "Find a person" }).fill("zzz");
      await device.expectFound(device.page.getByRole("status", { name: "Search" }).filter({ hasText: "zzz" }));
    },
  },
  details: {
    path: ({ conversation }) => `/conversations/${conversation.id}`,
    as: "ada",
    then: async ({ page }) => {
      await page.getByRole("log").focus();
      await page.keyboard.press("ArrowUp");
      await page.keyboard.press("Enter");
      await expect(page.getByRole("region", { name: "Message details" })).toBeVisible();
    },
  },
  offline: {
    path: ({ conversation }) => `/conversations/${conversation.id}`,
    as: "ada",
    then: async (device) => {
      await device.context.setOffline(true);
      await expect(device.connection).toContainText(/offline/i);
      await device.say("Goes out later");
    },
    after: (device) => device.context.setOffline(false),
  },
  "not-found": { path: () => "/nowhere", as: "ada", status: 404 },
  "no-conversation": { path: () => "/conversations/0191e3f0-0000-4000-8000-000000000000", as: "ada", status: 404 },
};

for (const colorScheme of ["light", "dark"]) {
  for (const [name, about] of Object.entries(PAGES)) {
    test(`the page "${name}" is accessible in ${colorScheme}`, async ({ device, pair, person, watch }, info) => {
      watch.allowLostConnections();
      if (about.status) watch.allowStatus(about.status, about.path(pair));
      if (about.refused) watch.allowStatus(...about.refused);
      const folder = join(info.project.outputDir, "../screens");
      mkdirSync(folder, { recursive: true });
      const ada = about.as === "ada" ? await seed({ pair, person }) : undefined;
      const viewer = about.as === "ada" ? ada : about.as && (await person("new"));
      const one = await device(viewer, { colorScheme, reducedMotion: "reduce", viewport: SIZES[2] });
      await one.page.goto(about.path(pair));
      if (viewer && !about.status) await one.live();
      await about.then?.(one, pair);
      expect(await violations(one.page)).toEqual([]);
      for (const size of SIZES) {
        await one.page.setViewportSize(size);
        const file = join(folder, `${name}-${size.width}-${colorScheme}.png`);
        await one.page.screenshot({ path: file });
        if (size.width === 360) expect(await violations(one.page), "on a phone").toEqual([]);
      }
      await about.after?.(one);
    });
  }
}
