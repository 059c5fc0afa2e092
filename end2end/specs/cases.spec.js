// Inputs that failed for users of comparable software: other scripts, other ways to type, other programs in the page.

import { violations } from "../lib/axe.js";
import { expect, test } from "../lib/test.js";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** What a service that translates pages does: another element in the place of every text. */
function translate() {
  const main = document.querySelector("main");
  const walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const text of texts) {
    if (text.parentElement.tagName === "FONT" || !text.data.trim()) continue;
    const font = document.createElement("font");
    font.textContent = text.data;
    text.replaceWith(font);
  }
}

/** Holds the wasm until it is released. */
async function hold(page) {
  let release;
  const held = new Promise((done) => (release = done));
  await page.route(/_bg\.wasm$/, async (route) => {
    await held;
    await route.continue();
  });
  return release;
}

test("a page that another program has changed before it came to life is drawn anew", async ({ device, pair }) => {
  await pair.bob.send(pair.conversation, "As the server wrote it");
  const ada = await device(pair.ada);
  const release = await hold(ada.page);
  await ada.page.goto(`/conversations/${pair.conversation.id}`, { waitUntil: "commit" });
  await expect(ada.bodies).toHaveCount(1);
  await ada.page.evaluate(translate);
  await ada.page.evaluate(() => document.body.prepend(document.createElement("div")));
  release();
  await ada.live();
  await ada.expectBodies(["As the server wrote it"]);
  await expect(ada.page.locator("main")).toHaveCount(1);
  await expect(ada.page.locator("main font")).toHaveCount(0);
  await ada.say("And on it goes");
  await ada.expectAllSent();
  await ada.expectBodies(["As the server wrote it", "And on it goes"]);
});

test("what changes is seen while another program goes on changing the page", async ({ device, pair, person }) => {
  const eve = await person("eve");
  const other = await eve.conversationWith(pair.ada);
  await eve.send(other, "First");
  const ada = await (await device(pair.ada)).openConversation(pair.conversation);
  await expect(ada.page.locator("main")).toHaveAttribute("translate", "no");
  await ada.page.evaluate(`(${translate})(); new MutationObserver(${translate}).observe(document.querySelector("main"), { childList: true, characterData: true, subtree: true })`);
  await ada.say("Said meanwhile");
  await expect(ada.message("Said meanwhile").getByText("Sent", { exact: true })).toBeAttached();
  await eve.send(other, "Second");
  await expect(ada.listed(eve)).toContainText("Second");
  await expect(ada.listed(eve)).toContainText("2 unread");
  await eve.send(other, "Third");
  await expect(ada.listed(eve)).toContainText("Third");
  await expect(ada.listed(eve)).toContainText("3 unread");
  await ada.listed(eve).click();
  await ada.expectBodies(["First", "Second", "Third"]);
  await expect(ada.page.getByRole("heading", { level: 1, name: eve.username })).toBeVisible();
});

test("a page whose code has panicked says so, and tells nobody that anything was read", async ({ device, pair, watch }) => {
  watch.allow(/RuntimeError/);
  const ada = await (await device(pair.ada)).openConversation(pair.conversation);
  await ada.page.evaluate(() => setTimeout(() => { throw new WebAssembly.RuntimeError("unreachable"); }));
  await expect(ada.page.getByRole("alert").filter({ hasText: "Something went wrong" })).toBeVisible();
  await expect(ada.page.getByRole("button", { name: "Reload" })).toBeVisible();
});

test("on a slow line, what one does before the page comes to life is left alone", async ({ device, pair }) => {
  await pair.bob.sendAll(pair.conversation, Array.from({ length: 40 }, (_, index) => `Message ${index}`));
  const ada = await device(pair.ada, PHONE);
  const release = await hold(ada.page);
  await ada.page.goto(`/conversations/${pair.conversation.id}`, { waitUntil: "commit" });
  await expect(ada.bodies).not.toHaveCount(0);
  await ada.log.evaluate((log) => (log.scrollTop = -300));
  await ada.composer.click();
  const text = "A sentence that is typed while the page is still on its way, letter by letter. ".repeat(2);
  await ada.composer.pressSequentially(text.slice(0, 40));
  release();
  await ada.composer.pressSequentially(text.slice(40), { delay: 20 });
  await ada.live();
  await ada.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await expect(ada.composer).toHaveValue(text);
  await expect(ada.composer).toBeFocused();
  expect(await ada.log.evaluate((log) => log.scrollTop)).toBeLessThan(-200);
});

test("a word of an input method is not cut off when the page comes to life", async ({ device, pair }) => {
  const ada = await device(pair.ada);
  const release = await hold(ada.page);
  await ada.page.goto(`/conversations/${pair.conversation.id}`, { waitUntil: "commit" });
  await ada.composer.click();
  await ada.composer.dispatchEvent("compositionstart");
  const written = await ada.page.locator("main").elementHandle();
  const loaded = ada.page.waitForResponse(/_bg\.wasm$/);
  release();
  await (await loaded).finished();
  await ada.page.evaluate(() => new Promise((done) => setTimeout(done, 300)));
  expect(await written.evaluate((main) => main.isConnected)).toBe(true);
  await ada.composer.dispatchEvent("compositionend");
  await ada.live();
  expect(await written.evaluate((main) => main.isConnected)).toBe(false);
  await expect(ada.composer).toBeFocused();
});

test("a page whose wasm does not load says so, and comes to life when it does", async ({ device, pair, watch }) => {
  watch.allow(/ERR_FAILED/, /TypeError: Failed to fetch/, /preload/);
  watch.allowLostConnections();
  const ada = await device(pair.ada);
  let lost = true;
  await ada.page.route(/_bg\.wasm$/, (route) => (lost ? route.abort() : route.continue()));
  await ada.page.goto(`/conversations/${pair.conversation.id}`);
  const notice = ada.page.getByRole("alert").filter({ hasText: "Retrying..." });
  await expect(notice).toBeVisible();
  await ada.composer.fill("Begun meanwhile");
  lost = false;
  await ada.live();
  await expect(notice).toHaveCount(0);
  await expect(ada.composer).toHaveValue("Begun meanwhile");
});

test("without script the page says what one can do, and offers nothing else", async ({ device, pair, watch }) => {
  watch.allow(/preload/);
  await pair.bob.send(pair.conversation, "To be read");
  const ada = await device(pair.ada, { javaScriptEnabled: false });
  await ada.page.goto(`/conversations/${pair.conversation.id}`);
  const notice = ada.page.locator(".stopped");
  await expect(notice).toBeVisible();
  await expect(notice).toContainText("Without JavaScript you can read here");
  await expect(ada.bodies).toHaveText(["To be read"]);
  await expect(ada.composer).toBeHidden();
  await expect(ada.page.getByRole("button", { name: "Search" })).toBeHidden();
  await expect(ada.page.getByRole("button", { name: "Sign out" })).toBeVisible();
});

test("Enter breaks the line on a screen that is touched, and the button sends", async ({ device, pair }) => {
  const ada = await (await device(pair.ada, PHONE)).openConversation(pair.conversation);
  await ada.composer.tap();
  await ada.composer.pressSequentially("one");
  await ada.composer.press("Enter");
  await ada.composer.pressSequentially("two");
  await expect(ada.composer).toHaveValue("one\ntwo");
  await expect(ada.bodies).toHaveCount(0);
  await ada.page.getByRole("button", { name: "Send" }).tap();
  await ada.expectBodies(["one two"]);
});

test("the Enter that ends a word of an input method chooses nobody", async ({ device, pair }) => {
  const ada = await (await device(pair.ada)).open();
  const taken = { key: "Enter", keyCode: 229, bubbles: true, cancelable: true };
  const press = (field) => field.evaluate((element, taken) => element.dispatchEvent(new KeyboardEvent("keydown", taken)), taken);
  await ada.page.getByRole("button", { name: "New conversation" }).click();
  const field = ada.page.getByRole("combobox");
  await field.fill(pair.bob.username);
  await expect(ada.page.getByRole("option", { name: pair.bob.username })).toBeVisible();
  await press(field);
  await expect(ada.page).toHaveURL("/conversations");
  await expect(field).toHaveValue(pair.bob.username);
  await ada.page.getByRole("button", { name: "New group" }).click();
  await press(field);
  await expect(ada.page.getByRole("option", { checked: true })).toHaveCount(0);
  await expect(field).toHaveValue(pair.bob.username);
});

test("what is copied from a conversation is what was said", async ({ device, pair }) => {
  await pair.bob.sendAll(pair.conversation, ["One", "Two"]);
  await pair.ada.send(pair.conversation, "Three");
  const ada = await (await device(pair.ada, { permissions: ["clipboard-read", "clipboard-write"] })).openConversation(pair.conversation);
  await ada.log.focus();
  await ada.page.keyboard.press("ControlOrMeta+a");
  await ada.page.keyboard.press("ControlOrMeta+c");
  const copied = () => ada.page.evaluate(() => navigator.clipboard.readText());
  const lines = async () => (await copied()).split(/\s*\n\s*/).filter(Boolean);
  expect(await lines()).toEqual(["One", "Two", "Three"]);
});

test("the details show and copy the whole text", async ({ device, pair }) => {
  const text = Array.from({ length: 30 }, (_, index) => `Line ${index}`).join("\n");
  await pair.bob.send(pair.conversation, text);
  const ada = await (await device(pair.ada, { permissions: ["clipboard-read", "clipboard-write"] })).openConversation(pair.conversation);
  await ada.message("Line 0").focus();
  await ada.page.keyboard.press("Enter");
  const details = ada.page.getByRole("region", { name: "Message details" });
  const shown = details.locator(".details-text");
  await expect(shown).toHaveText(/Line 29$/);
  expect(await shown.evaluate((element) => element.scrollHeight - element.clientHeight)).toBeLessThan(2);
  await details.getByRole("button", { name: "Copy text" }).click();
  await expect(details.getByRole("button", { name: "Copied" })).toBeVisible();
  expect(await ada.page.evaluate(() => navigator.clipboard.readText())).toBe(text);
});

test("marks stacked on a letter stay in the bubble", async ({ device, pair }) => {
  await pair.bob.sendAll(pair.conversation, ["Before", `Z${"\u0300\u0301\u0316".repeat(60)}algo`, "After"]);
  const ada = await (await device(pair.ada)).openConversation(pair.conversation);
  await expect(ada.bodies).toHaveCount(3);
  expect(await ada.bodies.nth(1).evaluate((bubble) => getComputedStyle(bubble).overflowY)).toBe("clip");
});

test("a long paste is refused at once, and says why", async ({ device, pair }) => {
  const ada = await (await device(pair.ada, { permissions: ["clipboard-read", "clipboard-write"] })).openConversation(pair.conversation);
  await ada.composer.fill("Kept");
  await ada.page.evaluate(() => navigator.clipboard.writeText("x".repeat(200_000)));
  await ada.composer.press("ControlOrMeta+v");
  await expect(ada.page.getByRole("alert").filter({ hasText: "too long to paste" })).toBeVisible();
  await expect(ada.composer).toHaveValue("Kept");
});

test("on a low screen everything can be reached, and the composer leaves room to read", async ({ device, pair }) => {
  await pair.bob.sendAll(pair.conversation, ["One", "Two", "Three"]);
  const ada = await (await device(pair.ada, { viewport: { width: 320, height: 256 } })).open();
  await ada.page.getByRole("button", { name: "New conversation" }).click();
  const copy = ada.page.getByRole("button", { name: "Copy your link" });
  await copy.scrollIntoViewIfNeeded();
  await expect(copy).toBeInViewport({ ratio: 1 });
  const foot = await ada.page.locator(".pane-foot").boundingBox();
  const box = await copy.boundingBox();
  expect(box.y + box.height).toBeLessThanOrEqual(foot.y + 1);
  await ada.page.setViewportSize({ width: 360, height: 400 });
  await ada.openConversation(pair.conversation);
  await ada.composer.fill(Array.from({ length: 9 }, (_, index) => `${index}`).join("\n"));
  const composer = await ada.page.locator(".composer").boundingBox();
  expect(composer.height).toBeLessThanOrEqual(0.45 * 400);
  expect((await ada.log.boundingBox()).height).toBeGreaterThan(100);
  await expect(ada.page.getByRole("button", { name: "Send" })).toBeInViewport({ ratio: 1 });
});

test("with forced colours, found words and what is chosen are marked", async ({ device, pair }) => {
  await pair.bob.send(pair.conversation, "A word to be found");
  const ada = await (await device(pair.ada, { forcedColors: "active", colorScheme: "dark" })).openConversation(pair.conversation);
  expect(await ada.listed(pair.bob).evaluate((item) => getComputedStyle(item).outlineStyle)).toBe("solid");
  await ada.page.getByRole("button", { name: "Search" }).click();
  await ada.page.getByRole("combobox").fill("word");
  const hit = ada.page.getByRole("listbox", { name: "Messages" }).getByRole("option");
  await ada.expectFound(hit);
  const [mark, around] = await hit.locator("mark").evaluate((mark) => [mark, mark.parentElement].map((one) => getComputedStyle(one).backgroundColor));
  expect(mark).not.toBe(around);
  expect(await hit.evaluate((item) => getComputedStyle(item).outlineStyle)).toBe("solid");
  expect(await violations(ada.page)).toEqual([]);
});

test("on paper there is the whole conversation, and nothing else", async ({ device, pair }) => {
  await pair.bob.sendAll(pair.conversation, Array.from({ length: 40 }, (_, index) => `Message ${index}`));
  const ada = await (await device(pair.ada)).openConversation(pair.conversation);
  await ada.page.emulateMedia({ media: "print" });
  await expect(ada.composer).toBeHidden();
  await expect(ada.list).toBeHidden();
  const [shown, whole] = await ada.log.evaluate((log) => [log.clientHeight, log.scrollHeight]);
  expect(whole - shown).toBeLessThan(2);
  expect(shown).toBeGreaterThan(1_500);
});

test("what was found can be scrolled by keyboard", async ({ device, pair }) => {
  await pair.bob.sendAll(pair.conversation, Array.from({ length: 30 }, (_, index) => `Found number ${index}`));
  const ada = await (await device(pair.ada, { viewport: { width: 360, height: 600 } })).open();
  await ada.page.getByRole("button", { name: "Search" }).click();
  await ada.page.getByRole("combobox").fill("found");
  await ada.expectFound(ada.page.getByRole("listbox", { name: "Messages" }).getByRole("option"));
  expect(await violations(ada.page)).toEqual([]);
  await ada.page.getByRole("group", { name: "Found" }).focus();
  await ada.page.keyboard.press("End");
  await expect.poll(() => ada.page.locator(".find-found").evaluate((found) => found.scrollTop)).toBeGreaterThan(0);
});

test("a message whose last reaction one takes back by keyboard has the focus", async ({ device, pair }) => {
  await pair.ada.send(pair.conversation, "Good news");
  const ada = await (await device(pair.ada)).openConversation(pair.conversation);
  await ada.message("Good news").hover();
  await ada.message("Good news").getByRole("button", { name: "Message actions" }).click();
  await ada.page.getByRole("menuitem", { name: "React" }).click();
  await ada.page.getByRole("button", { name: "React with 👍" }).click();
  const reaction = ada.page.getByRole("button", { name: "You reacted with 👍" });
  await reaction.focus();
  await ada.page.keyboard.press("Enter");
  await expect(reaction).toHaveCount(0);
  await expect(ada.message("Good news")).toBeFocused();
});

test("on a wide screen the details stand beside the messages", async ({ device, pair }) => {
  await pair.ada.send(pair.conversation, "Told about");
  const ada = await (await device(pair.ada, { viewport: { width: 1_440, height: 900 } })).openConversation(pair.conversation);
  await ada.message("Told about").focus();
  await ada.page.keyboard.press("Enter");
  const details = ada.page.getByRole("region", { name: "Message details" });
  await expect(details).toBeVisible();
  const [panel, log, send] = [await details.boundingBox(), await ada.log.boundingBox(), await ada.page.getByRole("button", { name: "Send" }).boundingBox()];
  expect(log.x + log.width).toBeLessThanOrEqual(panel.x + 1);
  expect(send.x + send.width).toBeLessThanOrEqual(panel.x + 1);
});

test("what was said from right to left is cut at its end, beside a name from left to right", async ({ device, pair, person }) => {
  const eve = await person("eve");
  const group = await pair.ada.groupWith([pair.bob, eve]);
  await eve.send(group, "שלום לכולם, ".repeat(20));
  const ada = await (await device(pair.ada)).open();
  const line = ada.list.locator(".item-text", { hasText: "שלום" });
  await expect(line).toBeVisible();
  expect(await line.evaluate((element) => getComputedStyle(element).direction)).toBe("rtl");
});

test("the arrow goes back where the list is behind, and the browser's own step back does not lead here again", async ({ device, pair }) => {
  await pair.bob.send(pair.conversation, "On the phone");
  const ada = await device(pair.ada, PHONE);
  await ada.open("/conversations");
  await ada.listed(pair.bob).tap();
  await ada.expectBodies(["On the phone"]);
  const steps = () => ada.page.evaluate(() => history.length);
  const before = await steps();
  await ada.page.getByRole("link", { name: "Back to conversations" }).tap();
  await expect(ada.page).toHaveURL("/conversations");
  await expect(ada.listed(pair.bob)).toBeVisible();
  expect(await steps()).toBe(before);
  // Forward is still there: it was a step back.
  await ada.page.goForward();
  await ada.expectBodies(["On the phone"]);
});

test("times follow a device into another zone", async ({ device, pair }) => {
  await pair.bob.send(pair.conversation, "When?");
  const ada = await device(pair.ada);
  const tools = await ada.context.newCDPSession(ada.page);
  const move = (timezoneId) => tools.send("Emulation.setTimezoneOverride", { timezoneId });
  await move("Asia/Kolkata");
  await ada.openConversation(pair.conversation);
  const times = [ada.log.locator(".meta time"), ada.list.locator(".item-time")];
  const clock = async (timeZone) => {
    const at = new Date(await times[0].getAttribute("datetime"));
    return new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" }).format(at);
  };
  for (const time of times) await expect(time).toHaveText(await clock("Asia/Kolkata"));
  await move("Asia/Tokyo");
  for (const time of times) await expect(time).toHaveText(await clock("Asia/Tokyo"));
});

test("back and forward lead to where one read", async ({ device, pair }) => {
  await pair.bob.sendAll(pair.conversation, Array.from({ length: 40 }, (_, index) => `Message ${index}`));
  const ada = await (await device(pair.ada)).open();
  await ada.listed(pair.bob).click();
  await expect(ada.message("Message 39")).toBeInViewport();
  await ada.log.evaluate((log) => (log.scrollTop = -500));
  await expect(ada.page.getByRole("button", { name: "Newest" }).or(ada.message("Message 39"))).not.toHaveCount(0);
  await ada.page.goBack();
  await expect(ada.composer).toBeHidden();
  await ada.page.goForward();
  await expect.poll(() => ada.log.evaluate((log) => Math.round(log.scrollTop))).toBe(-500);
});
