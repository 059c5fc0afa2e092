// What the server's own HTML holds, before and without any script.

import { expect, test } from "../lib/test.js";

test("the conversations and the newest messages are readable without script", async ({ device, pair, person }) => {
  const { ada, bob, conversation } = pair;
  const eve = await person("eve");
  await eve.send(await eve.conversationWith(ada), "Written by Eve");
  await bob.send(conversation, "First of Bob");
  await ada.send(conversation, "Second, of Ada");
  const phone = await device(ada, { javaScriptEnabled: false });
  await phone.page.goto("/conversations");
  await expect(phone.listed(bob)).toContainText("Second, of Ada");
  await expect(phone.listed(eve)).toContainText("Written by Eve");
  await expect(phone.listed(eve)).toContainText("1 unread");
  await phone.listed(bob).click();
  await expect(phone.page).toHaveURL(`/conversations/${conversation.id}`);
  await expect(phone.page).toHaveTitle(new RegExp(bob.username));
  await phone.expectBodies(["First of Bob", "Second, of Ada"]);
});

test("a page is not kept by caches and may load nothing from elsewhere", async ({ pair, server }) => {
  const token = await pair.ada.signIn();
  const answer = await fetch(`${server.url}/conversations`, { headers: { cookie: `kafkatalk_session=${token}` } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(answer.headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
});

test("a conversation of others is not found, whoever asks and however", async ({ device, pair, person, watch }) => {
  const { ada, conversation } = pair;
  await ada.send(conversation, "Between the two of us");
  const eve = await person("eve");
  const path = `/conversations/${conversation.id}`;
  watch.allowStatus(404, path);
  const { page } = await device(eve);
  const answer = await page.goto(path);
  expect(answer.status()).toBe(404);
  await expect(page.getByRole("heading", { name: "Conversation not found" })).toBeVisible();
  expect(await page.content()).not.toContain("Between the two of us");
  expect(await page.content()).not.toContain(ada.username);
  const asked = [
    ["GET", path],
    ["GET", `${path}/messages`],
    ["POST", `${path}/messages`, { id: "0191e3f0-0000-4000-8000-000000000000", body: "Let me in" }],
    ["PUT", `${path}/read`, { offset: 0 }],
  ];
  for (const [method, at, body] of asked) {
    await expect(eve.ask(method, at, body), `${method} ${at}`).rejects.toMatchObject({ status: 404 });
  }
});
