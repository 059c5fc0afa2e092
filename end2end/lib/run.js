// Runs the specs on one log, or the journey in each engine, and leaves nothing behind: run.sh says how to call it.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Children } from "./children.js";
import { findChromium } from "./chromium.js";
import { findEngines } from "./engines/programs.js";

const end2end = fileURLToPath(new URL("..", import.meta.url));
const root = resolve(end2end, "..");
const kafkaScript = join(root, "scripts/kafka.sh");

class Unusable extends Error {}

const say = (line) => process.stderr.write(`end2end: ${line}\n`);

/** The server to test: the one that is named, or the newest that was built here. */
function findServer() {
  if (process.env.KAFKATALK_BIN) {
    const named = resolve(process.env.KAFKATALK_BIN);
    if (!existsSync(named)) throw new Unusable(`KAFKATALK_BIN names ${named}, which is not there`);
    return named;
  }
  const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");
  const built = ["debug", "release"].map((profile) => join(target, profile, "kafkatalk")).filter(existsSync);
  if (built.length === 0) throw new Unusable("there is no server to test: build one, or name one by KAFKATALK_BIN");
  return built.sort((one, other) => statSync(other).mtimeMs - statSync(one).mtimeMs)[0];
}

/** A broker: the one that is named, or one of our own that ends with us. Returns its address and how to end it. */
function startKafka(folder) {
  if (process.env.KAFKATALK_TEST_KAFKA) return { address: process.env.KAFKATALK_TEST_KAFKA, stop: () => {} };
  say("starting Apache Kafka");
  const brokers = join(folder, "kafka");
  const env = { ...process.env, KAFKA_WATCH_PID: String(process.pid) };
  const started = spawnSync(kafkaScript, ["start", "1", brokers], { env, stdio: ["ignore", "pipe", "inherit"] });
  const stop = () => spawnSync(kafkaScript, ["stop", brokers], { stdio: "inherit" });
  if (started.status !== 0) {
    stop();
    throw new Unusable("Apache Kafka could not be started");
  }
  return { address: started.stdout.toString().trim(), stop };
}

/** What to run: the log, the configuration, and the browsers by the names that it reads. */
const KINDS = {
  embedded: { log: "embedded", config: "playwright.config.js", find: () => ({ KAFKATALK_E2E_CHROMIUM: findChromium(say) }) },
  kafka: { log: "kafka", config: "playwright.config.js", find: () => ({ KAFKATALK_E2E_CHROMIUM: findChromium(say) }) },
  engines: {
    log: "embedded",
    config: "engines.config.js",
    find: () => ({ KAFKATALK_E2E_ENGINES: JSON.stringify(findEngines(say)) }),
  },
};

/** Runs the specs to their end. A Ctrl-C reaches them as well: they stop in order, and we wait for that. */
function runSpecs(config, env, passedOn) {
  const cli = join(end2end, "node_modules/@playwright/test/cli.js");
  const child = spawn(process.execPath, [cli, "test", "--config", config, ...passedOn], { cwd: end2end, env, stdio: "inherit" });
  let signal;
  for (const name of ["SIGINT", "SIGTERM"]) {
    process.on(name, () => {
      signal = name;
      if (name === "SIGTERM") child.kill(name);
    });
  }
  return new Promise((done) => child.on("close", (code) => done({ code: code ?? 1, signal })));
}

function readSummary(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { passed: 0, failed: 0 };
  }
}

async function main([kind, ...passedOn]) {
  if (!Object.hasOwn(KINDS, kind ?? "")) throw new Unusable(`usage: end2end/run.sh ${Object.keys(KINDS).join("|")}`);
  const { log, config, find } = KINDS[kind];
  const server = findServer();
  const browsers = find();
  const folder = mkdtempSync(join(tmpdir(), "kafkatalk-end2end-"));
  let kafka;
  try {
    kafka = log === "kafka" ? startKafka(folder) : undefined;
    say(`testing ${server} on the ${log} log, with ${Object.values(browsers)}`);
    const summary = join(folder, "summary.json");
    const env = {
      ...process.env,
      KAFKATALK_E2E_LOG: kind,
      KAFKATALK_E2E_BIN: server,
      KAFKATALK_E2E_KAFKA: kafka?.address ?? "",
      ...browsers,
      KAFKATALK_E2E_FOLDER: folder,
      KAFKATALK_E2E_SUMMARY: summary,
    };
    const { code, signal } = await runSpecs(config, env, passedOn);
    const { passed, failed } = readSummary(summary);
    if (!signal && passed + failed === 0) say("no spec ran");
    process.stdout.write(`${passed} passed, ${failed} failed\n`);
    return signal ? 130 : code || (passed === 0 || failed > 0 ? 1 : 0);
  } finally {
    new Children(folder).endAll();
    kafka?.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Unusable) && error.name !== "NoBrowser") throw error;
  say(error.message);
  process.exitCode = 2;
}
