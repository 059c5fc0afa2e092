// The pictures of the README: the same people and words every time.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Person } from "../lib/api.js";
import { expect, PASSWORD, test } from "../lib/test.js";

const DESK = { width: 1_200, height: 760 };
const PHONE = { width: 360, height: 740 };

const TALK = [
  ["bea", "Are we still on for Saturday?"],
  ["ada", "Yes! The early train, 8:40."],
  ["ada", "I have the tickets."],
  ["bea", "Perfect. Window seat is mine."],
  ["ada", "We will see about that."],
  ["bea", "I bring the sandwiches, you bring the map of the old harbour."],
  ["ada", "Deal 🙂"],
];

const ASIDE = [
  ["carl.gauss", "The proof fits on one page after all."],
  ["emmy", "Seminar moved to Thursday, same room."],
  ["grace.h", "Found the bug. It was an actual moth."],
];

test("the pictures of the README are taken", async ({ device, server }, info) => {
  const folder = process.env.KAFKATALK_E2E_IMAGES ?? join(info.project.outputDir, "../images");
  mkdirSync(folder, { recursive: true });
  const names = ["ada", "bea", ...ASIDE.map(([name]) => name)];
  const people = {};
  for (const name of names) people[name] = await new Person(server, name, PASSWORD).register();
  const { ada, bea } = people;
  for (const [name, text] of ASIDE) await people[name].send(await people[name].conversationWith(ada), text);
  const conversation = await ada.conversationWith(bea);
  for (const [name, text] of TALK) await people[name].send(conversation, text);
  const there = await device(bea, { viewport: PHONE });
  await there.openConversation(conversation);
  for (const [name, viewport] of Object.entries({ desk: DESK, phone: PHONE })) {
    for (const colorScheme of ["light", "dark"]) {
      const here = await device(ada, { viewport, colorScheme, deviceScaleFactor: name === "phone" ? 2 : 1 });
      await here.openConversation(conversation);
      await expect(here.bodies).toHaveCount(TALK.length);
      await here.page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) });
    }
  }
});
