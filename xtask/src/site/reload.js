
// Only in `make dev`: loads the page again once the builder has put something new in place.
const builtUrl = new URL("built.txt", import.meta.url);
let built;
setInterval(async () => {
  try {
    const answer = await fetch(builtUrl, { cache: "no-store" });
    const now = answer.ok ? await answer.text() : built;
    if (built !== undefined && built !== now) location.reload();
    built = now;
  } catch {
    // The server is being started again.
  }
}, 500);
