// What a page keeps for the person: what waits, what was begun, and where one is.

import { Device } from "../lib/device.js";
import { expect, test } from "../lib/test.js";

const heading = (device, person) => device.page.getByRole("heading", { level: 1, name: person.username });

test("a device that can keep nothing warns while a message waits, and the browser asks before the page goes", async ({ device, pair, watch }) => {
  watch.allowLostConnections();
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  await ada.page.evaluate(() => {
    let fill = "x".repeat(1 << 20);
    for (let number = 0; fill; number += 1) {
      try {
        localStorage.setItem(`fill-${number}`, fill);
      } catch {
        fill = fill.slice(0, fill.length >> 1);
      }
    }
  });
  await ada.context.setOffline(true);
  await expect(ada.connection).toContainText(/offline/i);
  for (const text of ["One", "Two"]) await ada.say(text);
  await expect(ada.connection).toContainText("do not close the page before they are sent");
  const asked = ada.page.waitForEvent("dialog");
  const closing = ada.page.close({ runBeforeUnload: true });
  const dialog = await asked;
  expect(dialog.type()).toBe("beforeunload");
  await dialog.dismiss();
  await closing;
  await ada.context.setOffline(false);
  await ada.live();
  await ada.expectAllSent();
  await ada.expectBodies(["One", "Two"]);
  await expect(ada.connection).toHaveText("");
  // Now nobody is asked.
  await ada.page.goto("about:blank");
  expect(await pair.bob.bodies(pair.conversation)).toEqual(["One", "Two"]);
});

test("after a step forward the address names the conversation that is shown", async ({ device, person }) => {
  const [ada, ...others] = await Promise.all(["ada", "bob", "carol", "dan"].map((name) => person(name)));
  const talks = [];
  for (const other of others) {
    talks.push(await ada.conversationWith(other));
    await ada.send(talks.at(-1), `Hello ${other.username}`);
  }
  const one = await device(ada);
  await one.openConversation(talks[0]);
  const isAt = async (index) => {
    await expect(heading(one, others[index])).toBeVisible();
    await expect(one.page).toHaveURL(`/conversations/${talks[index].id}`);
  };
  for (const index of [1, 2]) {
    await one.listed(others[index]).click();
    await isAt(index);
  }
  await one.page.goBack();
  await isAt(1);
  await one.page.goForward();
  await isAt(2);
  await one.listed(others[1]).click();
  await isAt(1);
  await one.page.goBack();
  await isAt(2);
});

test("an edit that was begun is there again when one comes back to the conversation", async ({ device, pair, person }) => {
  const carol = await person("carol");
  const other = await pair.ada.conversationWith(carol);
  await pair.ada.send(other, "Hello carol");
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  await ada.say("Se you");
  await ada.expectAllSent();
  await ada.composer.press("ArrowUp");
  await ada.composer.fill("See you at");
  await ada.listed(carol).click();
  await expect(heading(ada, carol)).toBeVisible();
  await expect(ada.composer).toHaveValue("");
  await ada.listed(pair.bob).click();
  await expect(ada.composer).toHaveValue("See you at");
  await expect(ada.page.getByText("Editing message")).toBeVisible();
  await ada.say("See you at nine");
  await expect(ada.message("See you at nine").getByText("edited")).toBeVisible();
  await expect(ada.composer).toHaveValue("");
  await ada.listed(carol).click();
  await ada.listed(pair.bob).click();
  await expect(ada.composer).toHaveValue("");
});

test("after a sleep of the device a socket that is dead is noticed at once", async ({ device, pair, watch }) => {
  watch.allowLostConnections();
  const ada = await device(pair.ada);
  // While a device sleeps, the wall clock goes on and the other one stands still.
  await ada.page.addInitScript(() => {
    const now = Date.now.bind(Date);
    let slept = 0;
    Date.now = () => now() + slept;
    window.sleepFor = (ms) => (slept += ms);
  });
  let asleep = false;
  const pings = [];
  await ada.page.routeWebSocket(/\/api\/v1\/ws/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((frame) => {
      if (!asleep) return server.send(frame);
      if (JSON.parse(frame).type === "ping") pings.push(frame);
    });
    server.onMessage((frame) => asleep || socket.send(frame));
  });
  await ada.openConversation(pair.conversation);
  asleep = true;
  await ada.page.evaluate(() => window.sleepFor(90_000));
  // The clocks are looked at every 5 seconds; without that, a ping is due after 25.
  await expect.poll(() => pings.length, { timeout: 15_000 }).toBe(1);
  await expect(ada.connection).toContainText(/No connection|Connecting/, { timeout: 15_000 });
});

test("a request that takes too long is aborted and asked again", async ({ device, pair }) => {
  await pair.bob.send(pair.conversation, "Hello");
  const ada = await device(pair.ada);
  await ada.open();
  let held = 0;
  await ada.page.route(/\/messages\?/, (route) => {
    held += 1;
    // The first one is never answered.
    return held === 1 ? undefined : route.continue();
  });
  const aborted = ada.page.waitForEvent("requestfailed", { timeout: 40_000 });
  await ada.listed(pair.bob).click();
  expect((await aborted).failure().errorText).toBe("net::ERR_ABORTED");
  await ada.expectBodies(["Hello"]);
});

test("a draft in two tabs is one draft, and is sent once", async ({ device, pair }) => {
  const one = await device(pair.ada);
  await one.openConversation(pair.conversation);
  await one.composer.fill("pay him");
  await expect.poll(() => one.page.evaluate(() => Object.values(localStorage).includes("pay him"))).toBe(true);
  const two = new Device(await one.context.newPage(), one.context);
  await two.openConversation(pair.conversation);
  await expect(two.composer).toHaveValue("pay him");
  await one.composer.fill("pay him 500");
  await expect(two.composer).toHaveValue("pay him 500");
  await one.composer.press("Enter");
  await one.expectAllSent();
  await expect(two.composer).toHaveValue("");
  await two.composer.press("Enter");
  await two.expectBodies(["pay him 500"]);
  expect(await pair.bob.bodies(pair.conversation)).toEqual(["pay him 500"]);
});
