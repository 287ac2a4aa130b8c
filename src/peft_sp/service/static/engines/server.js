// Predicts by the API of the server that the page comes from.

import { Blocks } from "../shared/blocks.js";
import { InputError, TEXT } from "./errors.js";

// Blocks of 512 proteins that a page holds: of a larger job the table shows the beginning.
export const MOST = { blocks: 400 };
const FINAL = ["done", "failed", "cancelled"], POLL = 1500;
// Letters from which on a text is sent as a file: the server takes little JSON.
const LARGE = 1e6;

export async function start(facts) {
  const about = await json("api/v1/about");
  const days = about.kept_days;
  return {
    about: () => ({
      ...about,
      api: "openapi.json",
      privacy: `Your sequences go to ${location.host} and nowhere else; they and the results are removed there ${days === 1 ? "after a day" : `after ${days} days`}, or when you delete them.`,
    }),
    submit: (request) => {
      refuseTooLarge(about.limits, request);
      return submit(facts, request);
    },
    open: async (id) => new Job(facts, await json(`api/v1/jobs/${encodeURIComponent(id)}`)),
  };
}

// Before anything is sent: the server would say the same after minutes.
function refuseTooLarge({ max_bytes: most }, { text, files = [] }) {
  const bytes = files.reduce((sum, file) => sum + file.size, text.length), mb = (count) => (count / 1e6).toLocaleString("en", { maximumFractionDigits: 1 });
  if (bytes > most) throw new InputError({ message: `These are ${mb(bytes)} MB, and ${mb(most)} MB are the most that this server takes; send them as several jobs.` });
}

async function submit(facts, { text, files = [], organism, model, compare, skipInvalid = false }) {
  const options = { organism, model, compare: compare || null, skip_invalid: skipInvalid };
  const request = { method: "POST" };
  if (files.length || text.length > LARGE) {
    const form = new FormData();
    for (const [key, value] of Object.entries(options)) if (value !== null) form.append(key, value);
    if (text.trim()) form.append("files", new Blob([text]), TEXT);
    for (const file of files) form.append("files", file, file.name);
    request.body = form;
  } else {
    request.headers = { "Content-Type": "application/json" };
    request.body = JSON.stringify({ fasta: text, ...options });
  }
  const accepted = await json("api/v1/jobs", request);
  return new Job(facts, await json(`api/v1/jobs/${accepted.id}`));
}

class Job {
  constructor(facts, state) {
    Object.assign(this, { facts, state });
    this.url = `api/v1/jobs/${state.id}`;
  }

  get id() { return this.state.id; }
  get files() { return this.state.files; }
  get expires() { return this.state.expires; }
  get link() { return new URL(`#job=${this.id}`, location.href).href; }

  // Told of each change until the job is over; gives its final state.
  async watch(onState) {
    const told = (state) => { this.state = state; onState(state); };
    told(this.state);
    while (!FINAL.includes(this.state.state)) {
      try {
        await events(`${this.url}/events`, told);
      } catch (error) {
        if (error.status === 404) throw error;
        await new Promise((done) => setTimeout(done, POLL));
      }
      if (!FINAL.includes(this.state.state)) told(await json(this.url));
    }
    return this.state;
  }

  async view() {
    const { proteins, blocks, frames } = await json(`${this.url}/view`);
    const fetched = (kind) => async (n) => (await answer(`${this.url}/view/${n}/${kind}`)).arrayBuffer();
    this.blocks = await new Blocks({
      count: Math.min(blocks, MOST.blocks), rows: fetched("rows"), curves: fetched("curves"), drawing: this.facts.drawing,
    }).load();
    return { proteins, columns: this.blocks.columns, frames };
  }

  profile(i) { return this.blocks.profile(i); }
  scan(i) { return json(`${this.url}/scan/${i}`); }
  compared() { return this.state.compare ? json(`${this.url}/compare`) : []; }
  async file(name) { return (await answer(`${this.url}/results/${encodeURIComponent(name)}`)).blob(); }
  async archive() { return (await answer(`${this.url}/results?format=zip`)).blob(); }
  // A job that is not over is cancelled, one that is, removed.
  async cancel() { await answer(this.url, { method: "DELETE" }); }
  async remove() { await answer(this.url, { method: "DELETE" }); }
}

// Server-sent events: each `job` holds the job as JSON. By fetch, since EventSource shows no status.
async function events(url, onState) {
  const reader = (await answer(url)).body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (held + value.replace(/\r/g, "")).split("\n\n");
    held = parts.pop();
    for (const part of parts) {
      const data = part.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
      if (data) onState(JSON.parse(data));
    }
  }
}

async function json(url, request) { return (await answer(url, request)).json(); }

async function answer(url, request) {
  const response = await fetch(url, request).catch(() => { throw new Error("The server cannot be reached; is it running?"); });
  if (response.ok) return response;
  throw await problem(response);
}

async function problem(response) {
  let detail = { message: `The server answered ${response.status} ${response.statusText}.` };
  try { detail = (await response.json()).error; } catch { /* not an answer of this API */ }
  const wait = response.headers.get("Retry-After");
  if (wait && !/second|minute|hour/.test(detail.message)) detail.message += `; try again in ${wait} seconds`;
  const error = response.status < 500 && response.status !== 404 ? new InputError(detail) : new Error(detail.message);
  error.status = response.status;
  return error;
}
