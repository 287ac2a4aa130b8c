// One protein's picture. Its layout is data that io/plotting/protein.py makes: a frame. `fill` and
// `draw` do with it what io/plotting/layers.py and svg.py do. `drawing` is what summary/blocks.py
// says of all pictures, `columns` are a run's.

import { regionsOf, three } from "./blocks.js";

const fill = {
  text: (layer, frame, { texts }) => {
    const text = texts[layer.name];
    return text ? [{ ...layer, kind: "words", text: fitting(text, layer.room) }] : [];
  },
  strip: (layer, frame, { regions }) => regions.flatMap(([number, first, last]) => {
    const left = frame.x(first - 0.5), right = frame.x(last + 0.5), look = layer.looks[number];
    const x = left + layer.gap / 2, width = right - left - layer.gap;
    const box = { kind: "box", x, y: layer.y, width, height: layer.height, colour: look.tint };
    if (look.name.length * layer.letter > right - left + layer.overhang) return [box];
    const middle = (left + right) / 2, { size, baseline } = layer, { name, colour } = look;
    return [box, { kind: "words", x: middle, y: baseline, text: name, size, anchor: "middle", colour, bold: true }];
  }),
  residues: (layer, frame, { window }) => {
    const xs = Array.from(window, (_, n) => frame.x(n + 1));
    return [{ kind: "letters", xs, y: layer.y, text: window, size: layer.size }];
  },
  curve: (layer, frame, { curves }) => {
    const values = curves[layer.number], shapes = [];
    const points = values.map((value, n) => [frame.x(n + 1), frame.y(value)]);
    let run = [];
    const end = () => {
      if (run.length > 1) shapes.push({ ...layer, kind: "line", points: run });
      run = [];
    };
    points.forEach((point, n) => {
      if (Math.max(values[n - 1] || 0, values[n], values[n + 1] || 0) >= layer.least) run.push(point);
      else end();
    });
    end();
    const outline = layer.marker || (points.length === 1 && "circle");
    const marked = points.filter((_, n) => values[n] >= layer.marked);
    if (outline && marked.length) shapes.push({ kind: "markers", points: marked, colour: layer.colour, outline, size: layer.size });
    return shapes;
  },
  stems: (layer, frame, { cleavage }) => {
    const heads = cleavage.flatMap((value, n) => (value >= layer.least ? [[frame.x(n + 1.5), frame.y(value)]] : []));
    const stem = ([x, y]) => ({ kind: "line", points: [[x, frame.y(0)], [x, y]], colour: layer.colour, width: layer.width, dashes: [] });
    return [...heads.map(stem), { kind: "markers", points: heads, colour: layer.colour, outline: "circle", size: layer.head }];
  },
  cut: (layer, frame, { site }) => {
    const x = frame.x(site + 0.5);
    return site ? [{ ...layer, kind: "line", points: [[x, layer.top], [x, layer.bottom]] }] : [];
  },
};

const draw = {
  line: ({ points, colour, width, dashes }) => {
    const attributes = { points: joined(points), fill: "none", stroke: paint(colour), "stroke-width": width };
    if (dashes.length) attributes["stroke-dasharray"] = dashes.join(" ");
    return [svgElement("polyline", attributes)];
  },
  markers: ({ points, colour, outline, size }, drawing) => points.map(([x, y]) => {
    if (outline === "circle") return svgElement("circle", { cx: fixed(x), cy: fixed(y), r: size / 2, fill: paint(colour) });
    const corners = drawing.corners[outline].map(([across, down]) => [x + size * across, y + size * down]);
    return svgElement("polygon", { points: joined(corners), fill: paint(colour) });
  }),
  box: ({ x, y, width, height, colour }) =>
    [svgElement("rect", { x: fixed(x), y: fixed(y), width: fixed(width), height: fixed(height), fill: paint(colour) })],
  words: ({ x, y, text, size, anchor, colour, bold }) => {
    const attributes = { x: fixed(x), y: fixed(y), "font-size": size, fill: paint(colour) };
    if (anchor !== "start") attributes["text-anchor"] = anchor;
    if (bold) attributes["font-weight"] = "bold";
    return [svgElement("text", attributes, text)];
  },
  letters: ({ xs, y, text, size }, drawing) => {
    const lefts = xs.map((x) => fixed(x - drawing.halfLetter * size)).join(" ");
    return [svgElement("text", { x: lefts, y: fixed(y), "font-size": size, fill: paint("ink"), "font-family": drawing.typewriter }, text)];
  },
};

const SVG = "http://www.w3.org/2000/svg";
export function svgElement(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const key of Object.keys(attributes)) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  return made;
}

function fixed(number) { return number.toFixed(2); }
function joined(points) { return points.map((point) => point.map(fixed).join(",")).join(" "); }
export function paint(colour) { return `var(--${colour})`; }

function fitting(text, room) {
  const letters = Array.from(text);
  let total = 0;
  for (let n = 0; n < letters.length; n += 1) {
    total += "MW@%mw".includes(letters[n]) || letters[n].codePointAt(0) >= 0x1100 ? 1.5 : 1;
    if (total > room) return `${letters.slice(0, Math.max(n - 1, 0)).join("")}\u2026`;
  }
  return text;
}

export function scale({ start, step }) { return (number) => start + step * number; }

// `data` is the frame, `profile` what `Blocks.profile` gives.
export function pictureOf(drawing, columns, i, data, profile) {
  const frame = { x: scale(data.x), y: scale(data.y) };
  const texts = textsOf(drawing, columns, i, profile.window);
  const content = { ...profile, texts, regions: regionsOf(columns, i), site: columns.site[i] };
  const shapes = [...data.shapes, ...data.layers.flatMap((layer) => fill[layer.kind](layer, frame, content))];
  const label = [texts.header, texts.call, texts.types].join(". ");
  const svg = svgElement("svg", { viewBox: `0 0 ${data.width} ${data.height}`, role: "img", "aria-label": label });
  svg.style.maxWidth = `${1.5 * data.width}px`;
  svg.style.setProperty("--drawn", `${data.width}px`); // as wide as it is drawn, all letters can be read
  svg.append(...drawn(shapes, drawing));
  return svg;
}

export function drawn(shapes, drawing) { return shapes.flatMap((shape) => draw[shape.kind](shape, drawing)); }

function textsOf(drawing, columns, i, window) {
  const type = columns.type[i], site = columns.site[i], length = columns.length[i], probabilities = columns.probabilities[i];
  const filled = (name, values) => drawing.texts[name].replace(/{(\w+)}/g, (_, key) => values[key]);
  const values = {
    type: drawing.types[type][0], mechanism: drawing.types[type][1], probability: three(probabilities[type]), site,
    before: window.slice(Math.max(site - 3, 0), site), after: window.slice(site, site + 2), site_probability: three(columns.site_probability[i]),
    read: window.length, length: length.toLocaleString("en"),
  };
  const named = probabilities.map((millionths, n) => (millionths >= 1e6 * drawing.least ? filled("type", { type: drawing.names[n], probability: three(millionths) }) : ""));
  return {
    header: columns.header[i],
    call: filled(type ? "signal" : "none", values) + (site ? filled("site", values) : ""),
    types: named.filter(Boolean).join(drawing.between),
    extent: length > window.length ? filled("extent", values) : "",
  };
}

// The predicted regions as a small bar, as many pixels a residue as `pitch`.
export function stripOf(drawing, columns, i, pitch = 2) {
  const bar = document.createElement("div");
  bar.className = "strip";
  for (const [number, first, last] of regionsOf(columns, i)) {
    const part = document.createElement("i");
    part.style.width = `${pitch * (last - first + 1)}px`;
    part.style.background = paint(drawing.curves[number].colour);
    bar.append(part);
  }
  return bar;
}

export function regionsInWords(drawing, columns, i) {
  return regionsOf(columns, i).map(([number, first, last]) => `${drawing.curves[number].name} ${first}-${last}`).join(", ");
}
