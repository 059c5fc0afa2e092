// Counts the specs, for the last line that run.js prints.

import { writeFileSync } from "node:fs";

export default class Summary {
  #passed = 0;
  #failed = 0;

  onTestEnd(test, result) {
    if (result.status === "passed") this.#passed += 1;
    else if (result.status !== "skipped") this.#failed += 1;
  }

  onEnd() {
    const file = process.env.KAFKATALK_E2E_SUMMARY;
    if (file) writeFileSync(file, JSON.stringify({ passed: this.#passed, failed: this.#failed }));
  }

  printsToStdio() {
    return false;
  }
}
