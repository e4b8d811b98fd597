"use strict";
// Draws every plot from the data beside it. Without script the tables stand open and say the same.
const settings = { displayModeBar: false, responsive: true, showTips: false };
const plots = [...document.querySelectorAll(".plot")];
for (const plot of plots) {
  const drawn = JSON.parse(plot.nextElementSibling.textContent);
  plot.closest("figure").querySelector("details").open = false;
  Plotly.newPlot(plot, drawn.data, { ...drawn.layout, autosize: true }, settings);
}
// Paper is narrower than most windows, and has no pointer to open a table with.
const tables = [...document.querySelectorAll("details")];
let open = [];
addEventListener("beforeprint", () => {
  open = tables.map((table) => table.open);
  for (const table of tables) table.open = true;
  for (const plot of plots) Plotly.relayout(plot, { width: 640, autosize: false });
});
addEventListener("afterprint", () => {
  tables.forEach((table, at) => (table.open = open[at]));
  for (const plot of plots) Plotly.relayout(plot, { width: null, autosize: true });
});
document.documentElement.dataset.drawn = String(plots.length);
