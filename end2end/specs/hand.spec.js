// By keyboard alone, on a phone, with texts of every kind.

import { expect, freshName, PASSWORD, test } from "../lib/test.js";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** Presses Tab until the wanted element has the keyboard. */
async function tabTo(page, wanted) {
  for (let step = 0; step < 40; step += 1) {
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  await expect(wanted, "can be reached by Tab").toBeFocused();
}

test("everything from registering to a sent message works by keyboard alone", async ({ device, person }) => {
  const bob = await person("bob");
  const ada = await device();
  const { page } = ada;
  await page.goto("/");
  await expect(page.getByRole("textbox", { name: "Username" })).toBeFocused();
  await page.keyboard.type(freshName("ada"));
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL("/conversations");
  await ada.live();
  await tabTo(page, page.getByRole("button", { name: "New conversation" }));
  await page.keyboard.press("Enter");
  await expect(page.getByRole("combobox", { name: "Find a person" })).toBeFocused();
  // At once: Enter does nothing while the panel still looks for what a further letter has changed.
  await page.keyboard.insertText(bob.username);
  await expect(page.getByRole("option", { name: bob.username })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(ada.composer).toBeFocused();
  await page.keyboard.type("By keyboard");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("in two lines");
  await page.keyboard.press("Enter");
  await ada.expectBodies(["By keyboard in two lines"]);
  await ada.expectAllSent();
  await expect(ada.composer).toBeFocused();
});

test("the list and the messages are walked by arrow keys, and a message tells its place in the log", async ({ device, pair, person }) => {
  const eve = await person("eve");
  await eve.send(await eve.conversationWith(pair.ada), "From Eve");
  await pair.bob.sendAll(pair.conversation, ["Zero", "One"]);
  const ada = await (await device(pair.ada)).open();
  await tabTo(ada.page, ada.listed(pair.bob));
  await ada.page.keyboard.press("ArrowDown");
  await expect(ada.listed(eve)).toBeFocused();
  await ada.page.keyboard.press("ArrowUp");
  await ada.page.keyboard.press("Enter");
  await ada.expectBodies(["Zero", "One"]);
  await expect(ada.composer).toBeFocused();
  await ada.page.keyboard.press("Shift+Tab");
  await expect(ada.log).toBeFocused();
  await ada.page.keyboard.press("ArrowUp");
  await expect(ada.message("One")).toBeFocused();
  await ada.page.keyboard.press("Enter");
  const details = ada.page.getByRole("region", { name: "Message details" });
  await expect(details).toContainText(/1/);
  await expect(details).toContainText(pair.bob.username);
  await ada.page.keyboard.press("Escape");
  await expect(details).toHaveCount(0);
  // Back where one was, and the same after a click on the details themselves.
  await expect(ada.message("One")).toBeFocused();
  await ada.page.keyboard.press("Enter");
  await details.getByText("Received").last().click();
  await ada.page.keyboard.press("Escape");
  await expect(details).toHaveCount(0);
  await expect(ada.message("One")).toBeFocused();
  // Also from where one writes; what is open there comes first.
  await ada.page.keyboard.press("Enter");
  await expect(details).toBeVisible();
  await ada.composer.click();
  await ada.page.keyboard.press("Escape");
  await expect(details).toHaveCount(0);
});

test("Escape closes one thing after the other, wherever the keyboard is", async ({ device, pair }) => {
  await pair.ada.send(pair.conversation, "To be told about");
  const ada = await (await device(pair.ada)).openConversation(pair.conversation);
  await ada.expectBodies(["To be told about"]);
  await ada.message("To be told about").focus();
  await ada.page.keyboard.press("Enter");
  const details = ada.page.getByRole("region", { name: "Message details" });
  await expect(details).toBeVisible();
  await ada.page.getByRole("button", { name: "New conversation" }).click();
  const field = ada.page.getByRole("combobox");
  await expect(field).toBeFocused();
  // A key that an input method has taken is none of the page's.
  await field.evaluate((element) => {
    const taken = { key: "Escape", keyCode: 229, bubbles: true, cancelable: true };
    element.dispatchEvent(new KeyboardEvent("keydown", taken));
  });
  await ada.composer.click();
  await expect(field).toBeVisible();
  await ada.page.keyboard.press("Escape");
  await expect(field).toHaveCount(0);
  await expect(details).toBeVisible();
  await ada.composer.click();
  await ada.page.keyboard.press("Escape");
  await expect(details).toHaveCount(0);
});

test("on a phone there is one pane at a time, and back leads to the list", async ({ device, pair }) => {
  await pair.bob.send(pair.conversation, "On the phone");
  const ada = await (await device(pair.ada, PHONE)).open();
  await expect(ada.composer).toBeHidden();
  await ada.listed(pair.bob).tap();
  await ada.expectBodies(["On the phone"]);
  await expect(ada.list).toBeHidden();
  await expect(ada.composer).toBeInViewport({ ratio: 1 });
  await ada.composer.fill("Sent from the phone");
  await ada.page.getByRole("button", { name: "Send" }).tap();
  await ada.expectBodies(["On the phone", "Sent from the phone"]);
  await ada.page.getByRole("link", { name: "Back to conversations" }).tap();
  await expect(ada.page).toHaveURL("/conversations");
  await expect(ada.listed(pair.bob)).toBeVisible();
  await ada.listed(pair.bob).tap();
  await expect(ada.composer).toBeVisible();
  await ada.page.goBack();
  await expect(ada.listed(pair.bob)).toBeVisible();
  await expect(ada.composer).toBeHidden();
});

const TEXTS = [
  "x".repeat(400),
  `https://example.org/${"a-very-long-path/".repeat(30)}`,
  "👩‍👩‍👧‍👦".repeat(60),
  "🎉",
  "שלום, מה שלומך היום? ".repeat(12),
  "السلام عليكم ورحمة الله",
  "漢字仮名交じり文".repeat(40),
  "Z̵̡̢̛̗̘̙̜̝̞̟̠͇̊̋̌̍̎̏̐̑̒̓̔".repeat(20),
  "left שמאל to right",
  "<b>not bold</b> & &amp; <script>alert(1)</script>",
  "one\n\n\n\nfive lines later",
];

for (const [size, viewport] of Object.entries({ phone: { width: 360, height: 740 }, desk: { width: 1_440, height: 900 } })) {
  test(`long words, emoji and right-to-left texts stay inside the page, on a ${size}`, async ({ device, pair }) => {
    await pair.bob.sendAll(pair.conversation, TEXTS);
    await pair.ada.sendAll(pair.conversation, TEXTS);
    const ada = await device(pair.ada, { viewport });
    await ada.openConversation(pair.conversation);
    await expect(ada.bodies).toHaveCount(2 * TEXTS.length);
    const texts = await ada.bodies.evaluateAll((bubbles) => bubbles.map((bubble) => bubble.textContent));
    expect(texts).toEqual([...TEXTS, ...TEXTS]);
    const outside = await ada.page.evaluate(() => {
      const width = document.documentElement.clientWidth;
      const wide = [...document.querySelectorAll("main *")].filter((element) => {
        const box = element.getBoundingClientRect();
        return box.width > 1 && (box.left < -1 || box.right > width + 1);
      });
      return { scrolls: document.documentElement.scrollWidth > width, wide: wide.map((element) => element.className) };
    });
    expect(outside).toEqual({ scrolls: false, wide: [] });
    const spilled = await ada.bodies.evaluateAll((bubbles) =>
      bubbles.filter((bubble) => bubble.scrollWidth > bubble.clientWidth + 1).map((bubble) => bubble.textContent),
    );
    expect(spilled, "texts wider than their bubble").toEqual([]);
  });
}

test("what was typed before the script had loaded is kept and can be sent", async ({ device, pair }) => {
  const ada = await device(pair.ada);
  let release;
  const held = new Promise((done) => (release = done));
  await ada.page.route(/\.wasm$/, async (route) => {
    await held;
    await route.continue();
  });
  await ada.page.goto(`/conversations/${pair.conversation.id}`, { waitUntil: "commit" });
  await ada.composer.fill("Typed early");
  release();
  await ada.live();
  await expect(ada.composer).toHaveValue("Typed early");
  await ada.composer.press("Enter");
  await ada.expectBodies(["Typed early"]);
});
