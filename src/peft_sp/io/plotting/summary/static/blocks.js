// Unpacks the blocks that summary/blocks.py packs.

const KEPT = 12, AT_ONCE = 6;

export async function unpack(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export async function unpackJson(bytes) {
  return JSON.parse(new TextDecoder().decode(await unpack(bytes)));
}

// The proteins of a run. `columns` are the table's, by name, in the order of the input; `profile`
// gives the residues and curves of one protein. Blocks are fetched by `rows(n)` and `curves(n)`,
// which give a promise of the n-th block's bytes.
export class Blocks {
  constructor({ count, rows, curves, drawing }) {
    Object.assign(this, { count, rows, curves, drawing });
    this.columns = { header: [], type: [], probabilities: [], site: [], site_probability: [], regions: [], length: [], warnings: [], kinds: [], frame: [] };
    this.starts = [];
    this.unpacked = new Map();
  }

  get proteins() { return this.columns.header.length; }

  async load() {
    for (let first = 0; first < this.count; first += AT_ONCE) {
      const numbers = Array.from({ length: Math.min(AT_ONCE, this.count - first) }, (_, n) => first + n);
      const parts = await Promise.all(numbers.map(async (n) => unpackJson(await this.rows(n))));
      for (const part of parts) {
        this.starts.push(this.proteins);
        for (const key of Object.keys(this.columns)) for (const value of part[key]) this.columns[key].push(value);
      }
    }
    return this;
  }

  async curvesOf(block) {
    if (!this.unpacked.has(block)) {
      const content = Promise.resolve(this.curves(block)).then(unpack);
      content.catch(() => this.unpacked.delete(block)); // it may be asked for again
      this.unpacked.set(block, content);
      if (this.unpacked.size > KEPT) this.unpacked.delete(this.unpacked.keys().next().value);
    }
    return this.unpacked.get(block);
  }

  async profile(protein) {
    let block = this.starts.length - 1;
    while (this.starts[block] > protein) block -= 1;
    const bytes = await this.curvesOf(block), { length } = this.columns;
    const end = block + 1 < this.starts.length ? this.starts[block + 1] : this.proteins;
    const planes = this.drawing.curves.length, read = (i) => Math.min(length[i], this.drawing.window);
    let letters = 0, before = 0;
    for (let i = this.starts[block]; i < end; i += 1) {
      if (i === protein) before = letters;
      letters += read(i);
    }
    const size = read(protein), at = letters + before * planes;
    const window = String.fromCharCode(...bytes.subarray(before, before + size));
    const plane = (n) => Array.from(bytes.subarray(at + n * size, at + (n + 1) * size), (x) => x / 255);
    const curves = Array.from({ length: planes - 1 }, (_, n) => plane(n));
    curves.push(window.split("").map((_, i) => Math.max(0, 1 - curves.reduce((sum, c) => sum + c[i], 0))));
    return { window, curves, cleavage: plane(planes - 1) };
  }
}

// Regions of a row of the table: [number of the curve, first residue, last residue] each.
export function regionsOf(columns, i) {
  const flat = columns.regions[i];
  return Array.from({ length: flat.length / 3 }, (_, n) => flat.slice(3 * n, 3 * n + 3));
}

export function three(millionths) { return (millionths / 1e6).toFixed(3); }
