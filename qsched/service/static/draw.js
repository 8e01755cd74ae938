// Draws the figures of a page with plotly.js, under a policy that forbids inline styles; stands
// behind the report's figures.js, whose functions it calls.

// plotly.js sets some styles as attributes, which the policy blocks; set as properties, it allows
// them.
const setPlain = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name, value) {
  if (name === "style") {
    this.style.cssText = value;
  } else {
    setPlain.call(this, name, value);
  }
};

const drawn = new WeakMap(); // What each figure was last drawn from.

function show() {
  for (const div of document.querySelectorAll(".plot")) {
    const text = recolored(document.getElementById(`data-${div.id}`).textContent);
    if (text !== drawn.get(div)) {
      drawn.set(div, text);
      const figure = JSON.parse(text);
      div.style.minHeight = `${figure.layout.height - figure.layout.meta.above}px`;
      Plotly.react(div, figure.data, dressed(figure.layout), config);
    }
  }
  document.documentElement.dataset.drawn = "yes";
}

show();
document.addEventListener("renewed", show);
scheme.addEventListener("change", () => {
  for (const div of document.querySelectorAll(".plot")) {
    drawn.delete(div);
  }
  show();
});
