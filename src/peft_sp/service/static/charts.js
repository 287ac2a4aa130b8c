// The proteins by type, as bars that are buttons: each shows its proteins in the table.

import { make, percent, thousands } from "./dom.js";
import { paint } from "./shared/picture.js";

export const ANY = "sp";

// types: facts.types; counts: proteins of each; chosen: "", ANY or the number of a type.
export function typeChart(target, types, counts, chosen, onChoose) {
  const all = counts.reduce((sum, count) => sum + count, 0), signal = all - counts[0];
  const shown = types.map((_, n) => n).filter((n) => counts[n] || n < 2);
  const rows = [
    row("", "All proteins", "", all, all, "of the input"),
    row(ANY, "With a signal peptide", "", signal, all, "of any type"),
    ...shown.filter((n) => n).map((n) => row(n, types[n].name, types[n].mechanism, counts[n], all, types[n].sentence, true)),
    row(0, "No signal peptide", "", counts[0], all, types[0].sentence),
  ];
  target.className = "counts";
  target.setAttribute("role", "group");
  target.setAttribute("aria-label", "Show in the table");
  target.replaceChildren(...rows);
  const press = (value) => { for (const one of rows) one.setAttribute("aria-pressed", one.dataset.value === String(value)); };
  press(chosen);
  for (const one of rows) one.addEventListener("click", () => { press(one.dataset.value); onChoose(one.dataset.value); });
}

function row(value, name, mechanism, count, all, sentence, inner = false) {
  const bar = make("span", { class: "bar" }), fill = make("i");
  fill.style.width = `${all ? (100 * count) / all : 0}%`;
  fill.style.background = paint(value === 0 || value === "" ? "other" : "bar");
  bar.append(fill);
  return make("button", { type: "button", class: inner ? "count inner" : "count", "data-value": String(value), title: sentence },
    make("span", { class: "name" }, name, mechanism ? make("small", {}, ` ${mechanism}`) : ""),
    make("span", { class: "number" }, thousands(count)), make("span", { class: "number share" }, percent(count, all)), bar);
}
