"use strict";
// Keeps the parts of a page that are marked with data-live up to date.
const PERIOD = 2000;

async function refresh(part) {
  const response = await fetch(part.dataset.live, { cache: "no-cache" });
  if (response.status === 401) {
    location.reload(); // The session has ended; the server leads to the login.
    return;
  }
  if (!response.ok) {
    return;
  }
  const text = await response.text();
  if (text === part.qschedText) {
    return;
  }
  part.qschedText = text;
  const before = state(part);
  const focused = part.contains(document.activeElement) && document.activeElement.getAttribute("href");
  part.innerHTML = text;
  if (focused) {
    part.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
  if (before && before !== state(part)) {
    location.reload(); // Other actions are on offer now, and a verdict perhaps.
  }
}

function state(part) {
  return part.querySelector("[data-state]")?.dataset.state;
}

async function tick(part) {
  if (!document.hidden) {
    // A server that is away for a moment is asked again.
    await refresh(part).catch(() => {});
  }
  setTimeout(tick, PERIOD, part);
}

for (const part of document.querySelectorAll("[data-live]")) {
  setTimeout(tick, PERIOD, part);
}
