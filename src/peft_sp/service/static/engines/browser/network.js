// A worker that runs the network and the decoder over batches of windows, one thread each. Several of
// them are as fast as the runtime's own threads and need no SharedArrayBuffer.
import { Decoder } from "./decoder.js";
import { regionsOf } from "./predictions.js";

let ort, session, decoder, facts;

async function load({ runtime, wasm, model, facts: given }) {
  facts = given;
  ort = await import(runtime);
  Object.assign(ort.env.wasm, { numThreads: 1, wasmPaths: { wasm } });
  session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"], logSeverityLevel: 4 });
  const { residues, pad, grammar, decoding } = facts.engine;
  const every = Uint8Array.from([...residues].map((_, code) => code).concat(pad));
  const found = await run(every, 1, every.length, ["transitions", "starts", "ends"]);
  const scores = { transitions: found.transitions.data, starts: found.starts.data, ends: found.ends.data };
  decoder = new Decoder(grammar, { ...scores, temperature: facts.model.temperature }, decoding);
}

function run(codes, count, length, outputs) {
  return session.run({ residues: new ort.Tensor("uint8", codes, [count, length]) }, outputs);
}

/** Results of windows; codes (windows x length) padded, possible: of each window's organism. */
async function predict({ codes, lengths, length, possible }) {
  const output = (await run(codes, lengths.length, length, ["emissions"])).emissions;
  const emissions = output.data, { largest } = facts.engine.decoding, states = decoder.size;
  for (const score of emissions) if (!(score >= -largest && score <= largest)) throw damaged();
  const results = lengths.map((own, n) => {
    const found = decoder.decode(emissions, n * length * states, own, possible[n]);
    if (!found.probabilities.every(Number.isFinite) || !found.sites.every(({ probability }) => Number.isFinite(probability))) throw damaged();
    return result(found, own);
  });
  output.dispose();
  return results;
}

function damaged() {
  return new Error("the model computes NaN, infinite or far too large scores: its file is damaged; reload the page");
}

/** What the page keeps of a window: planes are its curves but the last, then cleavage, in steps of 1/255. */
function result({ probabilities, type, sites, path, marginals, cleavage }, length) {
  const { grammar, regions } = facts.engine, count = facts.drawing.curves.length;
  const curves = new Float64Array(count * length), planes = new Uint8Array(count * length), drawn = new Float64Array(count);
  for (let at = 0; at < length; at += 1) {
    for (let state = 0; state < decoder.size; state += 1) curves[grammar.curves[state] * length + at] += marginals[at * decoder.size + state];
    for (let curve = 0; curve < count; curve += 1) drawn[curve] = Math.max(drawn[curve], curves[curve * length + at]);
  }
  curves.set(cleavage, (count - 1) * length);
  curves.forEach((value, n) => {
    planes[n] = Math.round(255 * Math.min(Math.max(value, 0), 1));
  });
  const { shown, least } = facts.frames;
  const always = shown[0], wanted = Array.from(drawn.keys()).filter((n) => always.includes(n) || drawn[n] >= least);
  const frame = (length - 1) * shown.length + shown.findIndex((one) => one.join() === wanted.join());
  return { probabilities: Array.from(probabilities), type, sites, planes, frame, regions: path ? regionsOf(path, grammar.regions, regions) : [] };
}

self.onmessage = async ({ data }) => {
  try {
    if (data.load) {
      await load(data.load);
      self.postMessage({ ready: true });
    } else {
      self.postMessage({ number: data.number, results: await predict(data) });
    }
  } catch (error) {
    self.postMessage({ error: `the network cannot run in this browser: ${error.message || error}` });
  }
};
