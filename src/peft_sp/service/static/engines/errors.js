// What is wrong with a user's input, and where, as far as it is known.

export class InputError extends Error {
  constructor({ message, line = null, record = null, file = null }) {
    super(message);
    this.name = "InputError";
    Object.assign(this, { line, record, file });
  }
}

// What has all that the page uses: module workers, WebAssembly with vectors, DecompressionStream.
export const BROWSERS = "Firefox 115, Chrome or Edge 110, Safari 16.4, or a newer one";

// The name that a text of the page has among files, as the API calls it.
export const TEXT = "input.fasta";
