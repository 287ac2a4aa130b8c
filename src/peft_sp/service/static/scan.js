// What breaks the chosen protein's signal peptide: every change of its residues, as heat maps whose
// cells can be read, and as files.

import { byId, counted, make, save, thousands } from "./dom.js";
import { fixed } from "./engines/browser/text.js";
import { cellAt, cornersOf, heatmapOf, signed, sizeOf } from "./heatmap.js";
import { fileName, paperSvg } from "./paper.js";
import { svgElement } from "./shared/picture.js";

const NAMED = 10; // changes that the sentence names
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const HINT = matchMedia("(hover: none)").matches ? "Touch a cell for its values." : "Point at a cell, or use the arrow keys, for its values.";

export class ScanView {
  constructor({ facts, view, job }) {
    Object.assign(this, { facts, view, job, rules: facts.scan, turn: 0, protein: -1, scan: null, running: Promise.resolve() });
    this.target = byId("scan-maps");
    this.target.onpointermove = this.target.onpointerdown = (event) => this.point(event);
    this.target.onpointerleave = () => this.read(null);
    this.target.onkeydown = (event) => { if (this.key(event.key)) event.preventDefault(); };
    byId("scan").onclick = () => this.start();
    byId("scan-svg").onclick = () => save(new Blob([this.file()], { type: "image/svg+xml" }), this.name("svg"));
    byId("scan-tsv").onclick = () => save(new Blob([this.table()], { type: "text/tab-separated-values" }), this.name("tsv"));
    this.choose(-1);
  }

  // Of another protein nothing is known yet.
  choose(i) {
    if (i === this.protein && i >= 0) return;
    this.protein = i;
    this.turn += 1;
    this.scan = null;
    byId("scan").disabled = i < 0;
    byId("scan").textContent = this.view.columns.type[i] === 0 ? "What would make one?" : "What breaks it?";
    byId("scan-card").hidden = true;
  }

  async start() {
    const turn = ++this.turn, i = this.protein, signal = this.view.columns.type[i] > 0;
    byId("scan-title").textContent = signal ? "What breaks this signal peptide" : "What would make it a signal peptide";
    byId("scan-card").hidden = false;
    byId("scan-text").textContent = "Predicting every change of its residues\u2026";
    this.show(null);
    byId("scan").disabled = true;
    byId("scan-title").focus({ preventScroll: true });
    byId("scan-card").scrollIntoView({ block: "nearest" });
    try {
      const { window } = await this.job.profile(i), rows = await this.rows(i, turn);
      if (turn === this.turn) this.show({ header: this.view.columns.header[i], window, rows });
    } catch (error) {
      if (turn === this.turn) byId("scan-text").textContent = `The changes cannot be predicted: ${error.message}`;
    } finally {
      if (turn === this.turn) byId("scan").disabled = false;
    }
  }

  // One scan at a time, since a server allows few; of several that wait, the last.
  rows(i, turn) {
    this.running = this.running.catch(() => {}).then(() => (turn === this.turn ? this.job.scan(i) : null));
    return this.running;
  }

  show(scan) {
    this.scan = scan;
    for (const id of ["scan-svg", "scan-tsv"]) byId(id).disabled = !scan;
    this.target.replaceChildren();
    this.target.hidden = !scan;
    if (scan) {
      const { width } = sizeOf(this.rules, scan.window);
      this.cells = new Map(scan.rows.slice(1).map((row) => [`${row.to}${row.position}`, row]));
      this.svg = heatmapOf(this.facts, scan);
      const shown = this.svg.cloneNode(true), side = this.rules.cell;
      shown.style.maxWidth = `${1.5 * width}px`;
      this.guides = this.rules.tops.map(() => svgElement("rect", { class: "guide", width: side, height: side, visibility: "hidden" }));
      shown.append(...this.guides);
      this.target.append(shown);
      byId("scan-text").textContent = summary(scan, this.facts.types[0].name);
    }
    this.read(null);
  }

  // Cells ----------------------------------------------------------------------------------------

  point(event) {
    const box = this.target.firstChild.getBoundingClientRect(), { width } = sizeOf(this.rules, this.scan.window);
    const scale = width / box.width;
    this.read(cellAt(this.rules, this.scan.window, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale));
  }

  // Arrow keys go from cell to cell, at first to that of the first residue as it is.
  key(name) {
    const step = STEPS[name], { rows } = this.rules, { window } = this.scan;
    if (!step) return false;
    if (!this.cell) {
      this.read({ position: 1, to: rows.includes(window[0]) ? window[0] : rows[0] });
      return true;
    }
    const within = (number, most) => Math.min(Math.max(number, 0), most - 1);
    const row = within(rows.indexOf(this.cell.to) + step[1], rows.length);
    this.read({ position: within(this.cell.position - 1 + step[0], window.length) + 1, to: rows[row] });
    return true;
  }

  read(cell) {
    this.cell = cell;
    const line = byId("scan-cell");
    for (const guide of cell ? [] : this.guides ?? []) guide.setAttribute("visibility", "hidden");
    if (!cell) {
      line.replaceChildren(make("span", { class: "faint" }, this.scan ? HINT : ""));
      return;
    }
    cornersOf(this.rules, cell).forEach(({ x, y }, n) => {
      for (const [key, value] of Object.entries({ x, y, visibility: "visible" })) this.guides[n].setAttribute(key, value);
    });
    const { window, rows: [own] } = this.scan, residue = window[cell.position - 1], row = this.cells.get(`${cell.to}${cell.position}`);
    const parts = row ? changed(row) : ["as it is", own.type, `P(signal peptide) ${own.signal_peptide_probability.toFixed(3)}`];
    line.replaceChildren(make("strong", {}, `${residue}${cell.position}${row ? cell.to : ""}`), ...parts.map((part) => make("span", {}, part)));
  }

  // Files ----------------------------------------------------------------------------------------

  name(end) { return `${fileName(this.scan.header)}.scan.${end}`; }

  file() { return paperSvg(this.svg, sizeOf(this.rules, this.scan.window), this.facts); }

  table() {
    const { columns } = this.rules, text = { str: (value) => value, int: String, float: (value) => fixed(value, 6) };
    const line = (row) => columns.map(([name, kind]) => (row[name] === null ? "" : text[kind](row[name]))).join("\t");
    return [columns.map(([name]) => name).join("\t"), ...this.scan.rows.map(line), ""].join("\n");
  }
}

function changed(row) {
  const parts = [row.type, `P(signal peptide) ${row.signal_peptide_probability.toFixed(3)} (${signed(row.probability_change, 3)})`];
  if (row.cleavage_site) parts.push(`cut after ${row.cleavage_site}${row.site_change ? ` (${signed(row.site_change)})` : ""}`);
  const { cleavage_probability: cut, cleavage_probability_change: change } = row;
  return [...parts, `P(type and cut) ${(cut ?? 0).toFixed(3)} (${signed(change, 3)})`];
}

// What was found, as the command says it behind the protein's name.
function summary({ rows: [own, ...every] }, none) {
  const signal = ({ type }) => type !== none, name = ({ residue, position, to }) => `${residue}${position}${to}`;
  if (!signal(own)) {
    return `No signal peptide; ${thousands(every.filter(signal).length)} of ${thousands(every.length)} changes make one`;
  }
  const broken = every.filter((row) => !signal(row)), other = every.filter((row) => row.type_changed === "yes").length - broken.length;
  const named = broken.slice(0, NAMED).map(name).join(", ") + (broken.length > NAMED ? ", ..." : "");
  const moved = every.filter((row) => row.site_change).length;
  return `${own.type}, cleavage after ${own.cleavage_site}; of ${counted(every.length, "change")} ${thousands(broken.length)} break it`
    + `${named ? ` (${named})` : ""}, ${thousands(other)} give another type, ${thousands(moved)} move the cut`;
}
