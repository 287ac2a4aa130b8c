// A worker that runs the network and the decoder over batches of windows, one thread each. Several of
// them are as fast as the runtime's own threads and need no SharedArrayBuffer.
import { BROWSERS } from "../errors.js";
import { Decoder } from "./decoder.js";
import { resultOf } from "./predictions.js";

const LONGEST = 200;
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
  decoder = new Decoder(grammar, scores, facts.model.temperatures, decoding);
}

function run(codes, count, length, outputs) {
  return session.run({ residues: new ort.Tensor("uint8", codes, [count, length]) }, outputs);
}

/** Results of windows; codes (windows x length) padded; possible, eukaryotic: of their organisms. */
async function predict({ codes, lengths, length, possible, eukaryotic }) {
  const output = (await run(codes, lengths.length, length, ["emissions"])).emissions;
  const emissions = output.data, { largest } = facts.engine.decoding, states = decoder.size;
  for (const score of emissions) if (!(score >= -largest && score <= largest)) throw damaged();
  const results = lengths.map((own, n) => {
    const found = decoder.decode(emissions, n * length * states, own, possible[n], eukaryotic[n]);
    if (!found.probabilities.every(Number.isFinite) || !found.sites.every(({ probability }) => Number.isFinite(probability))) throw damaged();
    return resultOf(facts, found, own);
  });
  output.dispose();
  return results;
}

function damaged() {
  return new Error("the model computes NaN, infinite or far too large scores: its file is damaged; reload the page");
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
    self.postMessage({ error: `the network cannot run here; reload the page, and if this stays, use ${BROWSERS} (${String(error.message || error).slice(0, LONGEST)})` });
  }
};
