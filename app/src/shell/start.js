// How the page comes to life, and what it says where it cannot.
const RELOADED = `kafkatalk.reloaded ${SCRIPT}`;
const AGAIN_MS = 5_000;
const CALM_MS_MAX = 10_000;
const STEP_MS = 50;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function say(words) {
  const notice = document.querySelector(".stopped") ?? document.createElement("p");
  notice.className = "stopped";
  notice.setAttribute("role", "alert");
  notice.textContent = words;
  const button = document.createElement("button");
  button.className = "button";
  button.textContent = "Reload";
  button.addEventListener("click", () => location.reload());
  notice.append(button);
  document.body.prepend(notice);
}

// The page is drawn anew when it comes to life: not in the middle of a press, nor of a word of an input method.
const busy = new Set();
function during(begin, ...ends) {
  addEventListener(begin, () => busy.add(begin), true);
  for (const end of ends) addEventListener(end, () => busy.delete(begin), true);
}
during("compositionstart", "compositionend");
during("pointerdown", "pointerup", "pointercancel");
async function calm() {
  for (let waited = 0; busy.size > 0 && waited < CALM_MS_MAX; waited += STEP_MS) await pause(STEP_MS);
}

// After a panic nothing that the page shows is true any more.
const stopped = (error) => {
  if (error instanceof WebAssembly.RuntimeError) say("Something went wrong on this page.");
};
addEventListener("error", ({ error }) => stopped(error));
addEventListener("unhandledrejection", ({ reason }) => stopped(reason));

async function load() {
  const { default: init, start } = await import(SCRIPT);
  await init({ module_or_path: WASM });
  return start;
}

// The server may have another build than the one that wrote this page; and browsers remember that a script could not be
// loaded. Either way a new page helps, once.
async function reloads(tries) {
  const status = await fetch(SCRIPT, { method: "HEAD", cache: "no-store" }).then((answer) => answer.status, () => 0);
  if (status !== 404 && (status === 0 || tries === 0)) return false;
  try {
    const first = sessionStorage.getItem(RELOADED) === null;
    sessionStorage.setItem(RELOADED, "");
    return first;
  } catch {
    return false;
  }
}

async function begin() {
  for (let tries = 0; ; tries += 1) {
    try {
      const start = await load();
      await calm();
      document.querySelector(".stopped")?.remove();
      return start();
    } catch (error) {
      console.error(error);
      if (error instanceof WebAssembly.RuntimeError) return stopped(error);
      if (await reloads(tries)) return location.reload();
      say("This page can't start yet. Retrying...");
      await Promise.race([pause(AGAIN_MS), new Promise((done) => addEventListener("online", done, { once: true }))]);
    }
  }
}
if (typeof WebAssembly === "undefined") say("This browser can't run WebAssembly. You can read here, but not write.");
else begin();
