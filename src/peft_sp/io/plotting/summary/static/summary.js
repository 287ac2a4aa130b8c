// The summary page: its data stand in its elements, its table and pictures are made here.

import { Blocks, unpackJson } from "./blocks.js";
import { pictureOf } from "./picture.js";
import { Table, predictionColumns } from "./table.js";

const PRINTED = 1000;
const byId = (id) => document.getElementById(id);
const run = JSON.parse(byId("run").textContent);
const picture = byId("picture");
const packed = (element) => Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));

async function start() {
  if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old");
  const [rows, curves, frames] = ["rows", "curves", "frames"].map((kind) => document.querySelectorAll(`script.${kind}`));
  const proteins = await new Blocks({
    count: rows.length, rows: (n) => packed(rows[n]), curves: (n) => packed(curves[n]), drawing: run,
  }).load();
  const { columns } = proteins, layouts = await unpackJson(packed(frames[0]));
  let drawing = 0;
  const choose = async (i) => {
    const turn = ++drawing, profile = await proteins.profile(i);
    // A later choice may have been quicker.
    if (turn !== drawing) return;
    picture.replaceChildren(pictureOf(run, columns, i, layouts[columns.frame[i]], profile));
    picture.dataset.protein = i;
  };
  const table = new Table({
    grid: byId("grid"), head: byId("head"), body: byId("body"), columns: predictionColumns(run, columns), onChoose: choose,
    onArrange: (order) => { byId("shown").textContent = `${order.length.toLocaleString("en")} of ${proteins.proteins.toLocaleString("en")}`; },
  });
  filters(table, columns);
  const first = columns.type.findIndex((type) => type > 0);
  if (first >= 0) await table.choose(first);
  addEventListener("beforeprint", () => table.print(byId("printed"), PRINTED, "see predictions.tsv"));
  document.documentElement.dataset.ready = "yes";
}

function filters(table, columns) {
  const search = byId("search"), kind = byId("kind"), warning = byId("warning");
  const options = [["", "all"], ["sp", "any signal peptide"], ...run.shown.map((n) => [n, n ? run.types[n][0] : "no signal peptide"])];
  kind.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  const warnings = [["", "all"], ["any", "any warning"], ...run.warnings.map((text, n) => [n, text])];
  warning.replaceChildren(...warnings.map(([value, text]) => new Option(text, value)));
  warning.closest("label").hidden = !run.warnings.length;
  const lower = columns.header.map((header) => header.toLowerCase());
  const show = () => {
    const wanted = search.value.trim().toLowerCase(), type = kind.value, about = warning.value;
    table.show(lower.length, (i) => {
      const fits = type === "" || (type === "sp" ? columns.type[i] > 0 : columns.type[i] === Number(type));
      const warned = about === "" || (about === "any" ? columns.kinds[i].length > 0 : columns.kinds[i].includes(run.warnings[about]));
      return fits && warned && (!wanted || lower[i].includes(wanted));
    });
  };
  show();
  for (const field of [search, kind, warning]) field.addEventListener("input", show);
  for (const link of document.querySelectorAll("[data-warning]")) {
    link.addEventListener("click", () => {
      search.value = kind.value = "";
      warning.value = run.warnings.indexOf(link.dataset.warning);
      show();
    });
  }
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      table.grid.focus();
      if (table.order.length) table.go(0);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) { event.preventDefault(); search.focus(); }
  });
}

start().catch((error) => {
  byId("trouble").textContent = `The table cannot be shown (${error.message}); predictions.tsv holds it.`;
  byId("trouble").hidden = false;
});
