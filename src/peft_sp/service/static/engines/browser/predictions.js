// Results of windows -> predictions of proteins, as inference/predictor.py and biology/ make them.
import { pattern } from "./text.js";

export class Predictions {
  constructor(facts) {
    this.facts = facts;
    this.engine = facts.engine;
    this.rules = facts.engine.notes;
    this.types = facts.types.map(({ name }) => name);
    this.partial = pattern(this.rules.words);
    this.curves = facts.drawing.curves.map(({ name }) => name);
  }

  /** protein, its window's result, the organism that its header names or null, and the choice. */
  of(protein, result, named, choice) {
    const organism = choice === "auto" ? named : choice, cut = result.sites[0] || null;
    const made = {
      ...protein,
      type: this.types[result.type],
      number: result.type,
      probabilities: result.probabilities,
      site: cut ? cut.position : null,
      siteProbability: cut ? cut.probability : null,
      sites: result.sites,
      regions: result.regions,
      organism: organism || "other",
      undecided: organism === null,
    };
    made.notes = this.notes(made, named);
    made.kinds = [...made.notes, ...new Set(protein.warnings.map((warning) => this.kind(warning)))];
    made.warnings = [...protein.warnings, ...made.notes];
    return made;
  }

  /** The kind of a warning of what was changed. */
  kind(warning) {
    const found = Object.entries(this.rules.kinds).find(([text]) => warning.includes(text));
    return found ? found[1] : this.rules.changed;
  }

  notes({ undecided, organism, sequence, header, site, probabilities }, named) {
    const { rules } = this, found = [];
    if (undecided) found.push(rules.undecided);
    else if (named !== null && named !== organism) found.push(rules.ofAnother[organism]);
    if (sequence[0] !== "M") found.push(rules.notM);
    if (this.partial.test(header)) found.push(rules.partial);
    if (site) {
      if (sequence.length - site < rules.leastLeft) found.push(rules.littleLeft);
      if (probabilities[0] >= rules.doubt && this.spansAMembrane(sequence.slice(0, this.facts.window))) found.push(rules.anchor);
    }
    return found;
  }

  spansAMembrane(window) {
    const { hydropathy, nTerminal, membrane, membraneHydropathy } = this.rules, sums = [0];
    for (const letter of window.slice(0, nTerminal)) sums.push(sums.at(-1) + (hydropathy[letter] || 0));
    while (sums.length <= membrane) sums.push(sums.at(-1));
    let best = -Infinity, mean = 0;
    for (let at = membrane; at < sums.length; at += 1) {
      const own = (sums[at] - sums[at - membrane]) / membrane, rounded = Math.round(own * 1e6);
      if (rounded > best) [best, mean] = [rounded, own];
    }
    return mean >= membraneHydropathy;
  }

  /** A region {start, end} from its first to its last residue, null where there is none. */
  span({ regions }, name) {
    const own = regions.filter((region) => this.engine.parts[name].includes(region.name));
    return own.length ? { name, start: own[0].start, end: own.at(-1).end } : null;
  }

  /** The regions of the strip in a picture: numbers of curve, first and last residue in a row. */
  strip(prediction) {
    const shown = prediction.regions.filter(({ name }) => name !== "lipid-modified cysteine");
    return shown.flatMap((region) => {
      const { name, start, end } = region.name === "lipobox" ? this.span(prediction, region.name) : region;
      return [this.curves.indexOf(name), start, end];
    });
  }
}

/** What is kept of a decoded window: planes are its curves but the last, which is what remains, and
 * its cleavage probabilities, in steps of 1/255. */
export function resultOf(facts, { probabilities, type, sites, path, marginals, cleavage }, length) {
  const { grammar, regions } = facts.engine, states = grammar.types.length, count = facts.drawing.curves.length;
  const curves = new Float64Array(count * length), planes = new Uint8Array(count * length), largest = new Float64Array(count);
  for (let at = 0; at < length; at += 1) {
    for (let state = 0; state < states; state += 1) curves[grammar.curves[state] * length + at] += marginals[at * states + state];
    for (let curve = 0; curve < count; curve += 1) largest[curve] = Math.max(largest[curve], curves[curve * length + at]);
  }
  curves.set(cleavage, (count - 1) * length);
  curves.forEach((value, n) => {
    planes[n] = Math.round(255 * Math.min(Math.max(value, 0), 1));
  });
  const frame = frameOf(facts.frames, largest, length);
  return { probabilities: Array.from(probabilities), type, sites, planes, frame, regions: path ? regionsOf(path, grammar.regions, regions) : [] };
}

/** The number of a picture's frame: one for each length and each choice of curves worth drawing. */
function frameOf({ shown, least }, largest, length) {
  const [always] = shown, drawn = Array.from(largest.keys()).filter((n) => always.includes(n) || largest[n] >= least);
  return (length - 1) * shown.length + shown.findIndex((one) => one.join() === drawn.join());
}

/** Runs of one region in a path; numbers: region of each state, 0 for none. */
function regionsOf(path, numbers, names) {
  const found = [];
  let before = 0;
  path.forEach((state, at) => {
    const number = numbers[state];
    if (number && number === before) found.at(-1).end = at + 1;
    else if (number) found.push({ name: names[number - 1], start: at + 1, end: at + 1 });
    before = number;
  });
  return found;
}
