// A zip file of blobs, stored as they are: the files of results are read once and kept whole.
// Layout: PKWARE's APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let code = n;
  for (let bit = 0; bit < 8; bit += 1) code = code & 1 ? 0xedb88320 ^ (code >>> 1) : code >>> 1;
  return code;
});

export function checksum(bytes) {
  let code = 0xffffffff;
  for (let n = 0; n < bytes.length; n += 1) code = TABLE[(code ^ bytes[n]) & 255] ^ (code >>> 8);
  return (code ^ 0xffffffff) >>> 0;
}

// files: [{ name, blob }]; the time is that of the zip.
export async function zip(files, now = new Date()) {
  const time = (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
  const date = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
  const parts = [], directory = [];
  let offset = 0;
  for (const { name, blob } of files) {
    const letters = new TextEncoder().encode(name), code = checksum(new Uint8Array(await blob.arrayBuffer()));
    // Version 2.0, names in UTF-8, stored.
    const common = [[2, 20], [2, 0x0800], [2, 0], [2, time], [2, date], [4, code], [4, blob.size], [4, blob.size], [2, letters.length], [2, 0]];
    const head = fields([[4, 0x04034b50], ...common]);
    directory.push(fields([[4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), letters);
    parts.push(head, letters, blob);
    offset += head.length + letters.length + blob.size;
  }
  if (offset > 0xffffffff) throw new Error("the files are too large for one zip; save them one by one");
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end = fields([[4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, length], [4, offset], [2, 0]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

function fields(pairs) {
  const bytes = new Uint8Array(pairs.reduce((sum, [size]) => sum + size, 0)), view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of pairs) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}
