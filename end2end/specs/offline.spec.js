// Without a network, without a server, and back.

import { expect, test } from "../lib/test.js";

test("without a network the banner says so, and what was typed goes out once by itself", async ({ device, pair, watch }) => {
  watch.allowLostConnections();
  const ada = await device(pair.ada);
  const bob = await device(pair.bob);
  await ada.openConversation(pair.conversation);
  await bob.openConversation(pair.conversation);
  await ada.say("Online");
  await bob.expectBodies(["Online"]);
  await expect(ada.connection).toHaveText("");
  await ada.context.setOffline(true);
  await expect(ada.connection).toContainText(/offline/i);
  await ada.say("Typed offline");
  await ada.say("And more");
  await expect(ada.message("Typed offline").getByText("Waiting", { exact: true })).toBeAttached();
  await expect(ada.connection).toContainText("2 messages");
  await bob.say("Said meanwhile");
  await bob.expectAllSent();
  await ada.context.setOffline(false);
  await ada.live();
  await expect(ada.connection).toHaveText("");
  const all = ["Online", "Said meanwhile", "Typed offline", "And more"];
  await ada.expectBodies(all);
  await bob.expectBodies(all);
  await ada.expectAllSent();
  expect(await pair.ada.bodies(pair.conversation)).toEqual(all);
});

test("what waits in the outbox survives closing the page and goes out on return", async ({ device, pair, watch }) => {
  watch.allowLostConnections();
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  await ada.context.setOffline(true);
  await expect(ada.connection).toContainText(/offline/i);
  await ada.say("Kept on the device");
  await expect(ada.message("Kept on the device").getByText("Waiting", { exact: true })).toBeAttached();
  await ada.page.goto("about:blank");
  expect(await pair.bob.bodies(pair.conversation)).toEqual([]);
  await ada.context.setOffline(false);
  await ada.open("/conversations");
  await expect.poll(() => pair.bob.bodies(pair.conversation)).toEqual(["Kept on the device"]);
  await ada.listed(pair.bob).click();
  await ada.expectBodies(["Kept on the device"]);
  await ada.expectAllSent();
});

test("a server that is killed and started again loses and doubles nothing", async ({ device, pair, server, watch }) => {
  watch.allowRestarts();
  const ada = await device(pair.ada);
  const bob = await device(pair.bob);
  await ada.openConversation(pair.conversation);
  await bob.openConversation(pair.conversation);
  for (const number of [1, 2, 3]) await ada.say(`Before ${number}`);
  await server.kill();
  await expect(ada.connection).toContainText("No connection to the server");
  await ada.say("Ada while it is down");
  await bob.say("Bob while it is down");
  await expect(ada.connection).toContainText(/messages? will be sent/);
  await server.start();
  for (const one of [ada, bob]) {
    await one.live();
    await expect(one.connection).toHaveText("");
    await one.expectAllSent();
  }
  await ada.say("Ada after");
  await expect(bob.bodies).toHaveCount(6);
  await bob.say("Bob after");
  await expect(ada.bodies).toHaveCount(7);
  const all = await pair.ada.bodies(pair.conversation);
  expect([...all].sort()).toEqual(
    ["Before 1", "Before 2", "Before 3", "Ada while it is down", "Bob while it is down", "Ada after", "Bob after"].sort(),
  );
  expect(all.slice(0, 3)).toEqual(["Before 1", "Before 2", "Before 3"]);
  await ada.expectBodies(all);
  await bob.expectBodies(all);
});

test("a server that is killed again and again while both write loses and doubles nothing", async ({ device, pair, server, watch }) => {
  watch.allowRestarts();
  const ada = await device(pair.ada);
  const bob = await device(pair.bob);
  await ada.openConversation(pair.conversation);
  await bob.openConversation(pair.conversation);
  const said = { ada: [], bob: [] };
  const talk = async (speaker, name) => {
    for (let number = 1; number <= 10; number += 1) {
      said[name].push(`${name} ${said[name].length + 1}`);
      await speaker.say(said[name].at(-1));
    }
  };
  for (let round = 0; round < 3; round += 1) {
    const talking = Promise.all([talk(ada, "ada"), talk(bob, "bob")]);
    await expect(bob.bodies.filter({ hasText: new RegExp(`^ada ${round * 10 + 3}$`) })).toBeVisible({
      // Both have to come back first, and after a failure they pause up to half a minute.
      timeout: 60_000,
    });
    await server.kill();
    await talking;
    await server.start();
  }
  for (const one of [ada, bob]) {
    await one.live();
    await one.expectAllSent();
  }
  for (const one of [ada, bob]) await expect(one.bodies).toHaveCount(60);
  const all = await pair.ada.bodies(pair.conversation);
  await ada.expectBodies(all);
  await bob.expectBodies(all);
  for (const name of ["ada", "bob"]) {
    expect(all.filter((body) => body.startsWith(name))).toEqual(said[name]);
  }
});

test("a server that stops in order tells its clients, which come back by themselves", async ({ device, pair, server, watch }) => {
  watch.allowRestarts();
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  await ada.say("Before");
  await ada.expectAllSent();
  await server.stop();
  await expect(ada.connection).toContainText(/connect/i);
  await server.start();
  await ada.live();
  await expect(ada.connection).toHaveText("");
  await ada.say("After");
  await ada.expectAllSent();
  expect(await pair.ada.bodies(pair.conversation)).toEqual(["Before", "After"]);
});

test("a session that is ended elsewhere ends here too, and leads back after signing in", async ({ device, pair, watch }) => {
  watch.allow(/401/);
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  const { sessions } = await pair.ada.ask("GET", "/sessions");
  for (const session of sessions.filter((one) => !one.current)) {
    await pair.ada.ask("DELETE", `/sessions/${session.id}`);
  }
  await expect(ada.page).toHaveURL(`/sign-in?next=%2Fconversations%2F${pair.conversation.id}`);
});
