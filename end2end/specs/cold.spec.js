// How long a first visit takes until there is something to read, and something to use.

import { expect, test } from "../lib/test.js";

/** A phone on a so-so network, about what the web's own tools call slow 4G. */
const SLOW = { offline: false, latency: 150, downloadThroughput: 200_000, uploadThroughput: 90_000 };
const SLOW_CPU = 4;

/** Notes, in the page, when the first message has been painted. */
function noteFirstMessage() {
  const look = () => {
    if (!document.querySelector(".bubble")) return requestAnimationFrame(look);
    // The frame after the one in which it is there has painted it.
    return requestAnimationFrame(() => requestAnimationFrame(() => (window.firstMessageMs = performance.now())));
  };
  requestAnimationFrame(look);
}

/** All that a first visit downloads: the site's budget, and the page itself. */
const BYTES_MAX = 372_000;

/** Other work on the machine only ever adds time: one load that is fast enough shows what a load takes. */
const TRIES = 3;

const CASES = [
  { where: "on this machine", mostMs: 3_000, mostLiveMs: 6_000 },
  { where: "on a slow phone and network", mostMs: 10_000, mostLiveMs: 20_000, network: SLOW },
];

/** A first visit in a browser that has nothing yet: what it took, and what it downloaded. */
async function coldLoad(device, { ada: person, conversation }, network) {
  const ada = await device(person);
  const tools = await ada.context.newCDPSession(ada.page);
  await tools.send("Network.enable");
  let bytes = 0;
  tools.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  if (network) {
    await tools.send("Network.emulateNetworkConditions", network);
    await tools.send("Emulation.setCPUThrottlingRate", { rate: SLOW_CPU });
  }
  await ada.page.addInitScript(noteFirstMessage);
  await ada.openConversation(conversation);
  const liveMs = await ada.page.evaluate(() => performance.now());
  const firstMs = await (await ada.page.waitForFunction(() => window.firstMessageMs)).jsonValue();
  await ada.context.close();
  return { firstMs, liveMs, bytes };
}

for (const { where, mostMs, mostLiveMs, network } of CASES) {
  test(`a cold load shows the newest messages soon, ${where}`, async ({ device, pair }) => {
    await pair.bob.sendAll(pair.conversation, Array.from({ length: 60 }, (_, index) => `Message ${index}`));
    let load;
    for (let tries = 0; tries < TRIES; tries += 1) {
      load = await coldLoad(device, pair, network);
      const [firstMs, liveMs, kilobytes] = [load.firstMs, load.liveMs, load.bytes / 1_000].map(Math.round);
      console.log(`cold load ${where}: ${firstMs} ms to messages, ${liveMs} ms to live, ${kilobytes} kB`);
      expect(load.bytes).toBeGreaterThan(0);
      expect(load.bytes).toBeLessThan(BYTES_MAX);
      if (load.firstMs < mostMs && load.liveMs < mostLiveMs) break;
    }
    expect(load.firstMs).toBeLessThan(mostMs);
    expect(load.liveMs).toBeLessThan(mostLiveMs);
  });
}
