// FASTA as it comes, as io/raw_fasta.py and io/fasta.py read it: errors say where, names stay apart.
import { Cleaner, UnusableRecord } from "./cleaning.js";
import { Formats } from "./formats.js";
import { InputError, comma, first, firstWord, isLetters, pattern, quoted, startsWithLetter, strip } from "./text.js";

export class Fasta {
  constructor(engine, window, limits) {
    this.engine = engine;
    this.limits = limits;
    this.formats = new Formats(engine.formats);
    this.cleaner = new Cleaner(engine.cleaning, window, engine.raw.kept);
    this.window = window;
    this.before = pattern(engine.raw.before);
    this.columns = pattern(engine.raw.columns);
    this.blank = pattern(engine.raw.blank);
    this.marked = pattern(engine.raw.marked);
  }

  /** The proteins of sources {name, bytes}, and what is known of the input. Throws InputError.
   *
   * skipInvalid: leave out records that cannot be predicted, unless none is left.
   */
  async read(sources, skipInvalid = false) {
    const proteins = [], skipped = [];
    for (const { name, bytes } of sources) {
      const text = await this.formats.text(bytes, name, this.limits.bytes);
      for (const raw of this.records(text, name)) {
        const protein = this.usable(raw, name, skipInvalid, skipped);
        if (!protein) continue;
        if (proteins.length === this.limits.records) throw this.tooMany(name);
        proteins.push({ ...protein, line: raw.line, file: sources.length > 1 ? this.cleaner.header(name).name : "" });
      }
    }
    this.refuseNucleotides(proteins, sources);
    if (!proteins.length) {
      const { message, line, record, file } = skipped[0];
      throw new InputError(`no record can be predicted; of this one: ${message}`, { line, record, file });
    }
    return { proteins: named(proteins), unusable: skipped.length, skipped };
  }

  usable(raw, name, skipInvalid, skipped) {
    try {
      return this.cleaner.clean(raw);
    } catch (error) {
      if (!(error instanceof UnusableRecord)) throw error;
      const located = this.cleaner.located(error.message, name, raw);
      if (!skipInvalid) throw located;
      skipped.push(located);
      return null;
    }
  }

  tooMany(file) {
    return new InputError(`more than ${comma(this.limits.records)} records, which is too much for a browser; use the command or the server`, { file });
  }

  refuseNucleotides(proteins, sources) {
    const { cleaning, sample } = this.engine;
    const beginning = proteins.slice(0, sample).map(({ sequence }) => sequence.slice(0, this.window)).join("");
    if (beginning.length >= Math.floor(cleaning.tell / 2) && this.cleaner.looksLikeNucleotides(beginning)) {
      throw new InputError(cleaning.hint, { file: sources[0].name });
    }
  }

  /** The records of a text as they stand in it: header, sequence, line, comments. */
  *records(text, file) {
    const { longest, idle: mostIdle } = this.engine.formats;
    let record = null, letters = 0, idle = 0, number = 0;
    for (const [given, end] of lines(text)) {
      number += 1;
      let line = given;
      letters += line.length + (end ? 1 : 0);
      if (!startsWithLetter(line)) {
        line = line.replace(this.before, "");
        const mark = line[0];
        if (mark === ">") {
          if (record) yield whole(record);
          letters = line.length + (end ? 1 : 0);
          idle = 0;
          record = { header: strip(line).slice(1), parts: [], line: number, comments: 0 };
        } else if ((mark === undefined || mark === "#" || mark === ";") && letters <= longest) {
          idle += 1;
          if (idle > mostIdle) throw this.tooMuch(`${comma(mostIdle)} blank lines and comments`, number, file, record);
          if (mark && record) record.comments += 1;
          continue;
        }
      }
      if (letters > longest) throw this.tooMuch(`${comma(longest)} letters`, number, file, record);
      if (!record) throw new InputError(this.noHeader(strip(line)), { file, line: number });
      if (line[0] !== ">") record.parts.push(strip(line));
    }
    if (!record) throw new InputError("the file has no records; give protein FASTA", { file });
    yield whole(record);
    const line = loneReturn(text);
    if (line) {
      throw new InputError(
        "a line end of old Macs (CR) in a file of other line ends: what is behind it would be a line of its own; " +
          "remove it, or give all lines one line end",
        { file, line },
      );
    }
  }

  tooMuch(what, line, file, record) {
    const problem = `more than ${what}, which is no protein; leave it out`;
    return record ? this.cleaner.located(problem, file, record) : new InputError(problem, { file, line });
  }

  noHeader(line) {
    const { shown } = this.engine.raw, start = first(line, shown);
    const text = quoted(start === line ? line : `${start}...`);
    let remedy = "remove it";
    if (this.marked.test(line)) remedy = "remove what stands before '>'";
    else if (isLetters(line)) remedy = "put a line such as '>name' before the sequence";
    else if (this.columns.test(line) || !this.blank.test(line)) remedy = "this seems to be a table or a list; give the sequences as FASTA";
    return `not FASTA: the line ${text} stands before any header, which starts with '>'; ${remedy}`;
  }
}

function whole({ header, parts, line, comments }) {
  return { header, sequence: parts.join(""), line, comments };
}

/** Lines of a text with their ends, whatever system wrote it. */
function* lines(text) {
  const end = /\r\n|\r|\n/g;
  let start = 0;
  for (let found = end.exec(text); found; found = end.exec(text)) {
    yield [text.slice(start, found.index), found[0]];
    start = end.lastIndex;
  }
  if (start < text.length) yield [text.slice(start), ""];
}

/** The first line that alone ends with CR and has text behind it, 0 where there is none. */
function loneReturn(text) {
  if (!/\r(?!\n)/.test(text) || !text.includes("\n")) return 0;
  let number = 0, ended = false;
  for (const [line, end] of lines(text)) {
    if (ended && strip(line)) return number;
    number += 1;
    ended = end === "\r";
  }
  return 0;
}

/** Names that stand more than once get a number behind them, and a warning. */
function named(proteins) {
  const counts = new Map(), last = new Map();
  for (const { header } of proteins) {
    const name = firstWord(header);
    counts.set(name, (counts.get(name) || 0) + 1);
  }
  for (const protein of proteins) {
    const name = firstWord(protein.header);
    protein.id = name;
    if (counts.get(name) < 2) continue;
    if (!last.has(name)) {
      last.set(name, 1);
      continue;
    }
    let number = last.get(name) + 1;
    while (last.has(`${name}_${number}`) || counts.has(`${name}_${number}`)) number += 1;
    last.set(name, number);
    last.set(`${name}_${number}`, 1);
    protein.id = `${name}_${number}`;
    protein.header = protein.id + protein.header.slice(name.length);
    protein.warnings.push(`id stands more than once, called ${protein.id} here`);
  }
  return proteins;
}
