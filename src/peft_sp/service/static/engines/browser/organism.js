// Eukarya or other, decided by the organism that a header names, as io/organism.py decides it.
import { first, pattern, words } from "./text.js";

const MARKS = /[[\]'"()]/g;

export class Organisms {
  /** text: of the table of genera and taxonomy identifiers. */
  constructor(rules, text) {
    this.rules = rules;
    for (const name of ["identifier", "name", "nextField", "chain", "chainIdentifier", "viral", "prokaryote", "guest"]) {
      this[name] = pattern(rules[name]);
    }
    this.chainStart = new RegExp(`^(?:${rules.chain.pattern})`, rules.chain.flags);
    this.nextField = pattern(rules.nextField, "g");
    this.prefixes = new Set(rules.prefixes);
    this.known = new Map();
    const sections = new Map(text.split("\n[").slice(1).map((section) => section.split("]\n")));
    this.names = new Map();
    for (const organism of ["eukarya", "other"]) for (const name of sections.get(organism).split("\n")) this.names.set(name, organism);
    const runs = sections.get("identifiers").split("\n").filter(Boolean);
    this.starts = new Int32Array(runs.length);
    this.runs = runs.map((run) => rules.letters[run.at(-1)]);
    let start = 0;
    runs.forEach((run, n) => {
      start += Number.parseInt(run, 10);
      this.starts[n] = start;
    });
  }

  /** The organism that a header names, null where it names none. */
  of(header) {
    if (header.includes("=")) {
      const own = this.identifier.exec(header), known = own && this.ofIdentifier(Number(own[1]));
      if (known) return known;
      const found = this.name.exec(header), named = found && this.ofName(this.field(header, found.index + found[0].length));
      if (named) return named;
    }
    const bracketed = header.endsWith("]") && this.ofName(this.inBrackets(header));
    if (bracketed) return bracketed;
    if (header[4] === "_" && header.endsWith(")") && this.chainStart.test(header)) {
      const own = this.chainIdentifier.exec(header.slice(-this.rules.longest));
      return own ? this.ofIdentifier(Number(own[1])) : null;
    }
    return this.rules.refseq[header.slice(0, 3)] || null;
  }

  ofIdentifier(identifier) {
    let low = 0, high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= identifier) low = middle + 1;
      else high = middle;
    }
    return low ? this.runs[low - 1] : null;
  }

  field(header, start) {
    const text = first(header.slice(start), this.rules.longest);
    this.nextField.lastIndex = 1;
    const end = this.nextField.exec(text), name = end ? text.slice(0, end.index) : text;
    return name.includes(" ") ? name : name.replaceAll("_", " ");
  }

  inBrackets(header) {
    const name = header.slice(header.lastIndexOf("[") + 1, -1);
    if (!name.includes("]")) return name;
    let depth = 0;
    for (let at = header.length - 1; at > Math.max(header.length - this.rules.longest, -1); at -= 1) {
      depth += (header[at] === "]") - (header[at] === "[");
      if (!depth) return header.slice(at + 1, -1);
    }
    return "";
  }

  ofName(given) {
    const name = first(given, this.rules.longest);
    if (!this.known.has(name)) this.known.set(name, this.find(name));
    return this.known.get(name);
  }

  find(name) {
    const own = words(name.replace(MARKS, ""));
    while (own.length && this.prefixes.has(own[0].toLowerCase())) own.shift();
    if (!own.length || this.viral.test(name)) return null;
    if (this.prokaryote.test(name)) return "other";
    const domain = this.names.get(own.slice(0, 2).join(" ")) || this.names.get(own[0]) || null;
    return domain === "eukarya" && this.guest.test(own.slice(1).join(" ")) ? null : domain;
  }
}
