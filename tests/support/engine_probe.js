// Calls the modules of the browser's engine one by one, for tests; stands beside the site's page.
import { unpack } from "./shared/blocks.js";
import { Decoder } from "./engines/browser/decoder.js";
import { Fasta } from "./engines/browser/fasta.js";
import { Organisms } from "./engines/browser/organism.js";
import { Predictions, resultOf } from "./engines/browser/predictions.js";
import { InputError, fixed, shortest } from "./engines/browser/text.js";
import { files } from "./engines/browser/writers.js";
import { start } from "./engines/browser.js";

const facts = await (await fetch("facts.json")).json();
const fetched = async (name) => (await fetch(name)).arrayBuffer();
const domains = await unpack(new Uint8Array(await fetched("domains.bin")));
const organisms = new Organisms(facts.engine.organism, new TextDecoder().decode(domains));
const input = new Fasta(facts.engine, facts.window, facts.limits);
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const results = new Map();
let engine = null;

export const written = (value) => [shortest(value), fixed(value, 6), fixed(value, 4)];

// Of each content its proteins, or the words of its error.
export function read([contents, name, skip]) {
  return Promise.all(contents.map(async (content) => {
    try {
      const { proteins, unusable } = await input.read([{ name, bytes: bytesOf(content) }], skip);
      const own = ({ id, header, sequence, warnings, line }) => [id, header, sequence, warnings, line, organisms.of(header)];
      return [unusable, proteins.map(own)];
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return error.text;
    }
  }));
}

// How far the decoder is from Python's, whose numbers of one window after the other are fetched.
export async function decode({ windows, organisms: chosen, lookedAt, ...crf }) {
  const scores = new Float32Array(await fetched("scores.bin")), expected = new Float64Array(await fetched("expected.bin"));
  const decoder = new Decoder(facts.engine.grammar, crf, facts.model.temperatures, facts.engine.decoding);
  const types = {}, worst = {};
  let score = 0, at = 0, differing = 0;
  const next = (count) => expected.subarray(at, (at += count));
  const compare = (name, own, other) => other.forEach((value, n) => {
    worst[name] = Math.max(worst[name] || 0, Math.abs(own[n] - value));
  });
  windows.forEach((letters, row) => {
    const { length } = letters, own = facts.organisms.find(({ name }) => name === chosen[row]);
    const found = decoder.decode(scores, score, length, facts.types.map(({ name }) => own.types.includes(name)), chosen[row] === "eukarya");
    score += length * decoder.size;
    compare("types", found.probabilities, next(decoder.types));
    const [type, site, probability] = next(3), path = next(length), [best] = found.sites;
    differing += type !== found.type || site !== (best ? best.position : 0);
    if (found.path) path.forEach((state, n) => { differing += state !== found.path[n]; });
    compare("site", [best ? best.probability : 0], [probability]);
    compare("cleavage", found.cleavage, next(length));
    if (row < lookedAt) compare("marginals", found.marginals, next(length * decoder.size));
    types[facts.types[type].name] = true;
    results.set(`${chosen[row]} ${letters}`, resultOf(facts, found, length));
  });
  return { types: Object.keys(types), worst, differing, all: at === expected.length };
}

// Every file of a run whose windows were decoded.
export async function write([text, organism]) {
  const { proteins, unusable } = await input.read([{ name: "real.faa", bytes: new TextEncoder().encode(text) }]);
  const reader = new Predictions(facts);
  const predictions = proteins.map((protein) => {
    const named = organisms.of(protein.header), own = (organism === "auto" ? named : organism) || "other";
    return reader.of(protein, results.get(`${own} ${protein.sequence.slice(0, facts.window)}`), named, organism);
  });
  return files(facts, predictions, reader, { organism, directory: "results", unusable, time: new Date() });
}

// Kinds of warnings, by which the table filters.
export const kinds = (warnings) => warnings.map((one) => new Predictions(facts).kind(one));

// A whole job of the engine, as the page has it.
export async function run(request) {
  engine ??= await start(facts);
  const seen = [], job = await engine.submit({ files: [], ...request });
  const state = await job.watch(({ progress }) => seen.push(progress.done));
  const tsv = state.state === "done" ? await job.file("predictions.tsv").text() : "";
  return { state, seen, tsv, isolated: crossOriginIsolated, threads: typeof SharedArrayBuffer };
}

export async function cancel(request) {
  const job = await engine.submit({ files: [], ...request }), over = job.watch(() => {});
  job.cancel();
  return (await over).state;
}
