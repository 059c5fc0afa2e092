// Two people talk, on as many devices as they like.

import { expect, PASSWORD, test } from "../lib/test.js";

test("messages appear on both sides as they are sent", async ({ device, pair }) => {
  const ada = await device(pair.ada);
  const bob = await device(pair.bob);
  await ada.openConversation(pair.conversation);
  await bob.openConversation(pair.conversation);
  const said = [];
  for (const [speaker, text] of [
    [ada, "Are you there?"],
    [bob, "I am."],
    [ada, "Good."],
    [ada, "Look at https://example.org/a?b=c"],
    [bob, "Two lines\nare one message"],
  ]) {
    await speaker.say(text);
    said.push(text.replace("\n", " "));
    await ada.expectBodies(said);
    await bob.expectBodies(said);
  }
  await ada.expectAllSent();
  await expect(ada.message("Are you there?")).toContainText("You said:");
  await expect(bob.message("Are you there?")).toContainText(`${pair.ada.username} said:`);
  await expect(bob.log.getByRole("link")).toHaveAttribute("href", "https://example.org/a?b=c");
});

test("what is said keeps the order of the log, however fast both write", async ({ device, pair }) => {
  const ada = await device(pair.ada);
  const bob = await device(pair.bob);
  await ada.openConversation(pair.conversation);
  await bob.openConversation(pair.conversation);
  const talk = async (speaker, name) => {
    for (let number = 1; number <= 20; number += 1) await speaker.say(`${name} ${number}`);
  };
  await Promise.all([talk(ada, "ada"), talk(bob, "bob")]);
  await expect(ada.bodies).toHaveCount(40);
  await expect(bob.bodies).toHaveCount(40);
  await ada.expectAllSent();
  await bob.expectAllSent();
  const inLog = await pair.ada.bodies(pair.conversation);
  await ada.expectBodies(inLog);
  await bob.expectBodies(inLog);
  for (const name of ["ada", "bob"]) {
    const own = inLog.filter((body) => body.startsWith(name));
    expect(own).toEqual(Array.from({ length: 20 }, (_, index) => `${name} ${index + 1}`));
  }
});

test("an own message is shown at once as being sent, then as sent, then as read", async ({ device, pair }) => {
  const ada = await device(pair.ada);
  let release;
  const held = new Promise((done) => (release = done));
  await ada.page.routeWebSocket(/\/api\/v1\/ws/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage(async (frame) => {
      if (JSON.parse(frame).type === "send") await held;
      server.send(frame);
    });
  });
  await ada.openConversation(pair.conversation);
  await ada.say("On its way");
  await expect(ada.message("On its way").getByText("Sending", { exact: true })).toBeAttached();
  release();
  await expect(ada.message("On its way").getByText("Sent", { exact: true })).toBeAttached();
  const bob = await device(pair.bob);
  await bob.openConversation(pair.conversation);
  await expect(ada.message("On its way").getByText("Read", { exact: true })).toBeAttached();
});

test("a reload shows everything once and in order, and keeps what was begun", async ({ device, pair }) => {
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  const said = ["One", "Two", "Three"];
  for (const text of said) await ada.say(text);
  await ada.composer.fill("Begun and not sent");
  await ada.expectAllSent();
  await ada.reload();
  await ada.expectBodies(said);
  await expect(ada.composer).toHaveValue("Begun and not sent");
  await ada.composer.press("Enter");
  await ada.expectBodies([...said, "Begun and not sent"]);
});

test("a reload in the middle of sending loses and doubles nothing", async ({ device, pair }) => {
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  const said = [];
  for (let round = 1; round <= 3; round += 1) {
    for (let number = 1; number <= 5; number += 1) {
      said.push(`${round}.${number}`);
      await ada.say(said.at(-1));
    }
    await ada.reload();
  }
  await ada.expectBodies(said);
  await ada.expectAllSent();
  expect(await pair.ada.bodies(pair.conversation)).toEqual(said);
});

test("two devices of one person show the same, live", async ({ device, pair }) => {
  const desktop = await device(pair.ada);
  const phone = await device(pair.ada);
  const bob = await device(pair.bob);
  await desktop.openConversation(pair.conversation);
  await phone.openConversation(pair.conversation);
  await bob.openConversation(pair.conversation);
  await desktop.say("From the desktop");
  await phone.expectBodies(["From the desktop"]);
  await phone.say("From the phone");
  // Two sockets have no order between them.
  await bob.expectBodies(["From the desktop", "From the phone"]);
  await bob.say("To both");
  for (const one of [desktop, phone, bob]) {
    await one.expectBodies(["From the desktop", "From the phone", "To both"]);
  }
  await desktop.expectAllSent();
  await expect(phone.message("From the desktop")).toContainText("You said:");
});

test("signing out and signing in elsewhere shows the same conversation", async ({ device, pair }) => {
  const here = await device(pair.ada);
  await here.openConversation(pair.conversation);
  await here.say("Said before leaving");
  await here.expectAllSent();
  await here.open("/conversations");
  await here.page.getByRole("button", { name: "Sign out" }).click();
  await expect(here.page).toHaveURL("/sign-in");
  const there = await device();
  await there.page.goto("/sign-in");
  await there.page.getByRole("textbox", { name: "Username" }).fill(pair.ada.username);
  await there.page.getByLabel("Password").fill(PASSWORD);
  await there.page.getByRole("button", { name: "Sign in" }).click();
  // A link that is pressed while the script starts loads a further page, with a socket of its own.
  await there.live();
  await there.listed(pair.bob).click();
  await there.expectBodies(["Said before leaving"]);
  await there.say("And after");
  await there.expectBodies(["Said before leaving", "And after"]);
});

test("signing out in a conversation leads to the plain sign-in page", async ({ device, pair }) => {
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  await ada.page.getByRole("button", { name: "Sign out" }).click();
  await expect(ada.page).toHaveURL("/sign-in");
  await ada.page.goto("/conversations");
  await expect(ada.page).toHaveURL(/\/sign-in\?next=/);
});

test("signing out asks before it deletes what was not sent, and leaves nothing on the device", async ({ device, pair }) => {
  const ada = await device(pair.ada);
  await ada.page.routeWebSocket(/\/api\/v1\/ws/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((frame) => {
      if (JSON.parse(frame).type !== "send") server.send(frame);
    });
  });
  await ada.openConversation(pair.conversation);
  for (const text of ["One", "Two"]) await ada.say(text);
  await ada.composer.fill("Begun");
  const kept = () => ada.page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("kafkatalk.")));
  await expect.poll(async () => (await kept()).length).toBe(3);
  const signOut = ada.page.getByRole("button", { name: "Sign out" });
  const questions = [];
  for (const answer of ["dismiss", "accept"]) {
    ada.page.once("dialog", async (dialog) => {
      questions.push(dialog.message());
      await dialog[answer]();
    });
    await signOut.click();
    if (answer === "dismiss") {
      await expect(ada.page).toHaveURL(`/conversations/${pair.conversation.id}`);
      expect((await kept()).length).toBe(3);
    }
  }
  await expect(ada.page).toHaveURL("/sign-in");
  expect(await kept()).toEqual([]);
  expect(questions).toEqual(Array(2).fill("2 messages have not been sent. Sign out and delete them?"));
});

test("nothing but white space is not sent, and a text that is too long is kept and explained", async ({ device, pair }) => {
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  await ada.say("  \n ");
  await expect(ada.bodies).toHaveCount(0);
  const long = "x".repeat(8_001);
  await ada.say(long);
  await expect(ada.page.getByRole("alert").filter({ hasText: /8000 characters|8,000 characters/ })).toBeVisible();
  await expect(ada.composer).toHaveValue(long);
  await expect(ada.bodies).toHaveCount(0);
});

test("each conversation keeps its own messages and its own draft", async ({ device, pair, person }) => {
  const eve = await person("eve");
  const other = await eve.conversationWith(pair.ada);
  await eve.send(other, "From Eve");
  await pair.bob.send(pair.conversation, "From Bob");
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  await ada.composer.fill("For Bob");
  await ada.listed(eve).click();
  await ada.expectBodies(["From Eve"]);
  await expect(ada.composer).toHaveValue("");
  await ada.page.goBack();
  await expect(ada.page).toHaveURL(`/conversations/${pair.conversation.id}`);
  await ada.expectBodies(["From Bob"]);
  await expect(ada.composer).toHaveValue("For Bob");
});
