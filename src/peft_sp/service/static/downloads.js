// The files of a job, and what to write into a paper: command, model, citation, and the job's link.

import { byId, copyButton, day, duration, make, modelName, save, size } from "./dom.js";
import { zip } from "./zip.js";

const TABLE = "predictions.tsv", ZIP = "peft-sp-results.zip";
const WORDS = {
  [TABLE]: "table, one row a protein",
  "predictions.gff3": "features in strict GFF3",
  "summary.html": "this view as one file",
  "signal_peptides.fasta": "signal peptides",
  "no_signal_peptide.fasta": "proteins without one",
  "prediction_results.txt": "SignalP 6\u2019s table",
  "output.gff3": "SignalP 6\u2019s features",
  "region_output.gff3": "SignalP 6\u2019s regions",
  "processed_entries.fasta": "mature proteins",
  "output.json": "SignalP 6\u2019s JSON",
};

export function downloads(target, job) {
  const all = make("button", { type: "button", class: "primary", id: "all-files" }, "Save all as zip");
  all.addEventListener("click", () => busy(all, async () => save(await archive(job), ZIP)));
  const order = Object.keys(WORDS), place = ({ name }) => (name in WORDS ? order.indexOf(name) : order.length);
  const rows = job.files.toSorted((a, b) => place(a) - place(b)).map(({ name, bytes }) => {
    const button = make("button", { type: "button", class: "link" }, name);
    button.addEventListener("click", () => busy(button, async () => save(await job.file(name), name)));
    const what = make("span", {}, button, make("span", { class: "faint" }, WORDS[name] ?? ""));
    return make("li", {}, what, make("span", { class: "faint number" }, size(bytes)));
  });
  target.replaceChildren(all, make("ul", { class: "files" }, ...rows));
}

async function archive(job) {
  if (job.archive) return job.archive();
  return zip(await Promise.all(job.files.map(async ({ name }) => ({ name, blob: await job.file(name) }))));
}

async function busy(button, work) {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    byId("trouble").textContent = `The file could not be saved: ${error.message}`;
    byId("trouble").hidden = false;
  } finally {
    button.disabled = false;
  }
}

// The rows of the table that are shown, in their order, as predictions.tsv has them.
export function saveRows(job, order) {
  return busy(byId("filtered"), async () => {
    const [head, ...rows] = (await (await job.file(TABLE)).text()).split("\n");
    save(new Blob([[head, ...order.map((i) => rows[i]), ""].join("\n")], { type: "text/tab-separated-values" }), "predictions-shown.tsv");
  });
}

export function provenance(target, { job, about, onRemoved }) {
  const { state } = job, { model } = state, parts = [];
  const add = (term, ...content) => parts.push(make("dt", {}, term), make("dd", {}, ...content));
  add("Command", make("code", { id: "command" }, ...unbroken(state.command)), copyButton(state.command, "Copy the command"));
  add("Model", `${modelName(model.name)}${model.version ? ` ${model.version}` : ""}`, model.hash ? make("small", {}, ` hash ${model.hash}`) : "");
  if (state.started && state.finished) add("Took", duration((new Date(state.finished) - new Date(state.started)) / 1000));
  add("Cite", about.citation, copyButton(about.citation, "Copy the citation"));
  if (job.link) {
    add("Link", make("a", { href: job.link, id: "link" }, "to these results"), copyButton(job.link, "Copy the link"),
      make("small", { id: "expires" }, `Whoever has it sees them until ${day(job.expires)}.`), removal(job, onRemoved));
  }
  target.replaceChildren(...parts);
}

// Its words, none of which is broken at a hyphen where there is no room.
function unbroken(command) {
  return command.split(" ").flatMap((word, n) => [n ? " " : "", make("span", {}, word)]);
}

// Deleting is asked for twice.
function removal(job, onRemoved) {
  const button = make("button", { type: "button", class: "quiet danger", id: "remove" }, "Delete now");
  let sure = false;
  button.addEventListener("click", async () => {
    if (!sure) { sure = true; button.textContent = "Delete input and results for good?"; return; }
    await busy(button, async () => { await job.remove(); onRemoved(); });
  });
  button.addEventListener("blur", () => { sure = false; button.textContent = "Delete now"; });
  return button;
}
