// Emissions of a window -> types, cleavage sites, regions: inference/decoding/decoder.py window by window,
// with the same recursions in float64. The formulas stand there; names are the same here.

export class Decoder {
  /** scores: {transitions (S x S), starts, ends}, of which forbidden ones are not read; temperatures:
   * of types, of those of eukaryotes (null for no other) and of sites. */
  constructor(grammar, scores, temperatures, decoding) {
    const size = grammar.types.length, types = grammar.types.at(-1) + 1;
    Object.assign(this, { size, types, decoding, temperatures });
    this.typeOf = Int32Array.from(grammar.types);
    this.cuts = grammar.cuts;
    this.begin = new Int32Array(types + 1).fill(size);
    for (let state = size - 1; state >= 0; state -= 1) this.begin[this.typeOf[state]] = state;
    this.hasCut = new Uint8Array(types);
    for (const [source] of grammar.cuts) this.hasCut[this.typeOf[source]] = 1;
    this.beforeCut = new Uint8Array(size);
    for (const state of grammar.beforeCut) this.beforeCut[state] = 1;
    this.logStarts = allowed(size, grammar.starts, scores.starts);
    this.logEnds = allowed(size, grammar.ends, scores.ends);
    this.starts = this.logStarts.map(Math.exp);
    this.ends = this.logEnds.map(Math.exp);
    // Arrows [from, to] by what they lead to, their sources in order.
    const arrows = [...grammar.transitions].sort(([a, b], [c, d]) => b - d || a - c);
    this.from = Int32Array.from(arrows, ([source]) => source);
    this.to = Int32Array.from(arrows, ([, target]) => target);
    this.logScore = Float64Array.from(arrows, ([source, target]) => scores.transitions[source * size + target]);
    this.score = this.logScore.map(Math.exp);
  }

  /** What `Decoded` holds of one window of `length` residues whose emissions begin at `start`.
   *
   * possible: 1 for each type that its organism has; eukaryotic: whether that is a eukaryote. Of the
   * sites the best ones come first.
   */
  decode(emissions, start, length, possible, eukaryotic) {
    const sweep = this.forward(emissions, start, length);
    const probabilities = this.typeProbabilities(sweep, possible, eukaryotic);
    const betas = this.backward(sweep, length);
    let type = 0;
    for (let kind = 1; kind < this.types; kind += 1) if (probabilities[kind] > probabilities[type]) type = kind;
    const marginals = this.marginals(sweep, betas, length, probabilities);
    const found = { probabilities, type, marginals, cleavage: new Float64Array(length), sites: [], path: null };
    if (!this.hasCut[type]) return found;
    found.cleavage = this.cutsOf(type, sweep, betas, length).map((value) => value * probabilities[type]);
    found.sites = this.ranked(found.cleavage);
    if (found.sites.length) found.path = this.bestPath(emissions, start, length, type, found.sites[0].position - 1);
    return found;
  }

  forward(emissions, start, length) {
    const { size, types, begin } = this;
    const weights = new Float64Array(length * size), alpha = new Float64Array(length * size);
    const scale = new Float64Array(length * types).fill(1), log = new Float64Array(types);
    for (let at = 0; at < length; at += 1) {
      const row = at * size, read = start + row;
      for (let kind = 0; kind < types; kind += 1) {
        let peak = -Infinity;
        for (let state = begin[kind]; state < begin[kind + 1]; state += 1) peak = Math.max(peak, emissions[read + state]);
        for (let state = begin[kind]; state < begin[kind + 1]; state += 1) weights[row + state] = Math.exp(emissions[read + state] - peak);
        log[kind] += peak;
      }
      if (at) {
        for (let arrow = 0; arrow < this.from.length; arrow += 1) {
          alpha[row + this.to[arrow]] += alpha[row - size + this.from[arrow]] * this.score[arrow];
        }
        for (let state = 0; state < size; state += 1) alpha[row + state] *= weights[row + state];
      } else {
        for (let state = 0; state < size; state += 1) alpha[state] = this.starts[state] * weights[state];
      }
      if (at % this.decoding.rescaling === 0) {
        this.rescale(alpha, row, scale, at * types);
        for (let kind = 0; kind < types; kind += 1) log[kind] += Math.log(scale[at * types + kind]);
      }
    }
    const last = (length - 1) * size;
    for (let kind = 0; kind < types; kind += 1) {
      let ending = 0;
      for (let state = begin[kind]; state < begin[kind + 1]; state += 1) ending += alpha[last + state] * this.ends[state];
      log[kind] += Math.log(ending);
    }
    return { weights, alpha, scale, log };
  }

  /** Let the variables of each type sum to 1, in place; what they were divided by goes to `scale`. */
  rescale(variables, row, scale, at) {
    for (let kind = 0; kind < this.types; kind += 1) {
      let total = 0;
      for (let state = this.begin[kind]; state < this.begin[kind + 1]; state += 1) total += variables[row + state];
      if (total === 0) total = 1;
      for (let state = this.begin[kind]; state < this.begin[kind + 1]; state += 1) variables[row + state] /= total;
      scale[at + kind] = total;
    }
  }

  typeProbabilities({ log }, possible, eukaryotic) {
    const { types, eukarya } = this.temperatures, temperature = eukaryotic ? (eukarya ?? types) : types;
    const logs = log.map((value, kind) => (possible[kind] ? value / temperature : -Infinity));
    const peak = Math.max(...logs), weights = logs.map((value) => Math.exp(value - peak));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  }

  backward({ weights }, length) {
    const { size } = this, betas = new Float64Array(length * size), ignored = new Float64Array(this.types);
    betas.set(this.ends, (length - 1) * size);
    for (let at = length - 2; at >= 0; at -= 1) {
      const row = at * size, next = row + size;
      for (let arrow = 0; arrow < this.from.length; arrow += 1) {
        const target = next + this.to[arrow];
        betas[row + this.from[arrow]] += this.score[arrow] * weights[target] * betas[target];
      }
      if (at % this.decoding.rescaling === 0) this.rescale(betas, row, ignored, 0);
    }
    return betas;
  }

  marginals({ alpha }, betas, length, probabilities) {
    const joint = new Float64Array(length * this.size);
    for (let row = 0; row < joint.length; row += this.size) {
      for (let kind = 0; kind < this.types; kind += 1) {
        const total = this.total(alpha, betas, row, kind), factor = probabilities[kind] / (total > 0 ? total : 1);
        for (let state = row + this.begin[kind]; state < row + this.begin[kind + 1]; state += 1) joint[state] = alpha[state] * betas[state] * factor;
      }
    }
    return joint;
  }

  total(alpha, betas, row, kind) {
    let total = 0;
    for (let state = row + this.begin[kind]; state < row + this.begin[kind + 1]; state += 1) total += alpha[state] * betas[state];
    return total;
  }

  /** P(cut after each residue | type), at the temperature of sites. */
  cutsOf(type, { weights, alpha, scale }, betas, length) {
    const { size } = this, posterior = new Float64Array(length);
    for (const [source, target] of this.cuts) {
      if (this.typeOf[source] !== type) continue;
      const arrow = this.from.findIndex((one, n) => one === source && this.to[n] === target);
      for (let at = 0; at + 1 < length; at += 1) {
        const next = (at + 1) * size;
        const pair = alpha[at * size + source] * this.score[arrow] * weights[next + target] * betas[next + target];
        const total = this.total(alpha, betas, next, type) * scale[(at + 1) * this.types + type];
        if (total > 0) posterior[at] += pair / total;
      }
    }
    if (this.temperatures.sites === 1) return posterior;
    const powers = posterior.map((value) => value ** (1 / this.temperatures.sites));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / (total > 0 ? total : 1));
  }

  /** The most probable sites, 1-based, that have their share of the best one's probability. */
  ranked(cleavage) {
    const order = Array.from(cleavage.keys()).sort((a, b) => cleavage[b] - cleavage[a] || a - b);
    const sites = order.slice(0, this.decoding.ranked).map((at) => ({ position: at + 1, probability: cleavage[at] }));
    return sites.filter(({ probability }) => probability > 0 && probability >= this.decoding.alternative * sites[0].probability);
  }

  /** The best path of a type that is cut after the 0-based residue `last` (Viterbi). */
  bestPath(emissions, start, length, type, last) {
    const { size, begin } = this, origins = new Int8Array(length * size);
    let score = new Float64Array(size);
    const fits = (state, at) => (this.typeOf[state] === type && this.beforeCut[state] === (at <= last ? 1 : 0) ? emissions[start + at * size + state] : -Infinity);
    for (let state = 0; state < size; state += 1) score[state] = this.logStarts[state] + fits(state, 0);
    for (let at = 1; at < length; at += 1) {
      const best = new Float64Array(size).fill(-Infinity);
      for (let arrow = 0; arrow < this.from.length; arrow += 1) {
        const target = this.to[arrow];
        if (target < begin[type] || target >= begin[type + 1]) continue;
        const candidate = score[this.from[arrow]] + this.logScore[arrow];
        if (candidate > best[target]) {
          best[target] = candidate;
          origins[at * size + target] = this.from[arrow];
        }
      }
      for (let state = begin[type]; state < begin[type + 1]; state += 1) best[state] += fits(state, at);
      score = best;
    }
    let state = 0;
    for (let one = 1; one < size; one += 1) if (score[one] + this.logEnds[one] > score[state] + this.logEnds[state]) state = one;
    const path = new Int8Array(length);
    for (let at = length - 1; at >= 0; at -= 1) {
      path[at] = state;
      state = origins[at * size + state];
    }
    return path;
  }
}

/** Scores of the states that are allowed, minus infinity for all others. */
function allowed(size, states, scores) {
  const found = new Float64Array(size).fill(-Infinity);
  for (const state of states) found[state] = scores[state];
  return found;
}
