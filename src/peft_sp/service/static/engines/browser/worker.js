// A worker that does a whole run: reads the input, predicts in batches, makes the files. Or scans a
// protein.
import { unpack, unpackJson } from "../../shared/blocks.js";
import { Fasta } from "./fasta.js";
import { Networks } from "./networks.js";
import { Organisms } from "./organism.js";
import { Predictions } from "./predictions.js";
import { changesOf, rowsOf } from "./scan.js";
import { InputError } from "./text.js";
import { files } from "./writers.js";

// NAMED: records that were left out of which a job says why, as a server's does.
const FEWEST_OF_A_BATCH = 16, BATCHES_OF_A_WORKER = 4, NAMED = 100;
let facts, networks, tables;

async function fetched(url) {
  const response = await fetch(url).catch(({ message }) => ({ ok: false, status: message }));
  if (!response.ok) throw new Error(`${new URL(url).pathname} cannot be fetched (${response.status}); reload the page`);
  return new Uint8Array(await response.arrayBuffer());
}

function load({ facts: given, urls }) {
  facts = given;
  networks = new Networks({ facts, runtime: urls.runtime, wasm: urls.wasm, model: urls.model });
  networks.start();
  tables = Promise.all([fetched(urls.domains).then(unpack), fetched(urls.frames).then(unpackJson)]);
  tables.catch(() => {}); // told to who waits for it
}

async function run({ sources, organism, skipInvalid, directory }, tell) {
  const { proteins, unusable, skipped } = await new Fasta(facts.engine, facts.window, facts.limits).read(sources, skipInvalid);
  tell({ done: 0, total: proteins.length, unusable });
  const [organisms, frames] = [await organismsOf(), (await tables)[1]];
  const named = proteins.map(({ header }) => organisms.of(header));
  const windows = distinct(proteins, (n) => (organism === "auto" ? named[n] : organism) || "other");
  await compute([...windows.values()], (share) => tell({ done: Math.floor(share * proteins.length), total: proteins.length, unusable }));
  const reader = new Predictions(facts), predictions = [], results = [];
  proteins.forEach((protein, n) => {
    const { result } = windows.get(protein.key);
    results.push(result);
    predictions.push(reader.of(protein, result, named[n], organism));
  });
  const texts = files(facts, predictions, reader, { organism, directory, unusable, time: new Date() });
  const blobs = Object.entries(texts).map(([name, text]) => [name, new Blob([text], { type: "text/plain" })]);
  const reasons = skipped.slice(0, NAMED).map(({ message, line, record, file }) => ({ message, line, record, file }));
  return { files: blobs, unusable, skipped: reasons, counts: counted(predictions), ...shown(predictions, results, reader, frames) };
}

async function organismsOf() {
  const [domains] = await tables;
  return new Organisms(facts.engine.organism, new TextDecoder().decode(domains));
}

/** The rows of scan.tsv of a protein. */
async function scan({ header, window, organism }) {
  const chosen = organism === "auto" ? (await organismsOf()).of(header) || "other" : organism;
  const changes = changesOf(window, facts.scan.residues);
  const windows = [{ window }, ...changes].map((one) => ({ window: one.window, organism: chosen, result: null }));
  await compute([...windows], () => {});
  const [own, ...results] = windows.map(({ result }) => result);
  return rowsOf(facts, header, own, changes, results);
}

/** Each window of an organism once: {window, organism}; proteins get the key of theirs. */
function distinct(proteins, organismOf) {
  const windows = new Map();
  proteins.forEach((protein, n) => {
    const window = protein.sequence.slice(0, facts.window), organism = organismOf(n);
    protein.key = `${organism} ${window}`;
    if (!windows.has(protein.key)) windows.set(protein.key, { window, organism, result: null });
  });
  return windows;
}

async function compute(windows, tell) {
  windows.sort((one, other) => one.window.length - other.window.length);
  const workers = networks.start(windows.length).length;
  const even = Math.ceil(windows.length / (BATCHES_OF_A_WORKER * workers));
  const size = Math.min(Math.max(even, FEWEST_OF_A_BATCH), facts.engine.batch), batches = [];
  for (let start = 0; start < windows.length; start += size) batches.push(encoded(windows.slice(start, start + size)));
  let done = 0;
  await networks.run(batches, windows.length, (batch, results) => {
    results.forEach((result, n) => {
      batch.windows[n].result = result;
    });
    done += results.length;
    tell(done / windows.length);
  });
}

function encoded(windows) {
  const { residues, pad, cleaning } = facts.engine, length = windows.at(-1).window.length;
  const codes = new Uint8Array(windows.length * length).fill(pad), unknown = residues.indexOf(cleaning.unknown);
  windows.forEach(({ window }, row) => {
    for (let at = 0; at < window.length; at += 1) {
      const code = residues.indexOf(window[at]);
      codes[row * length + at] = code < 0 ? unknown : code;
    }
  });
  const types = Object.fromEntries(facts.organisms.map(({ name, types: own }) => [name, facts.types.map((one) => (own.includes(one.name) ? 1 : 0))]));
  return {
    windows, codes, length, lengths: windows.map(({ window }) => window.length),
    possible: windows.map(({ organism }) => types[organism]), eukaryotic: windows.map(({ organism }) => organism === "eukarya"),
  };
}

function counted(predictions) {
  const counts = {};
  for (const { type } of predictions) counts[type] = (counts[type] || 0) + 1;
  return counts;
}

/** The columns of the page's table, the frames that its pictures need, and their curves. */
function shown(predictions, results, reader, frames) {
  const numbers = new Map(), millionths = (value) => Math.round(1e6 * value);
  for (const { frame } of results) if (!numbers.has(frame)) numbers.set(frame, numbers.size);
  const columns = {
    header: predictions.map(({ header }) => header),
    type: predictions.map(({ number }) => number),
    probabilities: predictions.map(({ probabilities }) => probabilities.map(millionths)),
    site: predictions.map(({ site }) => site || 0),
    site_probability: predictions.map(({ siteProbability }) => millionths(siteProbability || 0)),
    regions: predictions.map((one) => reader.strip(one)),
    length: predictions.map(({ sequence }) => sequence.length),
    warnings: predictions.map(({ warnings }) => warnings.join("; ")),
    kinds: predictions.map(({ kinds }) => kinds),
    frame: results.map(({ frame }) => numbers.get(frame)),
  };
  return {
    columns,
    frames: [...numbers.keys()].map((number) => frames[number]),
    windows: predictions.map(({ sequence }) => sequence.slice(0, facts.window)),
    planes: results.map(({ planes }) => planes),
  };
}

async function answer(data) {
  try {
    if (data.scan) self.postMessage({ scanned: await scan(data.scan) });
    else self.postMessage({ done: await run(data.run, (progress) => self.postMessage({ progress })) });
  } catch (error) {
    if (data.scan) self.postMessage({ notScanned: error.message || String(error) });
    else self.postMessage(error instanceof InputError ? { wrong: error.data } : { failed: error.message || String(error) });
  }
}

let before = Promise.resolve(); // the networks do one thing after the other
self.onmessage = ({ data }) => {
  if (data.load) load(data.load);
  else before = before.then(() => answer(data));
};
