const KEY = `kafkatalk.reloaded ${SCRIPT}`;
try {
  const { default: init, hydrate } = await import(SCRIPT);
  await init({ module_or_path: WASM });
  hydrate();
} catch (error) {
  console.error(error);
  // The server may have another build than the one that wrote this page: then the page is loaded anew, once.
  const gone = await fetch(SCRIPT, { method: "HEAD", cache: "no-store" }).then(({ status }) => status === 404, () => false);
  let first = false;
  try {
    first = sessionStorage.getItem(KEY) === null;
    sessionStorage.setItem(KEY, "");
  } catch {
    first = false;
  }
  if (gone && first) location.reload();
  else {
    document.querySelector(".banner")?.classList.add("shown");
    const words = document.querySelector(".banner [role=status]");
    if (words) words.textContent = "The page could not start. Reload it to try again.";
  }
}
