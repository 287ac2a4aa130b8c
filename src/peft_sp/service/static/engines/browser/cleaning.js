// From a record as it stands in a file to a protein that can be predicted, as io/cleaning.py does it.
import { InputError, first, firstWord, isPrintable, joined, pattern, quoted, strip } from "./text.js";

const STRAY = /[\udc80-\udcff]/gu;
const UNDEFINED = new Set([0x81, 0x8d, 0x8f, 0x90, 0x9d]);
const windows1252 = new TextDecoder("windows-1252");

/** Why a record cannot be predicted. */
export class UnusableRecord extends Error {}

export class Cleaner {
  constructor(rules, window, kept) {
    this.rules = rules;
    this.window = window;
    this.kept = kept;
    this.known = new Set(rules.residues);
    this.labels = new Set(rules.labels);
    this.threeLetters = new Set(rules.words);
    for (const name of ["grouped", "pir", "marks", "sign"]) this[name] = pattern(rules[name]);
    for (const name of ["whitespace", "control"]) this[name] = pattern(rules[name], "g");
    this.grouped = pattern(rules.grouped);
    this.pirStart = new RegExp(`^(?:${rules.pir.pattern})`, rules.pir.flags);
  }

  /** {header, sequence, warnings} of a raw record. Throws UnusableRecord. */
  clean({ header, sequence, comments }) {
    const { name, warnings } = this.header(header);
    if (comments) warnings.push(`${comments} comment line(s) left out`);
    let letters = joined(sequence);
    const sign = this.sign.exec(letters);
    if (sign) throw new UnusableRecord(notAnAminoAcid(sign[0], sign.index + 1));
    letters = letters.toUpperCase().replace(/\*+$/, "");
    const odd = new Set();
    for (const letter of letters) if (!this.known.has(letter)) odd.add(letter);
    if (odd.size) letters = this.without(odd, letters, warnings);
    if (!letters) throw new UnusableRecord("the record has no residues; remove it or give its sequence");
    if (letters.length >= this.rules.suspect && this.looksLikeNucleotides(letters)) {
      if (letters.length >= this.rules.tell) throw new UnusableRecord(this.rules.hint);
      warnings.push("all letters are those of nucleotides");
    }
    const start = letters.slice(0, this.window), { unknown } = this.rules;
    if (2 * count(start, unknown) > start.length) warnings.push(`mostly ${unknown}: little to predict from`);
    const problem = this.moreThanASequence(name, letters);
    if (problem) throw new UnusableRecord(problem);
    return { header: name, sequence: letters, warnings };
  }

  without(odd, given, warnings) {
    let letters = given;
    const gaps = count(letters, "-") + count(letters, ".");
    if (gaps) {
      letters = letters.replace(/[-.]/g, "").replace(/\*+$/, "");
      warnings.push(`${gaps} gap(s) removed`);
    }
    const stops = count(letters, "*");
    if (stops) {
      letters = letters.replaceAll("*", this.rules.unknown);
      warnings.push(`${stops} inner stop(s) read as X`);
    }
    for (const letter of [...odd].filter((one) => !"-.*".includes(one)).sort()) {
      warnings.push(`${count(letters, letter)} ${letter} read as X`);
      letters = letters.replaceAll(letter, this.rules.unknown);
    }
    return letters;
  }

  /** Nearly all letters are bases, and of three or more kinds. */
  looksLikeNucleotides(letters) {
    const counts = {};
    for (const letter of letters) counts[letter] = (counts[letter] || 0) + 1;
    let others = letters.length;
    for (const base of this.rules.nucleotides) others -= counts[base] || 0;
    if (others > (1 - this.rules.share) * letters.length) return false;
    return Array.from("ACGTU").filter((base) => (counts[base] || 0) > letters.length / 50).length >= 3;
  }

  moreThanASequence(name, letters) {
    if (this.threeLetters.has(letters.slice(0, 3)) && this.isThreeLetterCode(letters)) {
      return "this is the three-letter code (Met, Lys, ...); give one letter a residue";
    }
    if (this.pirStart.test(name)) return "this looks like PIR, whose second line is a title; give FASTA";
    if (!this.grouped.test(name)) return null;
    const half = Math.floor(letters.length / 2), behind = letters.slice(half);
    if (half >= this.rules.labelled && 2 * half === letters.length && Array.from(behind).every((one) => this.labels.has(one))) {
      return "labels follow the sequence (three-line format); leave them out";
    }
    return null;
  }

  isThreeLetterCode(letters) {
    if (letters.length < 3 * this.rules.fewestWords) return false;
    for (let at = 0; at < letters.length; at += 3) if (!this.threeLetters.has(letters.slice(at, at + 3))) return false;
    return true;
  }

  /** A header that every file can hold, on one line and never empty, and warnings. */
  header(given) {
    if (given && isPrintable(given) && !" >#".includes(given[0]) && given.at(-1) !== " ") return { name: given, warnings: [] };
    const warnings = [];
    let stray = 0, controls = 0;
    const read = given.replace(STRAY, (letter) => {
      stray += 1;
      const byte = letter.charCodeAt(0) - 0xdc00;
      return UNDEFINED.has(byte) ? "\ufffd" : windows1252.decode(Uint8Array.of(byte));
    });
    if (stray) warnings.push(`header: ${stray} byte(s) that are no UTF-8 read as Windows-1252`);
    const spaced = read.replace(this.whitespace, " ").replace(this.control, () => {
      controls += 1;
      return " ";
    });
    if (controls) warnings.push(`header: ${controls} invisible character(s) read as spaces`);
    let name = strip(spaced);
    if (name[0] === ">" || name[0] === "#") {
      warnings.push(`header: '${name[0]}' at its beginning left out`);
      name = name.replace(this.marks, "");
    }
    if (!name) warnings.push(`header: empty; called ${this.rules.unnamed}`);
    return { name: name || this.rules.unnamed, warnings };
  }

  /** The error of a record, with its file, line and name. */
  located(problem, file, { header, line }) {
    return new InputError(problem, { file, line, record: firstWord(this.header(first(header, this.kept)).name) });
  }
}

function count(text, letter) {
  let found = 0;
  for (let at = text.indexOf(letter); at >= 0; at = text.indexOf(letter, at + 1)) found += 1;
  return found;
}

function notAnAminoAcid(letter, position) {
  if (letter === ">") return `'>' at residue ${position}: a line end is missing before a header; put it in`;
  const code = letter.charCodeAt(0);
  const shown = letter.length === 1 && code >= 0xdc80 && code <= 0xdcff ? `byte 0x${(code - 0xdc00).toString(16)}` : quoted(letter);
  return `${shown} at residue ${position} is no amino acid; ${/[\p{Nd}\xb2\xb3\xb9\u2070\u2074-\u2079\u2080-\u2089]/u.test(letter) ? "remove the numbers" : "remove it"}`;
}
