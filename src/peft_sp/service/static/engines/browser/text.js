// Texts and numbers as the command writes and reads them: what Python means by whitespace, a
// printable letter, a rounded number. Rules come from facts.json, with patterns as data.

const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const ENDS = new RegExp(`^[${SPACE}]+|[${SPACE}]+$`, "gu");
const SPACES = new RegExp(`[${SPACE}]+`, "gu");
const FIRST_WORD = new RegExp(`[^${SPACE}]+`, "u");
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;
const NO_WORD = new RegExp(`[^${SPACE}]{250,}`, "gu");
const SHOWN = 60, LONGEST = 2000;

/** Input that cannot be used: what is wrong and, where known, in which line, record and file. */
export class InputError extends Error {
  constructor(problem, { line = null, record = null, file = null } = {}) {
    super(printable(short(problem)));
    this.name = "InputError";
    Object.assign(this, { line, record, file });
  }

  /** As the command prints it. */
  get text() {
    const where = [];
    if (this.file !== null) where.push(this.file);
    if (this.line !== null) where.push(`line ${this.line}`);
    if (this.record !== null) where.push(`record '${this.record.length > SHOWN ? `${first(this.record, SHOWN)}...` : this.record}'`);
    return printable(where.length ? `${where.join(", ")}: ${this.message}` : this.message);
  }

  /** What passes between workers, and from there to an `InputError` again. */
  get data() {
    return { problem: this.message, line: this.line, record: this.record, file: this.file };
  }

  static from({ problem, ...where }) {
    return new InputError(problem, where);
  }
}

export const pattern = (rule, more = "") => new RegExp(rule.pattern, rule.flags + more);
export const strip = (text) => text.replace(ENDS, "");
export const joined = (text) => text.replace(SPACES, "");
export const words = (text) => text.split(SPACES).filter(Boolean);
export const firstWord = (text) => (FIRST_WORD.exec(text) || [""])[0];
export const isPrintable = (text) => !UNPRINTABLE.test(text);
export const startsWithLetter = (text) => /^\p{L}/u.test(text);
export const isLetters = (text) => /^\p{L}+$/u.test(text);

/** The first so many letters, of which some take two places in a text of JavaScript. */
export function first(text, count) {
  return text.length <= count ? text : Array.from(text.slice(0, 2 * count)).slice(0, count).join("");
}

export function comma(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Text with escapes in place of all that is no letter or sign. */
export function printable(text) {
  return isPrintable(text) ? text : Array.from(text, (letter) => (isPrintable(letter) ? letter : escaped(letter))).join("");
}

function short(problem) {
  const cut = problem.replace(NO_WORD, (word) => {
    const letters = Array.from(word);
    return letters.length < 250 ? word : `${letters.slice(0, SHOWN).join("")}... (${comma(letters.length)} letters)`;
  });
  const letters = Array.from(cut);
  if (letters.length <= LONGEST) return cut;
  return `${letters.slice(0, LONGEST / 2).join("")} ... ${letters.slice(-Math.ceil(LONGEST / 4)).join("")}`;
}

const NAMED = { "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\" };

function escaped(letter) {
  if (letter in NAMED) return NAMED[letter];
  const code = letter.codePointAt(0), digits = code.toString(16);
  if (code < 0x100) return `\\x${digits.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
}

/** A text in quotes, as messages show it. */
export function quoted(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const shown = Array.from(text, (letter) => {
    if (letter === quote) return `\\${letter}`;
    return isPrintable(letter) && letter !== "\\" ? letter : escaped(letter);
  });
  return quote + shown.join("") + quote;
}

/** A number with so many digits behind the point; of two that are as near, the even one. */
export function fixed(value, digits) {
  const text = value.toFixed(digits), twice = value * 2 ** (digits + 1);
  // Only such a number lies in the middle between two texts, and JavaScript takes the larger one.
  if (Number.isInteger(twice) && twice % 2 && "13579".includes(text.at(-1))) {
    const below = (value - 0.5 * 10 ** -digits).toFixed(digits);
    if (Math.abs(Number(below) - value) <= Math.abs(Number(text) - value) + 1e-15) return below;
  }
  return text;
}

/** The shortest text from which the same number is read, in Python's notation. */
export function shortest(value) {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${value}.0`;
  if (value !== 0 && Math.abs(value) < 1e-4) {
    const [digits, power] = value.toExponential().split("e");
    return `${digits}e-${power.slice(1).padStart(2, "0")}`;
  }
  return String(value);
}
