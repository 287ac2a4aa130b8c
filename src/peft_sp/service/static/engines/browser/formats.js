// Files as they come, as io/formats.py reads them: compressed or not, in several encodings, or of
// another format altogether. A browser unpacks gzip alone.
import { InputError } from "./text.js";

const bytesOf = (digits) => Uint8Array.from(digits.match(/../g) || [], (pair) => parseInt(pair, 16));
const begins = (head, magic) => magic.length <= head.length && magic.every((byte, n) => head[n] === byte);
const BLANK = new Set([9, 10, 11, 12, 13, 32]);
const BOM = [0xef, 0xbb, 0xbf];

function contains(head, part) {
  outer: for (let at = head.indexOf(part[0]); at >= 0; at = head.indexOf(part[0], at + 1)) {
    for (let n = 1; n < part.length; n += 1) if (head[at + n] !== part[n]) continue outer;
    return true;
  }
  return false;
}

export class Formats {
  constructor(rules) {
    this.rules = rules;
    this.compressions = rules.compressions.map(([magic, name]) => [bytesOf(magic), name]);
    this.marks = rules.marks.map(([mark, name]) => [bytesOf(mark), name]);
    this.others = rules.others.map(([magic, ...rest]) => [bytesOf(magic), ...rest]);
    this.office = rules.office.map(bytesOf);
  }

  /** The text of a file, its line ends as they are. Throws InputError. */
  async text(bytes, file, largest = Infinity) {
    let content = bytes;
    const how = this.compression(content);
    if (how === "gz") content = await unpacked(content, file, largest);
    else if (how) throw new InputError(`is compressed as ${how}, which a browser does not unpack; give it unpacked or as gz`, { file });
    const head = content.subarray(0, this.rules.block), problem = this.otherFormat(head);
    if (problem) throw new InputError(problem, { file });
    return decoded(content, this.wide(head));
  }

  compression(head) {
    const found = this.compressions.find(([magic]) => begins(head, magic));
    return found ? found[1] : null;
  }

  otherFormat(head) {
    if (this.compression(head)) return "is compressed twice; unpack it once";
    if (this.wide(head)) return null;
    const found = this.format(head);
    if (!found) return null;
    const [what, remedy] = found;
    const filled = remedy.replace(/\{(\w+)\}/g, (_, name) => this.rules.wanted[name]);
    return `${what ? `this looks like ${what}, not FASTA` : "this is no text"}; ${filled}`;
  }

  format(head) {
    let at = begins(head, BOM) ? 3 : 0;
    while (BLANK.has(head[at])) at += 1;
    const begin = head.subarray(at), lower = begin.slice(0, 32).map((byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));
    for (const [magic, what, remedy] of this.others) {
      if (!begins(begin, magic) && !(magic[0] === 60 && begins(lower, magic))) continue;
      if (what === "zip" && this.office.some((part) => contains(head, part))) return ["an office document", this.rules.save];
      return [what, remedy];
    }
    if (begins(head.subarray(257, 262), [117, 115, 116, 97, 114])) return ["a tar archive", this.rules.unpack];
    if (head.includes(0) && ![62, 35, 59].includes(begin[0])) return ["", this.rules.give];
    return null;
  }

  /** UTF-16 or -32, by its mark or by a header most of whose every second bytes are 0. */
  wide(head) {
    const marked = this.marks.find(([mark]) => begins(head, mark));
    if (marked) return marked[1] + (head[0] === 0xff ? "-le" : "-be");
    const part = Array.from(head.subarray(0, 64)), half = (odd) => part.filter((_, n) => n % 2 === odd);
    for (const [name, letters, zeros] of [["utf-16-le", half(0), half(1)], ["utf-16-be", half(1), half(0)]]) {
      const empty = zeros.filter((byte) => byte === 0).length;
      if (letters[0] === 62 && letters.length >= 6 && empty > 0.75 * zeros.length) return name;
    }
    return null;
  }
}

function decoded(bytes, encoding) {
  if (encoding && encoding.startsWith("utf-32")) return utf32(bytes, encoding.endsWith("le"));
  if (encoding) return new TextDecoder(encoding.replace("16-", "16")).decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return withStrayBytes(begins(bytes, BOM) ? bytes.subarray(3) : bytes);
  }
}

/** UTF-8 in which bytes that are none become lone surrogates (PEP 383). */
function withStrayBytes(bytes) {
  const parts = [], strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let start = 0, at = 0;
  while (at < bytes.length) {
    const size = lengthAt(bytes, at);
    if (size) {
      at += size;
      continue;
    }
    if (at > start) parts.push(strict.decode(bytes.subarray(start, at)));
    parts.push(String.fromCharCode(0xdc00 + bytes[at]));
    start = at += 1;
  }
  parts.push(strict.decode(bytes.subarray(start)));
  return parts.join("");
}

/** Bytes of the letter of UTF-8 that begins there, 0 where none does. */
function lengthAt(bytes, at) {
  const lead = bytes[at];
  if (lead < 0x80) return 1;
  const size = lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
  for (let n = 1; n < size; n += 1) if (bytes[at + n] === undefined || bytes[at + n] >> 6 !== 2) return 0;
  const second = bytes[at + 1];
  const wrong = (lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f) || (lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f);
  return wrong ? 0 : size;
}

function utf32(bytes, little) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), letters = [];
  for (let at = 4; at + 4 <= bytes.byteLength; at += 4) {
    const code = view.getUint32(at, little);
    letters.push(code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? "\ufffd" : String.fromCodePoint(code));
  }
  return letters.join("") + (bytes.byteLength % 4 ? "\ufffd" : "");
}

async function unpacked(bytes, file, largest) {
  const parts = [];
  let size = 0;
  try {
    for (const member of members(bytes)) {
      const reader = new Blob([member]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        size += read.value.length;
        if (size > largest) break;
        parts.push(read.value);
      }
    }
  } catch {
    throw new InputError("the compressed file is cut off or damaged; fetch it again", { file });
  }
  if (size > largest) throw tooLarge(largest, file);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** The parts that `bgzip` makes of a file, which say how long they are; else the file as one. */
function* members(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const own = bytes.subarray(at, at + 18);
    const blocked = own.length === 18 && own[3] === 4 && own[12] === 66 && own[13] === 67;
    const end = blocked ? at + own[16] + 256 * own[17] + 1 : bytes.length;
    yield bytes.subarray(at, end);
    at = end;
  }
}

export function tooLarge(largest, file) {
  return new InputError(`more than ${largest / 1e6} MB, which is too much for a browser; use the command or the server`, { file });
}
