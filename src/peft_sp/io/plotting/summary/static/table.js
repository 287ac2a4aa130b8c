// A table of any number of rows, of which only those in view are in the page.

import { three } from "./blocks.js";
import { regionsInWords, stripOf } from "./picture.js";

const ROW = 28, EXTRA = 8;

// elements: `grid` with `head` and `body` inside. columns: key, name, number (whether it is one),
// value(i) to sort by, and shown(i), text, or fill(cell, i). Told: onChoose(i) of a row that is
// chosen, onArrange(order) of the rows that are shown.
export class Table {
  constructor({ grid, head, body, columns, onChoose, onArrange }) {
    Object.assign(this, { grid, head, body, columns, onChoose, onArrange });
    this.count = 0;
    this.order = [];
    this.chosen = -1;
    this.sorted = { key: "number", down: false };
    this.fits = () => true;
    let waiting = false;
    grid.addEventListener("scroll", () => {
      if (!waiting) requestAnimationFrame(() => { waiting = false; this.render(); });
      waiting = true;
    });
    body.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) this.choose(Number(row.dataset.protein));
    });
    grid.addEventListener("keydown", (event) => this.keys(event));
    new ResizeObserver(() => this.render()).observe(grid);
    this.heads();
  }

  // Show the rows of these numbers for which `fits`.
  show(count, fits) {
    this.count = count;
    this.fits = fits;
    this.grid.scrollTop = 0;
    this.arrange();
  }

  arrange() {
    const order = [], { key, down } = this.sorted;
    for (let i = 0; i < this.count; i += 1) if (this.fits(i)) order.push(i);
    const { value } = this.columns.find((column) => column.key === key);
    if (key !== "number") {
      const keys = Array.from({ length: this.count }, (_, i) => value(i)), way = down ? -1 : 1;
      order.sort((a, b) => (keys[a] < keys[b] ? -way : keys[a] > keys[b] ? way : a - b));
    } else if (down) order.reverse();
    this.order = order;
    this.body.style.height = `${order.length * ROW}px`;
    this.grid.setAttribute("aria-rowcount", order.length + 1);
    this.onArrange(order);
    this.render();
  }

  render() {
    const { grid, order } = this;
    const first = Math.max(0, Math.floor(grid.scrollTop / ROW) - EXTRA);
    const last = Math.min(order.length, Math.ceil((grid.scrollTop + grid.clientHeight) / ROW) + EXTRA);
    const rows = [];
    for (let at = first; at < last; at += 1) rows.push(this.row(at));
    this.body.replaceChildren(...rows);
    // An id that is not in the page would lead nowhere.
    if (rows.some((row) => row.id === `row-${this.chosen}`)) grid.setAttribute("aria-activedescendant", `row-${this.chosen}`);
    else grid.removeAttribute("aria-activedescendant");
  }

  row(at) {
    const i = this.order[at], row = document.createElement("div");
    row.className = "row";
    row.id = `row-${i}`;
    row.style.top = `${at * ROW}px`;
    row.setAttribute("role", "row");
    row.setAttribute("aria-rowindex", at + 2);
    row.setAttribute("aria-selected", i === this.chosen);
    row.dataset.protein = i;
    row.append(...this.columns.map((column) => {
      const cell = document.createElement("div");
      cell.setAttribute("role", "gridcell");
      if (column.number) cell.className = "number";
      if (column.fill) column.fill(cell, i);
      else cell.textContent = column.shown(i);
      return cell;
    }));
    return row;
  }

  choose(i) {
    this.chosen = i;
    this.render();
    return this.onChoose(i);
  }

  // Choose the row at this place and bring it into view.
  go(at) {
    const { grid } = this, head = this.head.offsetHeight, top = at * ROW;
    if (top < grid.scrollTop) grid.scrollTop = top;
    else if (top + ROW + head > grid.scrollTop + grid.clientHeight) grid.scrollTop = top + ROW + head - grid.clientHeight;
    return this.choose(this.order[at]);
  }

  keys(event) {
    const { grid, order } = this;
    if (event.target !== grid || event.ctrlKey || event.metaKey || event.altKey || !order.length) return;
    const page = Math.max(1, Math.floor(grid.clientHeight / ROW) - 2), at = order.indexOf(this.chosen);
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: order.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.go(Math.min(Math.max(to, 0), order.length - 1));
  }

  sort(key) {
    // Numbers are wanted from the largest, names from A.
    const column = this.columns.find((one) => one.key === key);
    const fresh = this.sorted.key !== key;
    this.sorted = { key, down: fresh ? Boolean(column.number) && key !== "number" : !this.sorted.down };
    this.heads();
    this.grid.scrollTop = 0;
    this.arrange();
  }

  heads() {
    const focused = document.activeElement && document.activeElement.dataset.key;
    this.head.replaceChildren(...this.columns.map((column) => {
      const cell = document.createElement("div"), button = document.createElement("button");
      cell.setAttribute("role", "columnheader");
      if (column.number) cell.className = "number";
      const own = column.key === this.sorted.key;
      if (own) cell.setAttribute("aria-sort", this.sorted.down ? "descending" : "ascending");
      button.textContent = column.name + (own ? (this.sorted.down ? " \u25be" : " \u25b4") : "");
      button.type = "button";
      button.dataset.key = column.key;
      button.addEventListener("click", () => this.sort(column.key));
      cell.append(button);
      return cell;
    }));
    if (focused) this.head.querySelector(`[data-key=${focused}]`).focus();
  }

  // A plain table of the first rows, for paper: of the columns that are text.
  print(table, most, rest) {
    const wanted = this.columns.filter((column) => column.shown);
    const line = (name, texts) => {
      const row = document.createElement("tr");
      row.append(...texts.map((text) => { const made = document.createElement(name); made.textContent = text; return made; }));
      return row;
    };
    const rows = this.order.slice(0, most).map((i) => line("td", wanted.map((column) => column.shown(i))));
    table.replaceChildren(line("th", wanted.map((column) => column.name)), ...rows);
    if (this.order.length > most) table.append(line("td", ["", `${(this.order.length - most).toLocaleString("en")} more: ${rest}`]));
  }
}

// The columns of predictions; `columns` are a run's, `drawing` what is known of all pictures.
export function predictionColumns(drawing, columns) {
  const { header, type, probabilities, site, site_probability: cut, regions, length, warnings } = columns;
  const lower = header.map((text) => text.toLowerCase());
  const titled = (text) => (cell, i) => { cell.textContent = text[i]; cell.title = text[i]; };
  const chance = (i) => probabilities[i][type[i]];
  const name = (i) => drawing.types[type[i]][0];
  return [
    { key: "number", name: "#", number: true, value: (i) => i + 1, shown: (i) => (i + 1).toLocaleString("en") },
    { key: "header", name: "protein", value: (i) => lower[i], shown: (i) => header[i], fill: titled(header) },
    { key: "type", name: "type", value: (i) => type[i], shown: name, fill: (cell, i) => { cell.textContent = name(i); cell.classList.toggle("none", !type[i]); } },
    { key: "probability", name: "P(type)", number: true, value: chance, shown: (i) => three(chance(i)) },
    { key: "site", name: "cut", number: true, value: (i) => site[i], shown: (i) => site[i] || "" },
    { key: "site_probability", name: "P(cut)", number: true, value: (i) => cut[i], shown: (i) => (site[i] ? three(cut[i]) : "") },
    { key: "regions", name: "regions", value: (i) => regions[i].length && regions[i][2], fill: (cell, i) => { cell.title = regionsInWords(drawing, columns, i); cell.append(stripOf(drawing, columns, i)); } },
    { key: "length", name: "length", number: true, value: (i) => length[i], shown: (i) => length[i].toLocaleString("en") },
    { key: "warnings", name: "warnings", value: (i) => warnings[i], shown: (i) => warnings[i], fill: titled(warnings) },
  ];
}
