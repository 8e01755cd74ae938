"use strict";
// What pages share that draw figures with plotly.js.

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
  if (innerWidth < 500 && layout.annotations) {
    // Names of panels, which would run into each other.
    result.annotations = layout.annotations.map((each) => ({ ...each, font: { ...each.font, size: 10 } }));
  }
  return result;
}

// Figures name the colors of a light page; each has a brother for a dark one.
const PALETTE = { "--found": "#0072b2", "--hand-coded": "#d55e00", "--static": "#009e73", "--full-precision": "#808080" };

function parts(color) {
  return [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16)).join(",");
}

function recolored(text) {
  const style = getComputedStyle(document.documentElement);
  for (const [name, drawn] of Object.entries(PALETTE)) {
    const color = style.getPropertyValue(name).trim();
    text = text.replaceAll(new RegExp(drawn, "gi"), color);
    text = text.replaceAll(`rgba(${parts(drawn)},`, `rgba(${parts(color)},`);
  }
  return text;
}
