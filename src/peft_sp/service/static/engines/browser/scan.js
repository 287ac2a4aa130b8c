// Every change of one residue of a window, as inference/analysis/scan.py makes them and
// io/writers/scans.py writes them.
import { firstWord } from "./text.js";

/** Each {position, residue, to, window}, by position and then in the order of `residues`. */
export function changesOf(window, residues) {
  return Array.from(window).flatMap((residue, at) => Array.from(residues).filter((to) => to !== residue)
    .map((to) => ({ position: at + 1, residue, to, window: window.slice(0, at) + to + window.slice(at + 1) })));
}

/** The rows of scan.tsv; result, and `results` of all changes, are those of windows. */
export function rowsOf(facts, header, result, changes, results) {
  const id = firstWord(header), own = predicted(facts, result);
  const first = { id, position: null, residue: "", to: "", ...own, probability_change: null, type_changed: "", site_change: null, cleavage_probability_change: null };
  return [first, ...changes.map(({ position, residue, to }, n) => {
    const after = predicted(facts, results[n]);
    return {
      id, position, residue, to, ...after,
      probability_change: after.signal_peptide_probability - own.signal_peptide_probability,
      type_changed: after.type === own.type ? "no" : "yes",
      site_change: own.cleavage_site && after.cleavage_site ? after.cleavage_site - own.cleavage_site : null,
      cleavage_probability_change: (after.cleavage_probability ?? 0) - (own.cleavage_probability ?? 0),
    };
  })];
}

function predicted({ types }, { type, probabilities, sites: [cut] }) {
  return {
    signal_peptide_probability: Math.max(1 - probabilities[0], 0),
    type: types[type].name,
    cleavage_site: cut ? cut.position : null,
    cleavage_probability: cut ? cut.probability : null,
  };
}
