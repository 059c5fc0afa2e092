const form = document.querySelector("form");
form?.addEventListener("submit", (event) => {
  // A second click while the first is on its way would find the name taken, by oneself.
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 5000);
  // Keyboards on screens like to end a word with a space.
  form.username.value = form.username.value.trim();
});
// A browser may keep the page as it was left, to come back to.
addEventListener("pageshow", () => delete form?.dataset.sent);
addEventListener("load", () => {
  // Browsers pass over `autofocus` now and then, on the answer to a form above all.
  if (document.activeElement === document.body) form?.querySelector("[autofocus]").focus();
  // Ahead of its time: where that fails, the next page fetches it.
  NEXT.forEach((file) => fetch(file, { priority: "low" }).catch(() => {}));
});
