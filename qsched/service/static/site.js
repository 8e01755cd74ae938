// Keeps pages up to date. Parts marked with data-live are asked for again and again; when one tells
// of another state or of newer results, the whole page is, for what is marked with data-fresh.
const PERIOD = 2000;
const known = new WeakMap(); // The markup that an element was last given.

async function text(url) {
  const response = await fetch(url, { cache: "no-cache" });
  if (response.status === 401 || response.redirected) {
    location.reload(); // The session has ended; the server leads to the login.
  }
  return response.ok && !response.redirected ? response.text() : null;
}

async function refresh(part) {
  const found = await text(part.dataset.live);
  if (found === null || found === known.get(part)) {
    return;
  }
  known.set(part, found);
  const before = version(part);
  const focused = part.contains(document.activeElement) && document.activeElement.getAttribute("href");
  part.innerHTML = found;
  if (focused) {
    part.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
  if (before !== version(part)) {
    await renew().catch(() => known.delete(part)); // Then it is tried again.
  }
}

function version(part) {
  const told = part.querySelector("[data-version]")?.dataset;
  return told && `${told.state} ${told.version}`;
}

async function renew() {
  const found = await text(location.href);
  if (found === null) {
    throw new Error("the page cannot be had just now");
  }
  const page = new DOMParser().parseFromString(found, "text/html");
  const at = place();
  for (const old of document.querySelectorAll("[data-fresh]")) {
    replace(old, page.getElementById(old.id));
  }
  document.dispatchEvent(new Event("renewed"));
  const again = at && document.getElementById(at.id);
  if (again) {
    scrollBy(0, again.getBoundingClientRect().top - at.top);
  }
}

// What the reader looks at: what has the focus, if it is on screen; else, of sections, tables that
// open, and figures, the nearest to the top.
function place() {
  const at = (each) => ({ id: each.id, top: each.getBoundingClientRect().top });
  const focused = at(document.activeElement);
  if (focused.id && focused.id !== "main" && focused.top >= 0 && focused.top < innerHeight) {
    return focused;
  }
  const near = [...document.querySelectorAll("main section[id], main details[id], main .plot")].map(at);
  return scrollY > 0 ? near.sort((a, b) => Math.abs(a.top) - Math.abs(b.top))[0] : undefined;
}

// Figures stay, to be drawn anew, and so do opened details and the focus.
function replace(old, fresh) {
  const markup = fresh?.outerHTML;
  if (!fresh || markup === known.get(old)) {
    return;
  }
  known.set(fresh, markup);
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  for (const opened of old.querySelectorAll("details[open]")) {
    fresh.querySelector(`#${opened.id}`)?.setAttribute("open", "");
  }
  for (const plot of old.querySelectorAll(".plot")) {
    const next = fresh.querySelector(`#${plot.id}`);
    if (next) {
      plot.setAttribute("aria-label", next.getAttribute("aria-label"));
      next.replaceWith(plot);
    }
  }
  old.replaceWith(fresh);
  const target = focused?.id ? `#${focused.id}` : focused?.getAttribute("href") && `a[href="${CSS.escape(focused.getAttribute("href"))}"]`;
  if (target) {
    fresh.querySelector(target)?.focus({ preventScroll: true });
  }
  offerCopies(fresh);
}

async function tick() {
  if (!document.hidden) {
    for (const part of document.querySelectorAll("[data-live]")) {
      // A server that is away for a moment is asked again.
      await refresh(part).catch(() => {});
    }
  }
  setTimeout(tick, PERIOD);
}

// Copying needs a script and a page that browsers trust: else commands are there to be marked.
function offerCopies(root) {
  for (const button of navigator.clipboard ? root.querySelectorAll("[data-copy]") : []) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.previousElementSibling.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), PERIOD);
    });
  }
}

offerCopies(document);
setTimeout(tick, PERIOD);
