// The picture of the chosen protein: its residues' values, what else is possible, and files of it.

import { byId, make, save } from "./dom.js";
import { fileName, paperSvg } from "./paper.js";
import { paint, pictureOf, scale, svgElement } from "./shared/picture.js";

// Sites that are named beside the predicted one: this probable, and so many.
const WORTH = 0.02, MOST = 4, PNG_SCALE = 3;
const HINT = matchMedia("(hover: none)").matches
  ? "Touch a residue for its probabilities." : "Point at a residue, or use \u2190 and \u2192, for its probabilities.";

export class Figure {
  constructor({ facts, view, job, opinions, other }) {
    Object.assign(this, { facts, view, job, opinions, other, turn: 0, chosen: -1 });
    this.target = byId("picture");
    this.target.onpointermove = this.target.onpointerdown = (event) => this.point(event);
    this.target.onpointerleave = () => this.read(0);
    byId("svg").onclick = () => save(new Blob([this.file()], { type: "image/svg+xml" }), this.name("svg"));
    byId("png").onclick = async () => save(await this.png(), this.name("png"));
    this.empty();
  }

  empty() {
    this.chosen = -1;
    this.target.replaceChildren(make("p", { class: "faint" }, "Choose a protein to see its picture."));
    byId("opinions").replaceChildren();
    byId("residue").textContent = "";
    for (const id of ["svg", "png"]) byId(id).disabled = true;
  }

  async show(i) {
    const turn = ++this.turn;
    let profile;
    try {
      profile = await this.job.profile(i);
    } catch (error) {
      this.empty();
      this.target.firstChild.textContent = `The picture cannot be fetched: ${error.message}`;
      return;
    }
    if (turn !== this.turn) return; // a later choice was quicker
    const { columns, frames } = this.view;
    Object.assign(this, { chosen: i, profile, frame: frames[columns.frame[i]], position: 0 });
    this.svg = pictureOf(this.facts.drawing, columns, i, this.frame, profile);
    const { y } = this.frame, ends = { y1: scale(y)(0), y2: scale(y)(1) };
    this.guide = svgElement("line", { ...ends, x1: 0, x2: 0, stroke: paint("faint"), "stroke-width": 0.7, visibility: "hidden" });
    const shown = this.svg.cloneNode(true);
    shown.style.cssText = this.svg.style.cssText;
    shown.append(this.guide);
    this.shown = shown;
    this.target.replaceChildren(shown);
    this.target.dataset.protein = i;
    for (const id of ["svg", "png"]) byId(id).disabled = false;
    this.read(0);
    this.tellOpinions();
  }

  // Residues -------------------------------------------------------------------------------------

  point(event) {
    if (this.chosen < 0) return;
    const box = this.shown.getBoundingClientRect(), { x, width } = this.frame;
    const at = ((event.clientX - box.left) / box.width) * width;
    const position = Math.round((at - x.start) / x.step);
    this.read(position >= 1 && position <= this.profile.window.length ? position : 0);
  }

  // Left and right arrow go from residue to residue; whether the key was one of them.
  key(name) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[name];
    if (!step || this.chosen < 0) return false;
    this.read(Math.min(Math.max(this.position + step, 1), this.profile.window.length));
    return true;
  }

  read(position) {
    this.position = position;
    const line = byId("residue");
    if (!position) {
      line.replaceChildren(make("span", { class: "faint" }, this.chosen < 0 ? "" : HINT));
      this.guide?.setAttribute("visibility", "hidden");
      return;
    }
    const at = scale(this.frame.x)(position), { window, curves, cleavage } = this.profile;
    for (const name of ["x1", "x2"]) this.guide.setAttribute(name, at.toFixed(2));
    this.guide.setAttribute("visibility", "visible");
    const values = this.facts.drawing.curves
      .map(({ name, colour }, n) => ({ name, colour, value: curves[n][position - 1] }))
      .filter(({ value }) => value >= 0.005);
    const parts = values.map(({ name, colour, value }) => {
      const dot = make("i", { class: "dot" });
      dot.style.background = paint(colour);
      return make("span", {}, dot, `${name} ${value.toFixed(2)}`);
    });
    const cut = cleavage[position - 1];
    if (cut >= 0.005) parts.push(make("span", {}, `cut behind it ${cut.toFixed(2)}`));
    line.replaceChildren(make("strong", {}, `${window[position - 1]}${position}`), ...parts);
  }

  // Other opinions -------------------------------------------------------------------------------

  tellOpinions() {
    const { columns } = this.view, i = this.chosen, { window, cleavage } = this.profile;
    const sites = cleavage.map((value, n) => ({ value, site: n + 1 }))
      .filter(({ value, site }) => value >= WORTH && site !== columns.site[i])
      .sort((a, b) => b.value - a.value).slice(0, MOST);
    const parts = [];
    if (sites.length) {
      const words = columns.site[i] ? "Other cleavage sites: " : "If it had a signal peptide, cut after: ";
      parts.push(make("p", {}, make("strong", {}, words), sites.map(({ value, site }) =>
        `${site} (${window.slice(Math.max(site - 3, 0), site)}|${window.slice(site, site + 2)}) ${value.toFixed(2)}`).join(", ")));
    }
    const opinion = this.opinions.get(i);
    if (opinion) {
      const { type, site, probability } = opinion, none = type === this.facts.types[0].name;
      const says = none ? "no signal peptide" : `${type}${site ? `, cut after ${site}` : ""}`;
      parts.push(make("p", {}, make("strong", {}, `${this.other} says otherwise: `), `${says} (${probability.toFixed(3)})`));
    }
    if (columns.warnings[i]) parts.push(make("p", {}, make("strong", {}, "Warnings: "), columns.warnings[i]));
    byId("opinions").replaceChildren(...parts);
  }

  // Files ----------------------------------------------------------------------------------------

  name(end) { return `${fileName(this.view.columns.header[this.chosen])}.${end}`; }

  file() { return paperSvg(this.svg, this.frame, this.facts); }

  async png() {
    const { width, height } = this.frame, url = URL.createObjectURL(new Blob([this.file()], { type: "image/svg+xml" }));
    try {
      const image = new Image();
      image.src = url;
      await image.decode();
      const canvas = make("canvas", { width: PNG_SCALE * width, height: PNG_SCALE * height });
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      return await new Promise((done) => canvas.toBlob(done, "image/png"));
    } finally {
      URL.revokeObjectURL(url);
    }
  }
}

