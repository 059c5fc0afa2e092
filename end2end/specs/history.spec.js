// Long conversations: paging through history without jumps, and keeping one's place.

import { expect, test } from "../lib/test.js";

const COUNT = 330;
/** What rounding may move. */
const JUMP_PX_MAX = 2;

/** A conversation with many messages of several lines, so that heights differ. */
async function fill({ ada, bob, conversation }) {
  const bodies = Array.from({ length: COUNT }, (_, index) => `Message ${index}${" and some more words".repeat(index % 7)}`);
  for (let from = 0; from < COUNT; from += 10) {
    const speaker = (from / 10) % 2 === 0 ? ada : bob;
    await speaker.sendAll(conversation, bodies.slice(from, from + 10));
  }
  return bodies;
}

/** Waits until the page has put right, and drawn, what it has just changed. */
const drawn = (page) =>
  page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** Scrolls up by wheel, as a person does, and measures on each frame how far the message that is read moved by itself. */
async function scrollUpAndMeasure(device, until) {
  const box = await device.log.boundingBox();
  await device.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await device.log.evaluate((log) => {
    // The anchor is the message in the middle of the view. Where it stands in the document may change at will, where
    // it stands in the view may change only by what was scrolled.
    const state = { worst: 0, frames: 0 };
    window.jumps = state;
    const anchorOf = () => {
      const view = log.getBoundingClientRect();
      return document.elementFromPoint(view.x + view.width / 2, view.y + view.height / 2)?.closest("li.message");
    };
    let anchor = anchorOf();
    // Scrolling by so much moves it by so much; what moves it besides is a jump.
    const place = () => (anchor ? anchor.getBoundingClientRect().top + log.scrollTop : NaN);
    let before = { first: log.querySelector("li.message"), place: place() };
    const frame = () => {
      const first = log.querySelector("li.message");
      if (anchor?.isConnected) {
        state.worst = Math.max(state.worst, Math.abs(place() - before.place) || 0);
        state.frames += first === before.first ? 0 : 1;
      }
      anchor = anchorOf() ?? anchor;
      before = { first, place: place() };
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await expect(async () => {
    await device.page.mouse.wheel(0, -400);
    expect(await device.log.getByText(until, { exact: true }).count()).toBe(1);
  }).toPass({ intervals: [50], timeout: 200_000 });
  return device.page.evaluate(() => window.jumps);
}

test("scrolling up pages through the whole history in order", async ({ device, pair }) => {
  const bodies = await fill(pair);
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  await expect(ada.bodies.last()).toHaveText(bodies.at(-1));
  await expect(ada.bodies.last()).toBeInViewport();
  const jumps = await scrollUpAndMeasure(ada, "Message 0");
  expect(jumps.frames, "pages were put above").toBeGreaterThan(2);
  expect(jumps.worst, "pixels that what is read moved by itself").toBeLessThanOrEqual(JUMP_PX_MAX);
  expect(await ada.bodies.allInnerTexts()).toEqual(bodies);
});

test("the message that is read stays where it is when older ones are loaded above", async ({ device, pair }) => {
  await fill(pair);
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  const loaded = () => ada.bodies.count();
  const before = await loaded();
  // The answer is held back until the view is at rest, so that whatever moves then is a jump.
  let release;
  const held = new Promise((done) => (release = done));
  await ada.page.route(/\/messages\?.*before=/, async (route) => {
    await held;
    await route.continue();
  });
  const asked = ada.page.waitForRequest(/\/messages\?.*before=/);
  await ada.bodies.first().scrollIntoViewIfNeeded();
  await asked;
  const anchor = ada.log.getByText(await ada.bodies.nth(2).innerText(), { exact: true });
  await expect(anchor).toBeInViewport();
  const at = await anchor.boundingBox();
  release();
  await expect.poll(loaded).toBeGreaterThan(before);
  await drawn(ada.page);
  const now = await anchor.boundingBox();
  expect(Math.abs(now.y - at.y), "pixels that it moved").toBeLessThanOrEqual(1);
});

test("new messages do not move what one reads, and a pill leads down to them", async ({ device, pair }) => {
  const bodies = await fill(pair);
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  await expect(ada.bodies.last()).toHaveText(bodies.at(-1));
  const anchor = ada.log.getByText(bodies.at(-30), { exact: true });
  await anchor.scrollIntoViewIfNeeded();
  await expect(anchor).toBeInViewport();
  const at = await anchor.boundingBox();
  await pair.bob.send(pair.conversation, "News");
  const pill = ada.page.getByRole("button", { name: "1 new message" });
  await expect(pill).toBeVisible();
  await pair.bob.send(pair.conversation, "More news");
  await expect(ada.page.getByRole("button", { name: "2 new messages" })).toBeVisible();
  await drawn(ada.page);
  const now = await anchor.boundingBox();
  expect(Math.abs(now.y - at.y), "pixels that it moved").toBeLessThanOrEqual(1);
  await ada.page.getByRole("button", { name: "2 new messages" }).click();
  await expect(ada.bodies.last()).toHaveText("More news");
  await expect(ada.bodies.last()).toBeInViewport();
  await expect(ada.page.getByRole("button", { name: /new message/ })).toHaveCount(0);
});

test("at the end, new messages come into view by themselves", async ({ device, pair }) => {
  await fill(pair);
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  for (const text of ["One more", "And another"]) {
    await pair.bob.send(pair.conversation, text);
    await expect(ada.log.getByText(text, { exact: true })).toBeInViewport();
  }
});

test("messages missed during a long absence are all there, in order", async ({ device, pair, watch }) => {
  watch.allowLostConnections();
  const ada = await device(pair.ada);
  await ada.openConversation(pair.conversation);
  await ada.say("Before");
  await ada.expectAllSent();
  await ada.context.setOffline(true);
  await expect(ada.connection).toContainText(/offline/i);
  await fill(pair);
  await ada.context.setOffline(false);
  await ada.live();
  const all = await pair.ada.bodies(pair.conversation);
  await expect(ada.bodies.last()).toHaveText(all.at(-1));
  const jumps = await scrollUpAndMeasure(ada, "Before");
  expect(jumps.worst, "pixels that what is read moved by itself").toBeLessThanOrEqual(JUMP_PX_MAX);
  expect(await ada.bodies.allInnerTexts()).toEqual(all);
});
