// The main journey: what everybody does with the product, in every browser engine alike. Its steps build on each other.

import { Person } from "../lib/api.js";
import { expect, test } from "../lib/engines/test.js";
import { freshName, PASSWORD } from "../lib/test.js";

const button = (name) => ({ role: "button", name, exact: true });
const heading = (name) => ({ role: "heading", level: 1, name, exact: true });
const log = { role: "log", name: "Messages" };
/** A message, by all that is said there: its text, its author, its state. */
const message = (...texts) => ({ role: "listitem", texts, within: log });
const composer = { role: "textbox", name: "Message" };
const listed = (name, ...texts) => ({ role: "link", name, texts, within: { role: "list", name: "Conversations" } });
const disconnected = { role: "status", name: "Connection", texts: ["No connection"] };
const finder = { role: "region", name: "New conversation" };
const finderField = { role: "combobox", name: "Find a person" };

test.describe.configure({ mode: "serial" });

/** Who they are; the same through all steps. */
const names = { ada: freshName("ada"), bob: freshName("bob"), carol: freshName("carol") };

async function register(tab, name) {
  await tab.goto("/");
  await tab.type({ role: "textbox", name: "Username" }, name);
  await tab.type({ name: "Password" }, PASSWORD);
  await tab.click(button("Register"));
  await tab.isAt("/conversations");
  await tab.sees(heading("Conversations"));
  await tab.isLive();
}

async function say(tab, text) {
  await tab.type(composer, text);
  await tab.press("Enter");
  await tab.sees(message(text), 1);
}

/** Waits until the panel shows that. Where the server asks for patience, asks again as a person would. */
async function seesFound(tab, query) {
  const again = { ...button("Try again"), within: finder };
  await expect(async () => {
    if ((await tab.texts(again)).length > 0) await tab.click(again);
    expect(await tab.texts(query), "what is found").not.toHaveLength(0);
  }).toPass({ timeout: 90_000 });
}

/** Waits until nothing is under way, and shows these in that order, each once. */
async function seesTalk(tab, words) {
  for (const text of words) await tab.sees(message(text), 1);
  for (const state of ["Sending", "Waiting", "Not sent"]) await tab.sees(message(state), 0);
  const shown = await tab.texts({ role: "listitem", within: log });
  const order = words.map((text) => shown.findIndex((one) => one.includes(text)));
  expect(order, "their order").toEqual([...order].sort((one, other) => one - other));
}

test("two people register by plain forms", async ({ tabs: { desk, phone } }) => {
  await register(desk, names.ada);
  await register(phone, names.bob);
  await desk.sees({ role: "heading", name: "No conversations yet" });
});

test("one finds the other by the start of the name, and opens the conversation", async ({ tabs: { desk } }) => {
  await desk.click(button("New conversation"));
  await desk.type(finderField, names.bob.slice(0, -1));
  const found = { role: "option", name: names.bob };
  await seesFound(desk, found);
  await desk.click(found);
  await desk.sees(heading(names.bob));
});

test("both chat in real time, and one sees what the other has read", async ({ tabs: { desk, phone } }) => {
  await say(desk, "Are we still on for Saturday?");
  await phone.sees(listed(names.ada, "Are we still on for Saturday?"));
  await phone.click(listed(names.ada));
  await phone.sees(heading(names.ada));
  await phone.sees(message("Are we still on for Saturday?"), 1);
  await desk.sees(message("Are we still on for Saturday?", "Read"));
  await say(phone, "Yes! The early train.");
  await desk.sees(message("Yes! The early train."), 1);
  await phone.sees(message("Yes! The early train.", "Read"));
});

test("what is typed without a connection waits, and goes out once when there is one", async ({ tabs: { desk, phone } }) => {
  desk.wire.cut();
  await desk.sees(disconnected);
  await say(desk, "I have the tickets.");
  await say(desk, "And the map.");
  await desk.sees(message("And the map.", "Waiting"));
  await say(phone, "Window seat is mine.");
  desk.wire.mend();
  await desk.isLive();
  const talk = ["Window seat is mine.", "I have the tickets.", "And the map."];
  for (const tab of [desk, phone]) await seesTalk(tab, talk);
});

test("a message whose answer was lost goes out again, and is there once", async ({ tabs: { desk, phone } }) => {
  desk.wire.deafen();
  await say(desk, "We will see about that.");
  await phone.sees(message("We will see about that."), 1);
  await desk.sees(message("We will see about that.", "Sending"));
  desk.wire.cut();
  await desk.sees(disconnected);
  desk.wire.mend();
  await desk.isLive();
  await say(desk, "Deal.");
  for (const tab of [desk, phone]) await seesTalk(tab, ["And the map.", "We will see about that.", "Deal."]);
});

test("a group of three is put together, and all of it see who says what", async ({ server, tabs: { desk, phone } }) => {
  const carol = await new Person(server, names.carol, PASSWORD).register();
  await desk.click(button("New conversation"));
  await desk.click(button("New group"));
  for (const name of [names.bob, names.carol]) {
    await desk.type(finderField, name);
    const found = { role: "option", name };
    await seesFound(desk, found);
    await desk.click(found);
    await desk.sees({ ...found, checked: true });
    await desk.clear(finderField);
  }
  await desk.click(button("Start group"));
  await desk.sees(heading(`${names.bob}, ${names.carol}`));
  await say(desk, "Hello both");
  await phone.click({ role: "link", name: "Back to conversations" });
  const group = listed(names.carol, "Hello both");
  await phone.sees(group);
  await phone.click(group);
  await phone.sees(message("Hello both", `${names.ada} said:`), 1);
  const { conversations } = await carol.ask("GET", "/conversations");
  expect(conversations).toHaveLength(1);
  await carol.send(conversations[0], "Hello from carol");
  for (const tab of [desk, phone]) await tab.sees(message("Hello from carol", `${names.carol} said:`), 1);
});

test("what was said is found by a word of it, and opened where it stands", async ({ tabs: { desk } }) => {
  await desk.click(button("Search"));
  await desk.type(finderField, "saturday");
  const found = { role: "option", texts: ["Are we still on for Saturday?"], within: { role: "listbox", name: "Messages" } };
  await seesFound(desk, found);
  await desk.sees(found, 1);
  await desk.click(found);
  await desk.sees(heading(names.bob));
  await desk.seesInView(message("Are we still on for Saturday?"));
});

test("signing out ends it here, and signing in again brings everything back", async ({ tabs: { desk } }) => {
  await desk.click(button("Sign out"));
  await desk.isAt("/sign-in");
  // Whether the page comes from the engine's memory or from the server, nothing of the session is shown.
  await desk.back();
  await desk.isAt("/sign-in", "?next=");
  await desk.sees(message("Deal."), 0);
  await desk.goto("/conversations");
  await desk.isAt("/sign-in");
  await desk.type({ role: "textbox", name: "Username" }, names.ada);
  await desk.type({ name: "Password" }, PASSWORD);
  await desk.click(button("Sign in"));
  await desk.isAt("/conversations");
  await desk.isLive();
  await desk.click(listed(names.bob, "Deal."));
  await seesTalk(desk, ["Are we still on for Saturday?", "Yes! The early train.", "And the map.", "Deal."]);
});
