// The results of a job: counts that filter, the table, the picture of the chosen protein, files.

import { ANY, typeChart } from "./charts.js";
import { byId, counted, located, make, modelName, thousands } from "./dom.js";
import { downloads, provenance, saveRows } from "./downloads.js";
import { Figure } from "./figure.js";
import { ScanView } from "./scan.js";
import { Table, predictionColumns } from "./shared/table.js";

const PRINTED = 1000;
const NARROW = matchMedia("screen and (max-width: 44rem)"); // as in page.css
let printing = null;

export async function showResults({ facts, about, job, onRemoved }) {
  const view = await job.view(), { columns } = view, { state } = job;
  const opinions = new Map((await job.compared?.() ?? []).map((one) => [one.index, one]));
  const other = state.compare && modelName(state.compare);
  const figure = new Figure({ facts, view, job, opinions, other }), scan = new ScanView({ facts, view, job });
  const counts = facts.types.map(({ name }) => state.counts[name] ?? 0);
  heading(view, counts, state);
  const table = tableOf({ facts, view, figure, scan, opinions, other });
  const filter = filters({ table, columns, opinions });
  const first = counts[0] < view.proteins ? ANY : "";
  typeChart(byId("counts"), facts.types, counts, first, filter.type);
  filter.type(first);
  byId("filtered").onclick = () => saveRows(job, table.order);
  downloads(byId("downloads"), job);
  provenance(byId("provenance"), { job, about, onRemoved });
  byId("picture").onkeydown = (event) => {
    if (figure.key(event.key)) event.preventDefault();
    else table.keys(event);
  };
  if (printing) removeEventListener("beforeprint", printing);
  printing = () => table.print(byId("printed"), PRINTED, "see predictions.tsv");
  addEventListener("beforeprint", printing);
  if (table.order.length) await table.choose(table.order[0]);
}

function heading({ proteins, columns }, counts, state) {
  const signal = proteins - counts[0];
  const title = proteins === 1 ? `The protein has ${signal ? "a" : "no"} signal peptide` : `${thousands(signal)} of ${counted(proteins, "protein")} ${signal === 1 ? "has" : "have"} a signal peptide`;
  byId("results-title").textContent = title;
  document.title = `${title} \u2013 PEFT-SP`;
  const organism = { auto: "organism by header", eukarya: "eukaryotes", other: "bacteria and archaea" }[state.organism] ?? state.organism;
  byId("results-about").textContent = `Model ${modelName(state.model.name)}, ${organism}${state.compare ? `, compared with ${modelName(state.compare)}` : ""}`;
  const notes = [], held = columns.header.length;
  if (state.unusable) notes.push(`${counted(state.unusable, "record")} could not be predicted and ${state.unusable === 1 ? "was" : "were"} left out.`);
  if (held < proteins) notes.push(`The table holds the first ${thousands(held)} proteins; predictions.tsv has all.`);
  byId("left-out").hidden = !notes.length;
  byId("left-out").replaceChildren(make("p", {}, notes.join(" ")));
  if (state.skipped.length) byId("left-out").append(leftOut(state));
}

function leftOut({ skipped, unusable }) {
  const lines = skipped.map((one) => make("li", {}, ...located(one)));
  const which = unusable > skipped.length ? `The first ${thousands(skipped.length)} of them` : "Which, and why";
  return make("details", {}, make("summary", {}, which), make("ul", {}, ...lines));
}

function tableOf({ facts, view, figure, scan, opinions, other }) {
  const { columns } = view, shown = predictionColumns(facts.drawing, columns);
  if (opinions.size) {
    const own = (i) => facts.types[columns.type[i]].name;
    const opinion = ({ type, site }, i) => (type === own(i) ? `cut ${site}` : type);
    const says = (i) => (opinions.has(i) ? opinion(opinions.get(i), i) : "");
    shown.splice(6, 0, { key: "other", name: other, value: (i) => (says(i) ? 0 : 1), shown: says });
  }
  const old = byId("grid"), grid = old.cloneNode(false);
  const head = make("div", { id: "head", class: "grid-head", role: "row" }), body = make("div", { id: "body", class: "grid-body", role: "rowgroup" });
  grid.append(head, body);
  grid.classList.toggle("compared", opinions.size > 0);
  grid.removeAttribute("aria-activedescendant");
  old.replaceWith(grid);
  return new Table({
    grid, head, body, columns: shown, onChoose: async (i) => {
      scan.choose(i);
      await figure.show(i);
      if (NARROW.matches) byId("picture").parentElement.scrollIntoView({ block: "nearest" });
    },
    onArrange: (order) => {
      byId("shown").textContent = `${thousands(order.length)} of ${thousands(columns.header.length)}`;
      byId("nothing").hidden = order.length > 0;
      byId("filtered").disabled = !order.length;
    },
  });
}

// The fields that decide which rows are shown; `type` is set by the chart.
function filters({ table, columns, opinions }) {
  const search = byId("search"), warning = byId("warning"), differ = byId("differ");
  const lower = columns.header.map((header) => header.toLowerCase());
  const kinds = new Map();
  for (const own of columns.kinds) for (const kind of own) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const named = [...kinds].sort((a, b) => b[1] - a[1]);
  byId("warning-label").hidden = !named.length;
  warning.replaceChildren(new Option("With and without warnings", ""), new Option("Any warning", "any"), ...named.map(([kind, count]) => new Option(`${kind} (${thousands(count)})`, kind)));
  byId("differ-label").hidden = !opinions.size;
  search.value = "";
  differ.checked = false;
  let type = "";
  const show = () => {
    const wanted = search.value.trim().toLowerCase(), about = warning.value, only = differ.checked;
    table.show(lower.length, (i) =>
      (type === "" || (type === ANY ? columns.type[i] > 0 : columns.type[i] === Number(type)))
      && (!about || (about === "any" ? columns.kinds[i].length > 0 : columns.kinds[i].includes(about)))
      && (!only || opinions.has(i)) && (!wanted || lower[i].includes(wanted)));
  };
  search.oninput = warning.oninput = differ.oninput = show;
  search.onkeydown = (event) => {
    if ((event.key === "ArrowDown" || event.key === "Enter") && table.order.length) {
      event.preventDefault();
      table.grid.focus();
      table.go(0);
    }
  };
  return { type: (value) => { type = value; show(); } };
}
