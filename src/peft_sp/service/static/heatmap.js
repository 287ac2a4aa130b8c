// The heat maps of a scan: function by function io/plotting/heatmap.py, with its numbers (`rules`).

import { drawn, svgElement } from "./shared/picture.js";

/** scan: {header, window, rows}, of which the first row is the protein as it is. */
export function heatmapOf({ scan: rules, drawing }, scan) {
  const { width, height } = sizeOf(rules, scan.window), heading = headingOf(rules, scan);
  const maps = [ofProbability, ofSite].flatMap((look, n) => {
    const top = rules.tops[n];
    return [...axes(rules, scan, top), ...scan.rows.slice(1).flatMap((row) => cell(rules, row, top, look(rules, row))), ...outline(rules, scan, top)];
  });
  const svg = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": heading.map(({ text }) => text).join(". ") });
  svg.append(...drawn([...rules.fixed, ...heading, ...maps], drawing));
  return svg;
}

export function sizeOf({ left, right, cell, least, height }, window) {
  return { width: left + Math.max(cell * window.length, least) + right, height };
}

/** The 1-based position and the residue of the cell at a point, null beside the maps. */
export function cellAt({ left, cell: side, tops, rows }, window, x, y) {
  const position = Math.floor((x - left) / side) + 1;
  const row = tops.map((top) => Math.floor((y - top) / side)).find((one) => one >= 0 && one < rows.length);
  return position >= 1 && position <= window.length && row !== undefined ? { position, to: rows[row] } : null;
}

/** The top left corners of a cell, one in each map. */
export function cornersOf({ left, cell: side, tops, rows }, { position, to }) {
  return tops.map((top) => ({ x: left + side * (position - 1), y: top + side * rows.indexOf(to) }));
}

function headingOf({ texts, left, cell: side, letter }, { header, window, rows: [own] }) {
  const filled = (text, values) => text.replace(/{(\w+)}/g, (_, key) => values[key]);
  const letters = Array.from(header), room = Math.floor((side * window.length + left) / letter);
  const shown = letters.length <= room ? header : `${letters.slice(0, room - 1).join("")}\u2026`;
  const site = own.cleavage_site ? filled(texts.site, { site: own.cleavage_site }) : "";
  const called = filled(texts.call, { type: own.type, probability: own.signal_peptide_probability.toFixed(3) });
  return [words(left, 16, shown, { size: 11 }), words(left, 31, called + site, { size: 9.5, bold: true })];
}

/** Names of rows, the window and its positions below, and the residues that are there. */
function axes({ rows, left, cell: side }, { window }, top) {
  const bottom = top + side * rows.length, centres = Array.from(window, (_, n) => left + side * (n + 0.5));
  const shapes = Array.from(rows, (letter, row) => ({ kind: "letters", xs: [left - 8], y: top + side * row + 7, text: letter, size: 7 }));
  shapes.push({ kind: "letters", xs: centres, y: bottom + 9, text: window, size: 8 });
  for (let position = 1; position <= window.length; position += position === 1 ? 9 : 10) {
    shapes.push(words(centres[position - 1], bottom + 18, String(position), { size: 7, anchor: "middle", colour: "faint" }));
  }
  Array.from(window).forEach((residue, n) => {
    if (rows.includes(residue)) shapes.push(box(left + side * n, top + side * rows.indexOf(residue), side, "rule"));
  });
  return shapes;
}

/** The edge of a map, and the cut across it. */
function outline({ rows, left, cell: side }, { window, rows: [own] }, top) {
  const right = left + side * window.length, bottom = top + side * rows.length;
  const shapes = [{ kind: "line", points: [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]], colour: "faint", width: 0.8, dashes: [] }];
  if (own.cleavage_site) {
    const at = left + side * own.cleavage_site;
    shapes.push({ kind: "line", points: [[at, top - 3], [at, bottom + 11]], colour: "ink", width: 1.2, dashes: [2, 1.5] });
  }
  return shapes;
}

function ofProbability(rules, row) {
  return { colour: colourOf(rules, row.probability_change), text: row.type_changed === "yes" ? rules.short[row.type] : "" };
}

function ofSite(rules, row) {
  const shift = row.site_change ?? 0;
  return { colour: colourOf(rules, row.cleavage_probability_change), text: shift ? signed(shift) : "" };
}

export function signed(number, digits = 0) { return `${number < 0 ? "\u2212" : "+"}${Math.abs(number).toFixed(digits)}`; }

function colourOf({ steps }, change) {
  const strength = steps.filter((step) => Math.abs(change) >= step).length;
  return strength ? `${change < 0 ? "loss" : "gain"}-${strength}` : "";
}

function cell({ left, cell: side, rows }, { position, to }, top, { colour, text }) {
  const x = left + side * (position - 1), y = top + side * rows.indexOf(to), shapes = [];
  if (colour) shapes.push(box(x, y, side, colour));
  const ink = /-[34]$/.test(colour) ? "ground" : "ink";
  if (text) shapes.push(words(x + side / 2, y + 6.6, text, { size: text.length > 1 ? 5 : 6.5, anchor: "middle", colour: ink }));
  return shapes;
}

function box(x, y, side, colour) { return { kind: "box", x, y, width: side, height: side, colour }; }
function words(x, y, text, { size, anchor = "start", colour = "ink", bold = false }) { return { kind: "words", x, y, text, size, anchor, colour, bold }; }
