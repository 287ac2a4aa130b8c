// Predicts inside the browser: nothing that is pasted leaves the computer.
import { BROWSERS, InputError, TEXT } from "./errors.js";

const DIRECTORY = "results", FINAL = ["done", "failed", "cancelled"];
const site = (name) => new URL(`../${name}`, import.meta.url).href;
const URLS = {
  runtime: site("runtime/ort.wasm.bundle.min.mjs"),
  wasm: site("runtime/ort-wasm-simd-threaded.wasm"),
  model: site("model.onnx"),
  domains: site("domains.bin"),
  frames: site("frames.bin"),
};

export async function start(facts) {
  keep().catch(() => {}); // where a browser does not allow it, the page works with a network
  const engine = new Engine(facts);
  engine.prepare();
  return engine;
}

/** Keep all files for use without a network, and turn to a newer version that waits. */
async function keep() {
  const { serviceWorker } = navigator, scope = site("");
  const newer = (await serviceWorker.getRegistration(scope))?.waiting;
  if (newer) {
    serviceWorker.addEventListener("controllerchange", () => location.reload());
    newer.postMessage("begin"); // which it does if no other page is open
  }
  await serviceWorker.register(site("service_worker.js"), { scope });
}

class Engine {
  constructor(facts) {
    this.facts = facts;
    this.worker = null;
    this.scans = []; // that wait for their rows, in turn
  }

  /** Load the network before it is needed. */
  prepare() {
    if (this.worker) return this.worker;
    const worker = new Worker(new URL("browser/worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => {
      if (worker !== this.worker) return;
      if (data.scanned) this.scans.shift().resolve(data.scanned);
      else if (data.notScanned) this.scans.shift().reject(new Error(data.notScanned));
      else this.job?.told(data);
    };
    worker.onerror = () => {
      if (worker !== this.worker) return;
      this.stop(); // the next job tries again
      this.job?.told({ failed: `the page's worker cannot start; reload the page, and if this stays, use ${BROWSERS}` });
    };
    this.worker = worker;
    this.worker.postMessage({ load: { facts: this.facts, urls: URLS } });
    return this.worker;
  }

  /** Stop whatever is computed; the next job starts anew. */
  stop() {
    this.worker?.terminate();
    this.worker = null;
    for (const { reject } of this.scans.splice(0)) reject(new Error("it was stopped; try again"));
  }

  /** The rows of scan.tsv of a protein. */
  scan(protein) {
    return new Promise((resolve, reject) => {
      this.scans.push({ resolve, reject });
      this.prepare().postMessage({ scan: protein });
    });
  }

  about() {
    const { version, model, organisms, limits, citation } = this.facts;
    return {
      version,
      models: [{ name: model.name, description: model.description, default: true, installed: true }],
      organisms,
      limits,
      citation,
      kept_days: null,
      privacy: "Your sequences stay on this computer: this page predicts in your browser and sends nothing anywhere.",
    };
  }

  async submit({ text = "", files = [], organism, skipInvalid = false }) {
    const sources = text.trim() ? [{ name: TEXT, bytes: new TextEncoder().encode(text) }] : [];
    const { bytes: largest } = this.facts.limits;
    if (files.reduce((sum, { size }) => sum + size, text.length) > largest) {
      throw new InputError({ message: `more than ${largest / 1e6} MB, which is too much for a browser; use the command or the server` });
    }
    for (const file of files) sources.push({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) });
    if (!sources.length) throw new InputError({ message: "there is no input; paste proteins as FASTA, or choose a file" });
    this.job?.cancel(); // which could only be one that nobody watches any more
    this.job = new Job(this, sources, { organism, skipInvalid });
    return this.job;
  }
}

class Job {
  constructor(engine, sources, { organism, skipInvalid }) {
    const { name, version, hash } = engine.facts.model, now = new Date().toISOString();
    Object.assign(this, { engine, result: null, watchers: [], link: null, expires: null });
    this.state = {
      id: null, state: "running", submitted: now, started: now, finished: null, expires: null, ahead: 0,
      progress: { done: 0, total: null, rate: null, remaining: null }, model: { name, version, hash },
      organism, counts: {}, unusable: 0, skipped: [], command: command(sources, organism, skipInvalid), files: [], error: null, compare: null,
    };
    this.begun = performance.now();
    engine.prepare().postMessage({ run: { sources, organism, skipInvalid, directory: DIRECTORY } });
  }

  get files() { return this.state.files; }

  /** Told of each change until the job is over; gives its final state. */
  watch(onState) {
    return new Promise((resolve) => {
      this.watchers.push((state) => {
        onState(state);
        if (FINAL.includes(state.state)) resolve(state);
      });
      this.watchers.at(-1)(this.state);
    });
  }

  view() {
    const { columns, frames } = this.result;
    return { proteins: columns.header.length, columns, frames };
  }

  /** The residues and curves of one protein. */
  profile(i) {
    const window = this.result.windows[i], planes = this.result.planes[i], count = this.engine.facts.drawing.curves.length;
    const plane = (n) => Array.from(planes.subarray(n * window.length, (n + 1) * window.length), (step) => step / 255);
    const curves = Array.from({ length: count - 1 }, (_, n) => plane(n));
    curves.push(Array.from(window, (_, at) => Math.max(0, 1 - curves.reduce((sum, curve) => sum + curve[at], 0))));
    return { window, curves, cleavage: plane(count - 1) };
  }

  /** The rows of scan.tsv of one protein. */
  scan(i) {
    const { columns, windows } = this.result;
    return this.engine.scan({ header: columns.header[i], window: windows[i], organism: this.state.organism });
  }

  file(name) { return this.result.files.get(name); }

  compared() { return []; }

  cancel() {
    if (FINAL.includes(this.state.state)) return;
    this.engine.stop();
    this.change({ state: "cancelled", finished: new Date().toISOString() });
  }

  remove() { this.result = null; }

  told({ progress, done, wrong, failed }) {
    if (FINAL.includes(this.state.state)) return;
    const finished = new Date().toISOString();
    if (progress) {
      const { unusable, ...own } = progress;
      this.change({ unusable, progress: { ...own, ...this.speed(own) } });
    } else if (done) {
      const { files, counts, unusable, skipped, ...shown } = done;
      this.result = { ...shown, files: new Map(files) };
      const all = shown.columns.header.length, progress = { done: all, total: all, ...this.speed({ done: all, total: all }) };
      this.change({ state: "done", finished, counts, unusable, skipped, progress, files: files.map(([name, { size }]) => ({ name, bytes: size })) });
    } else if (wrong) {
      const { problem: message, ...where } = wrong;
      this.change({ state: "failed", finished, error: { message, ...where } });
    } else {
      this.engine.stop();
      this.change({ state: "failed", finished, error: { message: failed, line: null, record: null, file: null } });
    }
  }

  /** Proteins a second, and the seconds that are left. */
  speed({ done, total }) {
    if (!done) {
      this.begun = performance.now();
      return { rate: null, remaining: null };
    }
    const rate = done / (Math.max(performance.now() - this.begun, 1) / 1000);
    return { rate, remaining: (total - done) / rate };
  }

  change(more) {
    this.state = { ...this.state, ...more };
    for (const watcher of this.watchers) watcher(this.state);
  }
}

/** The command that leaves the same files. */
function command(sources, organism, skipInvalid) {
  const names = sources.map(({ name }) => quoted(name));
  return `peft-sp predict ${names.join(" ")} --organism ${organism}${skipInvalid ? " --skip-invalid" : ""} --fasta -o ${DIRECTORY}`;
}

function quoted(word) {
  if (/^[\w@%+=:,./-]+$/.test(word) && !word.startsWith("-")) return word;
  return `'${(word.startsWith("-") ? `./${word}` : word).replaceAll("'", `'"'"'`)}'`;
}
