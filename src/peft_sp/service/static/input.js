// What is predicted, and how: a text area whose lines are numbered, files, and the options.

import { byId, counted, located, make, modelName, size } from "./dom.js";
import { TEXT } from "./engines/errors.js";

// A longer text makes the text area slow: it is kept as a file instead.
const LONG = 300_000;

export class InputView {
  constructor(about, onSubmit) {
    Object.assign(this, { about, onSubmit, files: [], wrong: 0, text: "", lines: 1 });
    this.area = byId("fasta");
    this.organisms();
    this.models();
    this.editor();
    this.dropping();
    byId("form").addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    byId("example").addEventListener("click", () => this.example());
    byId("clear").addEventListener("click", () => { this.files = []; this.setText(""); this.clearProblem(); this.area.focus(); });
    byId("choose").addEventListener("click", () => byId("files").click());
    byId("files").addEventListener("change", () => { this.add(byId("files").files); byId("files").value = ""; });
    this.changed();
    for (const id of ["example", "choose", "clear", "predict"]) byId(id).disabled = false;
  }

  organisms() {
    byId("organisms").append(...this.about.organisms.map(({ name, label, sentence }, n) => choice("organism", name, label, sentence, n === 0)));
  }

  models() {
    const { models } = this.about, installed = models.filter((one) => one.installed);
    byId("models").append(...models.map((one) => choice(
      "model", one.name, modelName(one.name), one.installed ? sentence(one.description) : `${sentence(one.description)} Not installed here.`, one.default, !one.installed)));
    if (installed.length < 2) return;
    const options = installed.map(({ name }) => make("option", { value: name }, modelName(name)));
    const select = make("select", { id: "compare" }, make("option", { value: "" }, "no other"), ...options);
    byId("models").append(make("label", { class: "compare" }, "Compare with ", select));
    const update = () => { for (const option of options) option.disabled = option.value === this.option("model"); if (select.selectedOptions[0].disabled) select.value = ""; };
    byId("models").addEventListener("change", update);
    update();
  }

  option(name) { return new FormData(byId("form")).get(name); }

  submit() {
    this.clearProblem();
    if (!this.area.value.trim() && !this.files.length) {
      this.problem({ message: "There is nothing to predict: paste proteins as FASTA, choose files, or take the example." });
      return;
    }
    this.onSubmit({
      text: this.area.value, files: this.files, organism: this.option("organism"), model: this.option("model"),
      compare: byId("compare")?.value || null, skipInvalid: byId("skip-invalid").checked,
    });
  }

  busy(yes) {
    byId("predict").disabled = yes;
    byId("predict").textContent = yes ? (this.about.api ? "Sending\u2026" : "Reading\u2026") : "Predict";
  }

  async example() {
    this.files = [];
    this.setText(await (await fetch("example.fasta")).text());
    this.clearProblem();
    byId("predict").focus();
  }

  setText(text) {
    this.area.value = text;
    this.area.scrollTop = 0;
    this.changed();
  }

  // Files ----------------------------------------------------------------------------------------

  add(files) {
    this.files.push(...files);
    this.clearProblem();
    this.changed();
  }

  dropping() {
    const over = (event) => { if (event.dataTransfer?.types.includes("Files")) { event.preventDefault(); byId("editor").classList.add("over"); } };
    const out = () => byId("editor").classList.remove("over");
    addEventListener("dragover", over);
    addEventListener("dragleave", (event) => { if (!event.relatedTarget) out(); });
    addEventListener("drop", (event) => {
      out();
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      if (!byId("input-view").hidden) this.add(event.dataTransfer.files);
    });
    this.area.addEventListener("paste", (event) => {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (text.length <= LONG) return;
      event.preventDefault();
      this.add([new File([text], "pasted.fasta")]);
    });
  }

  listFiles() {
    byId("chosen-files").replaceChildren(...this.files.map((file) => {
      const remove = make("button", { type: "button", class: "quiet", "aria-label": `Remove ${file.name}` }, "Remove");
      remove.addEventListener("click", () => { this.files = this.files.filter((one) => one !== file); this.changed(); byId("choose").focus(); });
      return make("li", {}, make("span", { class: "name" }, file.name), make("span", { class: "faint" }, size(file.size)), remove);
    }));
  }

  // The text area --------------------------------------------------------------------------------

  editor() {
    const { area } = this;
    let waiting = 0;
    area.addEventListener("scroll", () => this.number());
    area.addEventListener("input", () => {
      this.read();
      this.mark(0);
      clearTimeout(waiting);
      waiting = setTimeout(() => this.changed(), 200);
    });
    new ResizeObserver(() => this.number()).observe(area);
  }

  // Take the text over: a browser makes it anew of its lines each time it is asked for.
  read() {
    this.text = this.area.value;
    this.lines = 1;
    for (let at = this.text.indexOf("\n"); at >= 0; at = this.text.indexOf("\n", at + 1)) this.lines += 1;
  }

  changed() {
    this.read();
    const records = (this.text.match(/^>/gm) || []).length, held = [];
    if (this.text.trim()) held.push(records ? counted(records, "protein") : "sequence without a header");
    if (this.files.length) held.push(counted(this.files.length, "file"));
    byId("held").textContent = held.join(" and ") || "Nothing yet";
    this.listFiles();
    this.number();
  }

  // Write the numbers of the lines in view beside them.
  number() {
    const { area, lines } = this, line = parseFloat(getComputedStyle(area).lineHeight);
    const first = Math.floor(area.scrollTop / line), last = Math.min(lines, first + Math.ceil(area.clientHeight / line) + 1);
    const gutter = byId("gutter");
    gutter.textContent = Array.from({ length: Math.max(last - first, 0) }, (_, n) => first + n + 1).join("\n");
    gutter.style.setProperty("--up", `${-(area.scrollTop % line)}px`);
    gutter.style.minWidth = `${Math.max(String(lines).length + 2, 4)}ch`;
    const mark = byId("mark");
    mark.hidden = !this.wrong;
    mark.style.setProperty("--down", `${(this.wrong - 1) * line - area.scrollTop}px`);
  }

  mark(line) {
    this.wrong = line;
    byId("editor").classList.toggle("wrong", line > 0);
    if (line) this.area.setAttribute("aria-invalid", "true");
    else this.area.removeAttribute("aria-invalid");
    this.number();
  }

  clearProblem() {
    byId("problem").hidden = true;
    this.mark(0);
  }

  // Say what is wrong; where it stands in the text, mark its line and bring it into view.
  problem({ message, line, record, file }) {
    const inText = line && (!file || file === TEXT);
    byId("problem").replaceChildren(...located({ message, line, record, file }));
    byId("problem").hidden = false;
    if (!inText || !this.area.value) { byId("problem").scrollIntoView({ block: "nearest" }); return; }
    this.mark(line);
    const lines = this.area.value.split("\n"), start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    this.area.focus();
    this.area.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
    this.area.scrollTop = Math.max(0, (line - 4) * parseFloat(getComputedStyle(this.area).lineHeight));
    this.area.scrollLeft = 0;
    this.number();
  }
}

// The first sentence of a model's description.
const sentence = (text) => /^.*?[.](?=\s+[A-Z]|$)/s.exec(text)?.[0] ?? text;

function choice(group, value, label, sentence, checked, disabled = false) {
  const id = `${group}-${value}`;
  return make("label", { class: "choice", for: id },
    make("input", { type: "radio", name: group, id, value, checked, disabled }),
    make("span", {}, make("strong", {}, label), make("small", {}, sentence)));
}
