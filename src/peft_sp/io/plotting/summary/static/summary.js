"use strict";
// The table and the pictures of single proteins. Data blocks are described in summary.py.
(() => {
  const ROW = 28, EXTRA = 8, PRINTED = 1000, KEPT = 12;
  const WORTH_CURVE = 12.5 / 255, WORTH_STEM = 2.5 / 255, WORTH_INK = 1.5 / 255;
  const byId = (id) => document.getElementById(id);
  const run = JSON.parse(byId("run").textContent);
  const types = run.types.map(([name]) => name);
  const grid = byId("grid"), body = byId("body"), picture = byId("picture");
  const blocks = [], starts = [];
  const all = { header: [], type: [], shares: [], site: [], chance: [], strip: [], length: [], warnings: [], place: [] };
  let lower = [], order = [], chosen = -1, sorted = { key: "place", down: false }, count = 0, drawing = 0;

  const columns = [
    { key: "place", name: "#", number: true, value: (i) => i + 1, shown: (i) => (i + 1).toLocaleString("en") },
    { key: "header", name: "protein", value: (i) => lower[i], shown: (i) => all.header[i] },
    { key: "type", name: "type", value: (i) => all.type[i], shown: (i) => types[all.type[i]] },
    { key: "share", name: "P(type)", number: true, value: (i) => all.shares[i][all.type[i]], shown: (i) => three(all.shares[i][all.type[i]]) },
    { key: "site", name: "cut", number: true, value: (i) => all.site[i], shown: (i) => all.site[i] || "" },
    { key: "chance", name: "P(cut)", number: true, value: (i) => all.chance[i], shown: (i) => (all.site[i] ? three(all.chance[i]) : "") },
    { key: "strip", name: "regions", value: (i) => all.strip[i].length && all.strip[i][2], shown: () => "" },
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
    const planes = run.looks.length;
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

  // One protein's picture: laid out as io/plotting/protein.py does ------------------------------------------

  const SVG = "http://www.w3.org/2000/svg";
  function element(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const key of Object.keys(attributes)) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function draw(i, found) {
    const { window: letters, curves, cleavage } = found;
    const left = 34, right = 12, height = 165, size = letters.length;
    const across = Math.min(Math.max(size * 14, 350), 630), pitch = across / size;
    const width = left + across + right, parts = [];
    const add = (name, attributes, text) => parts.push(element(name, attributes, text));
    const words = (x, y, text, more = {}) => add("text", { x, y, "font-size": 8, ...more }, text);
    const ink = "fill:var(--ink)", faint = "fill:var(--faint)";
    const shown = run.looks.map((_, n) => n).filter((n) => n < 3 || n === 6 || Math.max(...curves[n]) >= WORTH_CURVE);
    const titles = title(i, letters);
    words(left, 16, titles[0], { "font-size": 11 });
    words(left, 31, titles[1], { "font-size": 9.5, "font-weight": "bold" });
    words(left, 44, titles[2], { "font-size": 7.5, style: faint });

    let x = left, y = 59;
    for (const n of [...shown, -1]) {
      const text = n < 0 ? "cleavage" : run.looks[n].legend, room = 30 + text.length * 4.8;
      if (x + room > width) { x = left; y += 13; }
      if (n < 0) {
        add("path", { d: `M${x + 11} ${y + 4}v-7`, style: "stroke:var(--ink)", "stroke-width": 1.4 });
        add("circle", { cx: x + 11, cy: y - 3, r: 2.25, style: ink });
      } else {
        line([[x, y], [x + 22, y]], n);
        if (run.looks[n].marker) marker(x + 11, y, n);
      }
      words(x + (n < 0 ? 18 : 26), y + 2.8, text);
      x += room;
    }
    const top = y + 19, bottom = top + height;
    const px = (place) => left + (place - 0.5) * pitch, py = (p) => top + height * (1 - p);
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      add("path", { d: `M${left} ${py(share)}h${across}`, class: "rule", "stroke-width": 0.7 });
      if (share * 2 % 1 === 0) words(left - 5, py(share) + 2.8, String(share), { "text-anchor": "end", style: faint });
    }
    add("path", { d: `M${left} ${top}V${bottom}H${left + across}`, fill: "none", style: "stroke:var(--faint)", "stroke-width": 0.8 });
    words(8, top - 6, "probability", { style: faint });
    for (let place = 1; place <= size; place += place === 1 ? 9 : 10) {
      add("path", { d: `M${px(place)} ${bottom}v3`, style: "stroke:var(--faint)", "stroke-width": 0.8 });
      words(px(place), bottom + 11, place, { "text-anchor": "middle", style: faint });
    }

    const strip = all.strip[i], low = bottom + 15;
    for (let at = 0; at < strip.length; at += 3) {
      const [n, first, last] = strip.slice(at, at + 3), from = px(first - 0.5), to = px(last + 0.5);
      add("rect", { x: from + 0.4, y: low, width: to - from - 0.8, height: 13, style: `fill:var(--t${n})` });
      if (run.looks[n].short.length * 4.8 <= to - from + 14) {
        words((from + to) / 2, low + 21.5, run.looks[n].short, { "text-anchor": "middle", "font-weight": "bold", style: `fill:var(--c${n})` });
      }
    }
    const font = Math.min(pitch, 10);
    const xs = letters.split("").map((_, k) => (px(k + 1) - 0.301 * font).toFixed(2)).join(" ");
    words(xs, low + 10, letters, { "font-size": font, class: "seq" });

    for (const n of [...shown].reverse()) {
      let points = [];
      const ends = () => { if (points.length > 1) line(points, n); points = []; };
      curves[n].forEach((value, k) => {
        if (Math.max(value, curves[n][k - 1] || 0, curves[n][k + 1] || 0) >= WORTH_INK) points.push([px(k + 1), py(value)]);
        else ends();
        if (run.looks[n].marker && value >= WORTH_CURVE) marker(px(k + 1), py(value), n);
      });
      ends();
    }
    cleavage.forEach((value, k) => {
      if (value < WORTH_STEM) return;
      add("path", { d: `M${px(k + 1.5)} ${bottom}V${py(value)}`, style: "stroke:var(--ink)", "stroke-width": 1.4 });
      add("circle", { cx: px(k + 1.5), cy: py(value), r: 2.25, style: ink });
    });
    if (all.site[i]) {
      add("path", { d: `M${px(all.site[i] + 0.5)} ${bottom}v31`, style: "stroke:var(--ink)", "stroke-width": 1.2, "stroke-dasharray": "2 1.5" });
    }
    if (all.length[i] > size) {
      words(width - right, bottom + 40, `residues 1 to ${size} of ${all.length[i].toLocaleString("en")}`, { "font-size": 7.5, "text-anchor": "end", style: faint });
    }
    const svg = element("svg", { viewBox: `0 0 ${width} ${bottom + 44}`, role: "img", "aria-label": titles.join(". "), style: `max-width:${1.5 * width}px` });
    svg.append(...parts);
    return svg;

    function line(points, n) {
      const look = run.looks[n], d = points.map(([a, b]) => `${a.toFixed(2)},${b.toFixed(2)}`).join(" ");
      add("polyline", { points: d, fill: "none", style: `stroke:var(--c${n})`, "stroke-width": look.width, "stroke-dasharray": look.dashes.join(" ") || "none" });
    }
    function marker(a, b, n) {
      const shape = { square: "M-2-2h4v4h-4z", triangle: "M0-2.7L2.7 2.3h-5.4z", diamond: "M0-2.7L2.7 0 0 2.7-2.7 0z" }[run.looks[n].marker];
      add("path", { d: shape, transform: `translate(${a} ${b})`, style: `fill:var(--c${n})` });
    }
  }

  function title(i, letters) {
    const type = all.type[i], site = all.site[i], header = all.header[i];
    const fits = Math.min(Math.max(letters.length * 14, 350), 630) / 7.7;
    const first = header.length > fits ? header.slice(0, fits - 1) + "\u2026" : header;
    let second = `${type ? `${types[type]}, ${run.types[type][1]}` : "no signal peptide"}: ${three(all.shares[i][type])}`;
    if (site) second += ` \u00a0\u00a0 cleavage after ${site}, ${letters.slice(Math.max(site - 3, 0), site)}|${letters.slice(site, site + 2)}: ${three(all.chance[i])}`;
    const third = run.shown.map((n) => `${n ? types[n] : "no SP"} ${three(all.shares[i][n])}`).join(" \u00a0 ");
    return [first, second, third];
  }

  // Table ----------------------------------------------------------------------------------------

  function cell(column, i) {
    const made = document.createElement("div");
    made.setAttribute("role", "gridcell");
    if (column.number) made.className = "number";
    if (column.key === "strip") {
      const strip = all.strip[i], bar = document.createElement("div");
      bar.className = "strip";
      for (let at = 0; at < strip.length; at += 3) {
        const part = document.createElement("i");
        part.style.cssText = `width:${2 * (strip[at + 2] - strip[at + 1] + 1)}px;background:var(--c${strip[at]})`;
        bar.append(part);
      }
      made.title = describe(strip);
      made.append(bar);
    } else {
      made.textContent = column.shown(i);
      if (column.key === "header" || column.key === "warnings") made.title = column.shown(i);
      if (column.key === "type" && !all.type[i]) made.classList.add("none");
    }
    return made;
  }

  function describe(strip) {
    const parts = [];
    for (let at = 0; at < strip.length; at += 3) parts.push(`${run.looks[strip[at]].name} ${strip[at + 1]}-${strip[at + 2]}`);
    return parts.join(", ");
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
    const wanted = byId("search").value.trim().toLowerCase(), kind = byId("kind").value;
    order = [];
    for (let i = 0; i < count; i += 1) {
      const fits = kind === "" || (kind === "sp" ? all.type[i] > 0 : all.type[i] === Number(kind));
      if (fits && (!wanted || lower[i].includes(wanted))) order.push(i);
    }
    const { value } = columns.find((column) => column.key === sorted.key);
    if (sorted.key !== "place") {
      const keys = new Map(order.map((i) => [i, value(i)]));
      order.sort((a, b) => (keys.get(a) < keys.get(b) ? -1 : keys.get(a) > keys.get(b) ? 1 : 0) * (sorted.down ? -1 : 1) || a - b);
    } else if (sorted.down) order.reverse();
    body.style.height = `${order.length * ROW}px`;
    grid.setAttribute("aria-rowcount", order.length + 1);
    byId("found").textContent = `${order.length.toLocaleString("en")} of ${count.toLocaleString("en")}`;
    render();
  }

  async function choose(i) {
    chosen = i;
    render();
    grid.setAttribute("aria-activedescendant", `row-${i}`);
    const turn = ++drawing;
    const found = await profile(i);
    // A later choice may have been quicker.
    if (turn !== drawing) return;
    picture.replaceChildren(draw(i, found));
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
    sorted = { key, down: fresh ? Boolean(column.number) && key !== "place" : !sorted.down };
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
    const place = Math.min(Math.max(to, 0), order.length - 1);
    reveal(place);
    choose(order[place]);
  }

  function print() {
    const table = byId("printed"), wanted = columns.filter((column) => column.key !== "strip");
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
    for (const id of ["search", "kind"]) byId(id).addEventListener("input", () => { grid.scrollTop = 0; arrange(); });
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
