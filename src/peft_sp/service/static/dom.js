// Elements and words. What comes from a user is only ever text: strings become text nodes.

import { TEXT } from "./engines/errors.js";

export const byId = (id) => document.getElementById(id);

export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

export const thousands = (number) => number.toLocaleString("en");

export function counted(number, noun, plural = `${noun}s`) {
  return `${thousands(number)} ${number === 1 ? noun : plural}`;
}

export function percent(part, whole) {
  const share = whole ? (100 * part) / whole : 0;
  if (share > 0 && share < 0.1) return "< 0.1 %";
  return `${share > 0 && share < 10 ? share.toFixed(1) : Math.round(share)} %`;
}

export function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  let power = 0, number = bytes;
  while (number >= 1000 && power < units.length - 1) { number /= 1000; power += 1; }
  return `${power && number < 10 ? number.toFixed(1) : Math.round(number)} ${units[power]}`;
}

export function duration(seconds) {
  if (seconds < 60) return counted(Math.max(1, Math.round(seconds)), "second");
  if (seconds < 3600) return counted(Math.round(seconds / 60), "minute");
  return `${counted(Math.floor(seconds / 3600), "hour")} ${counted(Math.round((seconds % 3600) / 60), "minute")}`;
}

export function day(time) {
  return new Date(time).toLocaleString("en-GB", { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" });
}

// What a model is called: of one that is a directory, its last part.
export const modelName = (name) => name.split(/[\\/]/).filter(Boolean).at(-1) ?? name;

// What is wrong with an input, behind where it is: of a text of the page, its line alone.
export function located({ message, line, record, file }) {
  const where = [];
  if (file && file !== TEXT) where.push(file);
  if (line) where.push(where.length ? `line ${line}` : `Line ${line}`);
  if (record) where.push(record);
  return where.length ? [make("strong", {}, `${where.join(", ")}: `), message] : [message.charAt(0).toUpperCase() + message.slice(1)];
}

// Let the browser save a file.
export function save(blob, name) {
  const url = URL.createObjectURL(blob), link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function copy(text) {
  if (navigator.clipboard) { await navigator.clipboard.writeText(text); return; }
  // Browsers have no clipboard for pages that come without TLS from another machine.
  const area = make("textarea", { class: "unseen", "aria-hidden": "true" }, text);
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function copyButton(text, label) {
  const button = make("button", { type: "button", class: "quiet", "aria-label": label }, "Copy");
  button.addEventListener("click", async () => {
    await copy(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  return button;
}
