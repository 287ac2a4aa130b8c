// The page: which engine predicts, which of its three views is shown, and what leads from one to
// the next.

import { byId } from "./dom.js";
import { BROWSERS, InputError } from "./engines/errors.js";
import { InputView } from "./input.js";
import { ProgressView } from "./progress.js";
import { showResults } from "./results.js";

const VIEWS = ["input", "progress", "results"];
const JOB = /^#job=([\w-]+)$/;

function show(name, focus = true) {
  for (const view of VIEWS) byId(`${view}-view`).hidden = view !== name;
  document.documentElement.dataset.view = name;
  scrollTo(0, 0);
  if (name === "input") document.title = "PEFT-SP: signal peptides";
  if (focus) byId(`${name}-title`).focus({ preventScroll: true });
}

function trouble(message, mild = false) {
  byId("trouble").textContent = message;
  byId("trouble").hidden = !message;
  byId("trouble").classList.toggle("note", mild);
}

function theme() {
  const choice = byId("theme"), root = document.documentElement;
  const set = (value) => { if (value) root.dataset.theme = value; else delete root.dataset.theme; };
  try { choice.value = localStorage.getItem("theme") || ""; } catch { /* not allowed to remember */ }
  set(choice.value);
  choice.addEventListener("change", () => {
    set(choice.value);
    try { localStorage.setItem("theme", choice.value); } catch { /* as above */ }
  });
}

class Page {
  constructor(facts, engine, about) {
    Object.assign(this, { facts, engine, about, job: null });
    this.input = new InputView(about, (request) => this.submit(request));
    this.progress = new ProgressView();
    byId("privacy").textContent = about.privacy;
    byId("about").textContent = `${about.citation}.`;
    byId("api").hidden = !about.api;
    if (about.api) byId("api").href = about.api;
    byId("again").addEventListener("click", () => this.home());
    byId("brand").addEventListener("click", (event) => { event.preventDefault(); this.home(); });
    addEventListener("popstate", () => this.route());
  }

  home() {
    trouble("");
    if (location.hash) history.pushState(null, "", location.pathname + location.search);
    this.job = null;
    show("input");
  }

  // What the address asks for: a job, or a new prediction.
  async route(focus = true) {
    const id = JOB.exec(location.hash)?.[1];
    if (!id || !this.engine.open) { this.job = null; show("input", focus); return; }
    if (this.job?.id === id) return;
    trouble("");
    try {
      await this.follow(await this.engine.open(id));
    } catch (error) {
      if (error.name === "InputError") { this.wrong(error); return; }
      show("input", focus);
      trouble(error.status === 404 ? "This job is not here (any more): results are removed when they expire." : error.message);
    }
  }

  async submit(request) {
    trouble("");
    this.input.clearProblem();
    this.input.busy(true);
    try {
      const job = await this.engine.submit(request);
      if (job.link) history.pushState(null, "", new URL(job.link).hash);
      await this.follow(job);
    } catch (error) {
      this.wrong(error);
    } finally {
      this.input.busy(false);
    }
  }

  async follow(job) {
    this.job = job;
    show("progress");
    this.progress.start(job);
    const state = await job.watch((now) => { if (this.job === job) this.progress.update(now); });
    if (this.job !== job) return;
    if (state.state === "done") {
      await showResults({ ...this, job, onRemoved: () => this.home() });
      show("results");
    } else if (state.state === "cancelled") {
      this.home();
      trouble("The job was cancelled.", true);
    } else {
      throw new InputError(state.error);
    }
  }

  wrong(error) {
    this.job = null;
    if (location.hash) history.replaceState(null, "", location.pathname + location.search);
    show("input", false);
    this.input.problem(error);
  }
}

async function start() {
  theme();
  const name = document.querySelector('meta[name="engine"]').content;
  const [facts, module] = await Promise.all([
    fetch("facts.json").then((response) => (response.ok ? response.json() : Promise.reject(new Error("facts.json is missing")))), import(`./engines/${name}.js`),
  ]);
  const engine = await module.start(facts);
  const page = new Page(facts, engine, await engine.about());
  await page.route(false);
  document.documentElement.dataset.ready = "yes";
}

start().catch((error) => {
  document.documentElement.dataset.ready = "no";
  trouble(`The page cannot start: ${error.message}. Reload it, and if this stays, use ${BROWSERS}.`);
});
