// What is wrong with a user's input, and where, as far as it is known.

export class InputError extends Error {
  constructor({ message, line = null, record = null, file = null }) {
    super(message);
    this.name = "InputError";
    Object.assign(this, { line, record, file });
  }
}

// The name that a text of the page has among files, as the API calls it.
export const TEXT = "input.fasta";
