// The launch form: checks the study file while it is written, and shows every fault at its line.
const PAUSE = 350;
const form = document.getElementById("launch");
const text = document.getElementById("text");
const lines = document.getElementById("lines");
const result = document.getElementById("result");
const quick = document.getElementById("quick");
let timer = 0;
let asked = 0;

// What each short field writes into the file: the pattern of its line, and the line that is added
// where there is none.
const FIELDS = {
  name: [/^name:.*$/m, (value) => `name: ${value}`, ""],
  trials: [/\btrials:[ ]*[0-9.eE+-]*/, (value) => `trials: ${value}`, ""],
  seed: [/^seed:.*$/m, (value) => `seed: ${value}`, "\n"],
};

function number() {
  const bad = new Set([...result.querySelectorAll("[data-line]")].map((each) => each.dataset.line));
  const count = text.value.split("\n").length;
  lines.replaceChildren(
    ...Array.from({ length: count }, (_, i) => {
      const item = document.createElement("li");
      item.textContent = i + 1;
      item.classList.toggle("bad", bad.has(String(i + 1)));
      return item;
    }),
  );
  lines.scrollTop = text.scrollTop;
}

function fill() {
  const found = result.querySelector("[data-name]");
  for (const name of Object.keys(FIELDS)) {
    const field = document.getElementById(`quick-${name}`);
    if (found && document.activeElement !== field) {
      field.value = found.dataset[name];
    }
  }
}

async function check() {
  const turn = ++asked;
  const body = new URLSearchParams({ text: text.value });
  const response = await fetch(form.dataset.check, { method: "POST", body }).catch(() => null);
  if (turn !== asked) {
    return; // The text has changed since; the next answer counts.
  }
  if (response?.status === 401) {
    location.reload();
    return;
  }
  if (!response?.ok) {
    return;
  }
  result.innerHTML = await response.text();
  const faulty = result.querySelector(".faults") !== null;
  text.setAttribute("aria-invalid", faulty);
  document.getElementById("go").disabled = faulty;
  number();
  fill();
}

function later() {
  number();
  clearTimeout(timer);
  timer = setTimeout(check, PAUSE);
}

function jump(line) {
  const rows = text.value.split("\n");
  const start = rows.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  text.focus();
  text.setSelectionRange(start, start + (rows[line - 1] ?? "").length);
  text.scrollTop = Math.max(0, (line - 4) * (text.scrollHeight / rows.length));
}

text.addEventListener("input", later);
text.addEventListener("scroll", () => {
  lines.scrollTop = text.scrollTop;
});
result.addEventListener("click", (event) => {
  const line = event.target.closest("[data-line]")?.dataset.line;
  if (line) {
    jump(Number(line));
  }
});
for (const [name, [pattern, written, gap]] of Object.entries(FIELDS)) {
  document.getElementById(`quick-${name}`).addEventListener("input", (event) => {
    const line = written(event.target.value);
    const has = pattern.test(text.value);
    text.value = has ? text.value.replace(pattern, () => line) : `${text.value.trimEnd()}\n${line}${gap}`;
    later();
  });
}
quick.hidden = false;
number();
fill();
