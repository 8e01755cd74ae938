{% include "figures.js" %}
function show() {
  for (const div of document.querySelectorAll(".plot")) {
    const figure = JSON.parse(recolored(document.getElementById(`data-${div.id}`).textContent));
    Plotly.react(div, figure.data, dressed(figure.layout), config);
  }
}

show();
scheme.addEventListener("change", show);
