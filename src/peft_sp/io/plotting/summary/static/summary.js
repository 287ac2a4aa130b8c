"use strict";
// The table and the pictures of single proteins. Data blocks are described in summary/page.py.
(() => {
  const ROW = 28, EXTRA = 8, PRINTED = 1000, KEPT = 12;
  const byId = (id) => document.getElementById(id);
  const run = JSON.parse(byId("run").textContent);
  const types = run.types.map(([name]) => name);
  const grid = byId("grid"), body = byId("body"), picture = byId("picture");
  const blocks = [], starts = [];
  const all = { header: [], type: [], probabilities: [], site: [], site_probability: [], regions: [], length: [], warnings: [], kinds: [], frame: [] };
  let frames = [];
  let lower = [], order = [], chosen = -1, sorted = { key: "number", down: false }, count = 0, drawing = 0;

  const columns = [
    { key: "number", name: "#", number: true, value: (i) => i + 1, shown: (i) => (i + 1).toLocaleString("en") },
    { key: "header", name: "protein", value: (i) => lower[i], shown: (i) => all.header[i] },
    { key: "type", name: "type", value: (i) => all.type[i], shown: (i) => types[all.type[i]] },
    { key: "probability", name: "P(type)", number: true, value: (i) => all.probabilities[i][all.type[i]], shown: (i) => three(all.probabilities[i][all.type[i]]) },
    { key: "site", name: "cut", number: true, value: (i) => all.site[i], shown: (i) => all.site[i] || "" },
    { key: "site_probability", name: "P(cut)", number: true, value: (i) => all.site_probability[i], shown: (i) => (all.site[i] ? three(all.site_probability[i]) : "") },
    { key: "regions", name: "regions", value: (i) => all.regions[i].length && all.regions[i][2], shown: () => "" },
    { key: "length", name: "length", number: true, value: (i) => all.length[i], shown: (i) => all.length[i].toLocaleString("en") },
    { key: "warnings", name: "warnings", value: (i) => all.warnings[i], shown: (i) => all.warnings[i] },
  ];

  function three(millionths) { return (millionths / 1e6).toFixed(3); }

  // Data -----------------------------------------------------------------------------------------

  async function unpack(element) {
    const text = atob(element.textContent);
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function load() {
    const decoder = new TextDecoder();
    const packed = [...document.querySelectorAll("script.rows")];
    const parts = await Promise.all(packed.map(unpack));
    for (const part of parts) {
      const rows = JSON.parse(decoder.decode(part));
      starts.push(all.header.length);
      for (const key of Object.keys(rows)) for (const value of rows[key]) all[key].push(value);
    }
    blocks.push(...document.querySelectorAll("script.curves"));
    frames = JSON.parse(decoder.decode(await unpack(document.querySelector("script.frames"))));
    count = all.header.length;
    lower = all.header.map((header) => header.toLowerCase());
  }

  const unpacked = new Map();
  function curvesOf(block) {
    if (!unpacked.has(block)) {
      unpacked.set(block, unpack(blocks[block]));
      if (unpacked.size > KEPT) unpacked.delete(unpacked.keys().next().value);
    }
    return unpacked.get(block);
  }

  async function profile(protein) {
    let block = starts.length - 1;
    while (starts[block] > protein) block -= 1;
    const bytes = await curvesOf(block);
    const end = block + 1 < starts.length ? starts[block + 1] : count;
    const planes = run.curves.length;
    let letters = 0, before = 0;
    for (let i = starts[block]; i < end; i += 1) {
      if (i === protein) before = letters;
      letters += Math.min(all.length[i], 70);
    }
    const size = Math.min(all.length[protein], 70);
    const window = String.fromCharCode(...bytes.subarray(before, before + size));
    const at = letters + before * planes;
    const plane = (n) => Array.from(bytes.subarray(at + n * size, at + (n + 1) * size), (x) => x / 255);
    const curves = Array.from({ length: planes - 1 }, (_, n) => plane(n));
    curves.push(window.split("").map((_, i) => Math.max(0, 1 - curves.reduce((sum, c) => sum + c[i], 0))));
    return { window, curves, cleavage: plane(planes - 1) };
  }

  // One protein's picture ------------------------------------------------------------------------
  // Its layout is the frames' data, made by io/plotting/protein.py. `fill` and `draw` do with them
  // what io/plotting/layers.py and svg.py do.

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
      return [element("polyline", attributes)];
    },
    markers: ({ points, colour, outline, size }) => points.map(([x, y]) => {
      if (outline === "circle") return element("circle", { cx: fixed(x), cy: fixed(y), r: size / 2, fill: paint(colour) });
      const corners = run.corners[outline].map(([across, down]) => [x + size * across, y + size * down]);
      return element("polygon", { points: joined(corners), fill: paint(colour) });
    }),
    box: ({ x, y, width, height, colour }) =>
      [element("rect", { x: fixed(x), y: fixed(y), width: fixed(width), height: fixed(height), fill: paint(colour) })],
    words: ({ x, y, text, size, anchor, colour, bold }) => {
      const attributes = { x: fixed(x), y: fixed(y), "font-size": size, fill: paint(colour) };
      if (anchor !== "start") attributes["text-anchor"] = anchor;
      if (bold) attributes["font-weight"] = "bold";
      return [element("text", attributes, text)];
    },
    letters: ({ xs, y, text, size }) => {
      const lefts = xs.map((x) => fixed(x - run.halfLetter * size)).join(" ");
      return [element("text", { x: lefts, y: fixed(y), "font-size": size, fill: paint("ink"), "font-family": run.typewriter }, text)];
    },
  };

  const SVG = "http://www.w3.org/2000/svg";
  function element(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const key of Object.keys(attributes)) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function fixed(number) { return number.toFixed(2); }
  function joined(points) { return points.map((point) => point.map(fixed).join(",")).join(" "); }
  function paint(colour) { return `var(--${colour})`; }

  function fitting(text, room) {
    const letters = Array.from(text);
    let total = 0;
    for (let n = 0; n < letters.length; n += 1) {
      total += "MW@%mw".includes(letters[n]) || letters[n].codePointAt(0) >= 0x1100 ? 1.5 : 1;
      if (total > room) return `${letters.slice(0, Math.max(n - 1, 0)).join("")}\u2026`;
    }
    return text;
  }

  function scale({ start, step }) { return (number) => start + step * number; }

  function pictureOf(i, profile) {
    const data = frames[all.frame[i]], frame = { x: scale(data.x), y: scale(data.y) };
    const content = { ...profile, texts: textsOf(i, profile.window), regions: regionsOf(i), site: all.site[i] };
    const shapes = [...data.shapes, ...data.layers.flatMap((layer) => fill[layer.kind](layer, frame, content))];
    const label = [content.texts.header, content.texts.call, content.texts.types].join(". ");
    const svg = element("svg", {
      viewBox: `0 0 ${data.width} ${data.height}`, role: "img", "aria-label": label, style: `max-width:${1.5 * data.width}px`,
    });
    svg.append(...shapes.flatMap((shape) => draw[shape.kind](shape)));
    return svg;
  }

  function textsOf(i, window) {
    const type = all.type[i], site = all.site[i], length = all.length[i];
    const filled = (name, values) => run.texts[name].replace(/{(\w+)}/g, (_, key) => values[key]);
    const values = {
      type: types[type], mechanism: run.types[type][1], probability: three(all.probabilities[i][type]), site,
      before: window.slice(Math.max(site - 3, 0), site), after: window.slice(site, site + 2), site_probability: three(all.site_probability[i]),
      read: window.length, length: length.toLocaleString("en"),
    };
    const named = all.probabilities[i].map((millionths, n) => (millionths >= 1e6 * run.least ? filled("type", { type: run.names[n], probability: three(millionths) }) : ""));
    return {
      header: all.header[i],
      call: filled(type ? "signal" : "none", values) + (site ? filled("site", values) : ""),
      types: named.filter(Boolean).join(run.between),
      extent: length > window.length ? filled("extent", values) : "",
    };
  }

  // Table ----------------------------------------------------------------------------------------

  function cell(column, i) {
    const made = document.createElement("div");
    made.setAttribute("role", "gridcell");
    if (column.number) made.className = "number";
    if (column.key === "regions") {
      const bar = document.createElement("div");
      bar.className = "strip";
      for (const [number, first, last] of regionsOf(i)) {
        const part = document.createElement("i");
        part.style.cssText = `width:${2 * (last - first + 1)}px;background:${paint(run.curves[number].colour)}`;
        bar.append(part);
      }
      made.title = describe(i);
      made.append(bar);
    } else {
      made.textContent = column.shown(i);
      if (column.key === "header" || column.key === "warnings") made.title = column.shown(i);
      if (column.key === "type" && !all.type[i]) made.classList.add("none");
    }
    return made;
  }

  function describe(i) {
    return regionsOf(i).map(([number, first, last]) => `${run.curves[number].name} ${first}-${last}`).join(", ");
  }

  function regionsOf(i) {
    const flat = all.regions[i];
    return Array.from({ length: flat.length / 3 }, (_, n) => flat.slice(3 * n, 3 * n + 3));
  }

  function render() {
    const first = Math.max(0, Math.floor(grid.scrollTop / ROW) - EXTRA);
    const last = Math.min(order.length, Math.ceil((grid.scrollTop + grid.clientHeight) / ROW) + EXTRA);
    const rows = [];
    for (let at = first; at < last; at += 1) {
      const i = order[at], row = document.createElement("div");
      row.className = "row";
      row.id = `row-${i}`;
      row.style.top = `${at * ROW}px`;
      row.setAttribute("role", "row");
      row.setAttribute("aria-rowindex", at + 2);
      row.setAttribute("aria-selected", i === chosen);
      row.dataset.protein = i;
      row.append(...columns.map((column) => cell(column, i)));
      rows.push(row);
    }
    body.replaceChildren(...rows);
  }

  function arrange() {
    const wanted = byId("search").value.trim().toLowerCase(), kind = byId("kind").value, warning = byId("warning").value;
    order = [];
    for (let i = 0; i < count; i += 1) {
      const fits = kind === "" || (kind === "sp" ? all.type[i] > 0 : all.type[i] === Number(kind));
      const warned = warning === "" || (warning === "any" ? all.kinds[i].length > 0 : all.kinds[i].includes(run.warnings[warning]));
      if (fits && warned && (!wanted || lower[i].includes(wanted))) order.push(i);
    }
    const { value } = columns.find((column) => column.key === sorted.key);
    if (sorted.key !== "number") {
      const keys = new Map(order.map((i) => [i, value(i)]));
      order.sort((a, b) => (keys.get(a) < keys.get(b) ? -1 : keys.get(a) > keys.get(b) ? 1 : 0) * (sorted.down ? -1 : 1) || a - b);
    } else if (sorted.down) order.reverse();
    body.style.height = `${order.length * ROW}px`;
    grid.setAttribute("aria-rowcount", order.length + 1);
    byId("shown").textContent = `${order.length.toLocaleString("en")} of ${count.toLocaleString("en")}`;
    render();
  }

  async function choose(i) {
    chosen = i;
    render();
    grid.setAttribute("aria-activedescendant", `row-${i}`);
    const turn = ++drawing;
    const curves = await profile(i);
    // A later choice may have been quicker.
    if (turn !== drawing) return;
    picture.replaceChildren(pictureOf(i, curves));
    picture.dataset.protein = i;
  }

  function reveal(at) {
    const head = byId("head").offsetHeight, top = at * ROW;
    if (top < grid.scrollTop) grid.scrollTop = top;
    else if (top + ROW + head > grid.scrollTop + grid.clientHeight) grid.scrollTop = top + ROW + head - grid.clientHeight;
  }

  function sort(key) {
    // Numbers are wanted from the largest, names from A.
    const column = columns.find((one) => one.key === key);
    const fresh = sorted.key !== key;
    sorted = { key, down: fresh ? Boolean(column.number) && key !== "number" : !sorted.down };
    heads();
    grid.scrollTop = 0;
    arrange();
  }

  function heads() {
    const focused = document.activeElement && document.activeElement.dataset.key;
    byId("head").replaceChildren(...columns.map((column) => {
      const cell = document.createElement("div"), button = document.createElement("button");
      cell.setAttribute("role", "columnheader");
      if (column.number) cell.className = "number";
      const own = column.key === sorted.key;
      if (own) cell.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      button.textContent = column.name + (own ? (sorted.down ? " \u25be" : " \u25b4") : "");
      button.dataset.key = column.key;
      button.addEventListener("click", () => sort(column.key));
      cell.append(button);
      return cell;
    }));
    if (focused) byId("head").querySelector(`[data-key=${focused}]`).focus();
  }

  function keys(event) {
    if (event.target !== grid || event.ctrlKey || event.metaKey || event.altKey || !order.length) return;
    const page = Math.max(1, Math.floor(grid.clientHeight / ROW) - 2), at = order.indexOf(chosen);
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: order.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const row = Math.min(Math.max(to, 0), order.length - 1);
    reveal(row);
    choose(order[row]);
  }

  function print() {
    const table = byId("printed"), wanted = columns.filter((column) => column.key !== "regions");
    const line = (name, texts) => {
      const row = document.createElement("tr");
      row.append(...texts.map((text) => { const made = document.createElement(name); made.textContent = text; return made; }));
      return row;
    };
    const rows = order.slice(0, PRINTED).map((i) => line("td", wanted.map((column) => column.shown(i))));
    table.replaceChildren(line("th", wanted.map((column) => column.name)), ...rows);
    if (order.length > PRINTED) table.append(line("td", ["", `${(order.length - PRINTED).toLocaleString("en")} more: see predictions.tsv`]));
  }

  async function start() {
    if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old");
    await load();
    const options = [["", "all"], ["sp", "any signal peptide"], ...run.shown.map((n) => [n, n ? types[n] : "no signal peptide"])];
    byId("kind").replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    const warnings = [["", "all"], ["any", "any warning"], ...run.warnings.map((text, n) => [n, text])];
    byId("warning").replaceChildren(...warnings.map(([value, text]) => new Option(text, value)));
    byId("warning").closest("label").hidden = !run.warnings.length;
    heads();
    arrange();
    const first = all.type.findIndex((type) => type > 0);
    if (first >= 0) await choose(first);
    let waiting = false;
    grid.addEventListener("scroll", () => {
      if (!waiting) requestAnimationFrame(() => { waiting = false; render(); });
      waiting = true;
    });
    body.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) choose(Number(row.dataset.protein));
    });
    grid.addEventListener("keydown", keys);
    for (const id of ["search", "kind", "warning"]) byId(id).addEventListener("input", () => { grid.scrollTop = 0; arrange(); });
    for (const button of document.querySelectorAll("[data-warning]")) {
      button.addEventListener("click", () => {
        byId("search").value = byId("kind").value = "";
        byId("warning").value = run.warnings.indexOf(button.dataset.warning);
        byId("warning").dispatchEvent(new Event("input"));
        byId("proteins-title").scrollIntoView();
      });
    }
    byId("search").addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "Enter") {
        event.preventDefault();
        grid.focus();
        if (order.length) { reveal(0); choose(order[0]); }
      }
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) { event.preventDefault(); byId("search").focus(); }
    });
    addEventListener("beforeprint", print);
    addEventListener("resize", render);
    document.documentElement.dataset.ready = "yes";
  }

  start().catch((error) => {
    byId("trouble").textContent = `The table cannot be shown (${error.message}); predictions.tsv holds it.`;
    byId("trouble").hidden = false;
  });
})();
