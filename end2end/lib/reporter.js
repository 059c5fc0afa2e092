// Tells each spec as it ends, failures with their reason, and counts for the last line that run.js prints.

import { writeFileSync } from "node:fs";
import { relative } from "node:path";

const end2end = new URL("..", import.meta.url).pathname;

const indent = (text) => text.replace(/^/gm, "    ");

function reason({ message, snippet, value, location }) {
  const where = location ? `at ${relative(end2end, location.file)}:${location.line}` : "";
  return [message ?? value, snippet, where].filter(Boolean).join("\n");
}

export default class Reporter {
  #passed = 0;
  #failed = 0;

  onBegin(_config, suite) {
    process.stdout.write(`${suite.allTests().length} specs\n`);
  }

  onStdOut(chunk) {
    process.stdout.write(indent(String(chunk).trimEnd()) + "\n");
  }

  onStdErr(chunk) {
    process.stderr.write(chunk);
  }

  /** Outside of any spec: a file that cannot be read, say. */
  onError(error) {
    this.#failed += 1;
    process.stdout.write(`FAILED\n${indent(reason(error))}\n`);
  }

  onTestEnd(test, result) {
    const passed = result.status === "passed";
    if (result.status === "skipped") return;
    if (passed) this.#passed += 1;
    else this.#failed += 1;
    const seconds = (result.duration / 1_000).toFixed(1).padStart(5);
    const file = relative(end2end, test.location.file);
    const where = [test.parent.project().name, `${file}:${test.location.line}`].filter(Boolean).join("  ");
    process.stdout.write(`${passed ? "ok    " : "FAILED"} ${seconds} s  ${where} ${test.title}\n`);
    if (!passed) this.#tell(result);
  }

  #tell(result) {
    const files = result.attachments.filter(({ path }) => path).map(({ path }) => relative(end2end, path));
    const texts = result.attachments.filter(({ body }) => body).map(({ name, body }) => `${name}:\n${body}`);
    for (const text of [...result.errors.map(reason), ...texts, ...files]) process.stdout.write(`${indent(text)}\n`);
  }

  onEnd() {
    const file = process.env.KAFKATALK_E2E_SUMMARY;
    if (file) writeFileSync(file, JSON.stringify({ passed: this.#passed, failed: this.#failed }));
  }

  printsToStdio() {
    return true;
  }
}
