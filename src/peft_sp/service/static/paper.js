// Pictures of the page as files.

import { svgElement } from "./shared/picture.js";

// The picture by itself, in the colours of paper.
export function paperSvg(shown, { width, height }, { paper, drawing }) {
  const svg = shown.cloneNode(true);
  svg.removeAttribute("style");
  const own = { xmlns: "http://www.w3.org/2000/svg", width: `${width}pt`, height: `${height}pt`, "font-family": drawing.font };
  for (const [key, value] of Object.entries(own)) svg.setAttribute(key, value);
  for (const part of svg.querySelectorAll("*")) {
    for (const key of ["fill", "stroke"]) {
      const colour = /^var\(--(.*)\)$/.exec(part.getAttribute(key) ?? "");
      if (colour) part.setAttribute(key, paper[colour[1]]);
    }
  }
  svg.prepend(svgElement("rect", { width: "100%", height: "100%", fill: paper.ground }));
  return new XMLSerializer().serializeToString(svg);
}

// What a protein's files are called, but for their end.
export function fileName(header) {
  return header.split(/\s/)[0].replace(/[^\w.-]+/g, "_").slice(0, 80) || "protein";
}
