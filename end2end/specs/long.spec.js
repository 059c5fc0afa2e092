// A very long conversation on a phone: it opens as quickly as any, and takes no more memory however far one scrolls.
// KAFKATALK_E2E_LONG=100000 has it as long as that; that many take a while to write.

import { expect, test } from "../lib/test.js";

const COUNT = Number(process.env.KAFKATALK_E2E_LONG ?? 1_500);
/** Messages that are written side by side. */
const SIDE_BY_SIDE = 16;
/** Messages written in a second, at least. */
const WRITTEN_A_SECOND = 100;
/** What a page holds of a conversation. */
const HELD_MAX = 1_000;
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const SLOW_CPU = 4;
const OPEN_MS_MAX = 15_000;
/** Other work on the machine only ever adds time: one that opens quickly enough shows what opening takes. */
const OPEN_TRIES = 3;

async function fill({ ada, bob, conversation }) {
  let next = 0;
  const write = async (person) => {
    while (next < COUNT) {
      next += 1;
      await person.send(conversation, `Message ${next}${" and some more words".repeat(next % 7)}`);
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, (_, index) => write(index % 2 ? ada : bob)));
}

/** Megabytes that the page's script and its wasm hold. */
async function heapMegabytes(tools) {
  await tools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await tools.send("Runtime.getHeapUsage");
  return usedSize / 1e6;
}

/** Opens the conversation on a slow phone: how long until its newest message is there, and until it lives. */
async function open(ada, conversation, newest) {
  const tools = await ada.context.newCDPSession(ada.page);
  await tools.send("Emulation.setCPUThrottlingRate", { rate: SLOW_CPU });
  const begun = Date.now();
  await ada.page.goto(`/conversations/${conversation.id}`);
  await expect(ada.bodies.last()).toHaveText(newest.body);
  await expect(ada.bodies.last()).toBeInViewport();
  const openMs = Date.now() - begun;
  await ada.live();
  return { ada, tools, openMs, liveMs: Date.now() - begun };
}

test("a phone opens a very long conversation, and scrolls far up and down again", async ({ device, pair }) => {
  test.setTimeout(300_000 + (COUNT / WRITTEN_A_SECOND) * 1_000);
  await fill(pair);
  const newest = (await pair.ada.ask("GET", `/conversations/${pair.conversation.id}/messages?limit=1`)).messages[0];
  let opened;
  for (let tries = 0; tries < OPEN_TRIES; tries += 1) {
    await opened?.ada.context.close();
    opened = await open(await device(pair.ada, PHONE), pair.conversation, newest);
    if (opened.openMs < OPEN_MS_MAX) break;
  }
  const { ada, tools, openMs, liveMs } = opened;
  const heapBefore = await heapMegabytes(tools);
  await tools.send("Emulation.setCPUThrottlingRate", { rate: 1 });

  // So far up that the page must let go of the newest.
  const newestHere = ada.log.getByText(newest.body, { exact: true });
  let most = 0;
  await expect(async () => {
    // The column is upside down: its end is 0.
    await ada.log.evaluate((log) => log.scrollTo({ top: -log.scrollHeight }));
    most = Math.max(most, await ada.bodies.count());
    expect(await newestHere.count()).toBe(0);
  }).toPass({ intervals: [50], timeout: 200_000 });
  expect(most, "messages that the page holds").toBeLessThanOrEqual(HELD_MAX);
  const heapUp = await heapMegabytes(tools);

  // What is said meanwhile moves nothing, and one way leads down to it.
  await pair.bob.send(pair.conversation, "Down here");
  await ada.page.getByRole("button", { name: /new message/ }).click();
  await expect(ada.bodies.last()).toHaveText("Down here");
  await expect(ada.bodies.last()).toBeInViewport();
  console.log(
    `${COUNT} messages on a slow phone: ${openMs} ms to the newest, ${liveMs} ms to live; ` +
      `${heapBefore.toFixed(1)} MB of script, ${heapUp.toFixed(1)} MB with ${most} messages held`,
  );
  expect(openMs).toBeLessThan(OPEN_MS_MAX);
});
