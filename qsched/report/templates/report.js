"use strict";
const scheme = matchMedia("(prefers-color-scheme: dark)");
const config = { responsive: true, displayModeBar: false };

// The page sets titles in its own type, and colors by the reader's color scheme.
function dressed(layout) {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const { title, height, ...rest } = layout;
  const above = layout.meta.above;
  const result = {
    ...rest,
    height: height - above,
    margin: { ...layout.margin, t: layout.margin.t - above },
    font: { ...layout.font, color: color("--ink") },
    hoverlabel: { ...layout.hoverlabel, bgcolor: color("--card"), font: { color: color("--ink") } },
  };
  for (const key of Object.keys(rest).filter((name) => /^[xy]axis\d*$/.test(name))) {
    result[key] = { ...rest[key], gridcolor: color("--grid") };
  }
  return result;
}

function show() {
  for (const div of document.querySelectorAll(".plot")) {
    const figure = JSON.parse(document.getElementById(`data-${div.id}`).textContent);
    Plotly.react(div, figure.data, dressed(figure.layout), config);
  }
}

show();
scheme.addEventListener("change", show);
