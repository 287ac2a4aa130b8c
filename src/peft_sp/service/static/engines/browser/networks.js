// The workers that run the network: batches are given to whichever is free.

const MOST = 4, WORTH_ONE_MORE = 256;
// Windows of a job for which a further worker is worth its loading.

export class Networks {
  /** load: what `network.js` needs to start. */
  constructor(load) {
    this.load = load;
    this.workers = [];
    this.processors = Math.min(navigator.hardwareConcurrency || 1, MOST);
  }

  /** Start as many as suit a job of so many windows. */
  start(windows = 0) {
    const wanted = Math.min(this.processors, 1 + Math.floor(windows / WORTH_ONE_MORE));
    while (this.workers.length < wanted) this.workers.push(new Network(this.load));
    return this.workers.slice(0, wanted);
  }

  /** Results of all batches; onBatch(batch, results) is called after each. */
  async run(batches, windows, onBatch) {
    const left = [...batches].reverse(); // the long windows first: short batches at the end wait less
    await Promise.all(
      this.start(windows).map(async (network) => {
        await network.ready;
        while (left.length) {
          const batch = left.shift();
          onBatch(batch, await network.predict(batch));
        }
      }),
    );
  }
}

class Network {
  constructor(load) {
    this.worker = new Worker(new URL("network.js", import.meta.url), { type: "module" });
    this.waiting = null;
    this.worker.onmessage = ({ data }) => (data.error ? this.waiting.reject(new Error(data.error)) : this.waiting.resolve(data.results));
    this.worker.onerror = (event) => this.waiting.reject(new Error(event.message || "a worker of the page cannot start"));
    this.ready = this.ask({ load });
    this.ready.catch(() => {}); // told to who waits for it
  }

  predict({ codes, lengths, length, possible, eukaryotic }) {
    return this.ask({ codes, lengths, length, possible, eukaryotic });
  }

  ask(message) {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.worker.postMessage(message);
    });
  }
}
