// The files of a run, as io/writers/ writes them.
import { firstWord, fixed, pattern, shortest } from "./text.js";

const utf8 = new TextEncoder();
const percent = (letter) => Array.from(utf8.encode(letter), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
const json = (text) => JSON.stringify(text).replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
const listed = (values) => `[\n        ${values.join(",\n        ")}\n      ]`;

/** Name -> text of every file; run: {organism, directory, time, unusable} of what was asked for. */
export function files(facts, predictions, reader, run) {
  const { table, gff3, sequences } = facts.engine.files;
  const peptides = predictions.filter(({ site }) => site), others = predictions.filter(({ site }) => !site);
  const fasta = (list, text) => list.map((one) => `>${one.header}\n${text(one)}\n`).join("");
  return {
    [table]: tableOf(facts, predictions, reader),
    [gff3]: gff3Of(facts, predictions, reader),
    ...new SignalP6(facts, predictions, reader, run).files(),
    [sequences[0]]: fasta(peptides, ({ sequence, site }) => sequence.slice(0, site)),
    [sequences[1]]: fasta(others, ({ sequence }) => sequence),
  };
}

export function tableOf(facts, predictions, reader) {
  const columns = facts.engine.table, read = fields(facts, reader);
  const text = {
    str: (value) => value || "",
    int: (value) => (value === null ? "" : String(value)),
    float: (value) => (value === null ? "" : fixed(value, 6)),
  };
  const row = (one) => columns.map(([name, kind, ofCut]) => (ofCut && !one.site ? "" : text[kind](read[name](one)))).join("\t");
  return [columns.map(([name]) => name).join("\t"), ...predictions.map(row), ""].join("\n");
}

function fields(facts, reader) {
  const read = {
    id: ({ id }) => id,
    header: ({ header }) => header,
    file: ({ file }) => file,
    type: ({ type }) => type,
    signal_peptide_probability: ({ probabilities }) => Math.max(1 - probabilities[0], 0),
    cleavage_site: ({ site }) => site,
    cleavage_probability: ({ siteProbability }) => siteProbability,
    mature_start: ({ site }) => site + 1,
    candidate_type: ({ type, sites }) => (sites.length ? type : ""),
    candidate_site: ({ sites }) => (sites.length ? sites[0].position : null),
    candidate_probability: ({ sites }) => (sites.length ? sites[0].probability : null),
    alternative_sites: ({ sites }) => sites.slice(1).map(({ position, probability }) => `${position}:${fixed(probability, 4)}`).join(" "),
    length: ({ sequence }) => sequence.length,
    organism: ({ organism }) => organism,
    warnings: ({ warnings }) => warnings.join("; "),
  };
  facts.types.forEach(({ name }, n) => {
    read[`p_${name.toLowerCase()}`] = ({ probabilities }) => probabilities[n];
  });
  for (const region of facts.engine.regions) {
    for (const end of ["start", "end"]) {
      read[`${region.replace(/[^a-z]/g, "_")}_${end}`] = (one) => {
        const span = reader.span(one, region);
        return span && span[end];
      };
    }
  }
  return read;
}

export function gff3Of(facts, predictions, reader) {
  const { kinds, regions, parts, escaped } = facts.engine.gff3, strange = pattern(escaped, "g");
  const blocks = predictions.filter(({ site }) => site).map((one) => {
    const { site, sequence } = one, name = firstWord(one.header).replace(strange, percent);
    const cut = fixed(one.siteProbability, 6);
    const features = [
      ["signal_peptide", 1, site, fixed(one.probabilities[one.number], 6), `signal_peptide;${kinds[one.type]};cleavage_probability=${cut}`],
    ];
    for (const [region, term, own] of regions) {
      const span = reader.span(one, region);
      if (!span) continue;
      const parent = parts.includes(region) && span.end <= site ? `;Parent=${name}.signal_peptide` : "";
      features.push([term, span.start, span.end, ".", `${own};Name=${region}${parent}`]);
    }
    if (site < sequence.length) features.push(["mature_protein_region", site + 1, sequence.length, cut, "mature;Name=mature protein"]);
    const lines = features.map(([term, start, end, score, more]) => `${name}\t${facts.tool}\t${term}\t${start}\t${end}\t${score}\t.\t.\tID=${name}.${more}\n`);
    return `##sequence-region ${name} 1 ${sequence.length}\n${lines.join("")}`;
  });
  return `##gff-version 3\n${blocks.join("")}`;
}

/** SignalP 6's five files, in its layouts. */
class SignalP6 {
  constructor(facts, predictions, reader, run) {
    Object.assign(this, { facts, predictions, reader, run, rules: facts.engine.signalp6, tool: facts.tool });
    this.layout = run.organism === "auto" ? "other" : run.organism;
    const possible = facts.organisms.find(({ name }) => name === this.layout).types;
    this.types = facts.types.flatMap(({ name }, n) => (possible.includes(name) ? [[name, n]] : []));
    this.typesJson = listed(this.types.map(([name]) => json(this.rules.titles[name])));
    this.cut = predictions.filter(({ site }) => site);
  }

  files() {
    const [table, gff, regions, mature, whole] = this.facts.engine.files.signalp6;
    return {
      [table]: this.table(),
      [gff]: `## gff-version 3\n${this.cut.map((one) => this.feature(one)).join("")}`,
      [regions]: `## gff-version 3\n${this.cut.flatMap((one) => this.regions(one)).join("")}`,
      [mature]: this.cut.map(({ header, sequence, site }) => `>${header}\n${sequence.slice(site)}\n`).join(""),
      [whole]: this.json(),
    };
  }

  table() {
    const name = this.layout[0].toUpperCase() + this.layout.slice(1);
    const head = `# ${this.tool}\tOrganism: ${name}\tTimestamp: ${stamp(this.run.time)}\n`;
    const columns = `# ID\tPrediction\t${this.types.map(([type]) => this.rules.columns[type]).join("\t")}\tCS Position\n`;
    const rows = this.predictions.map((one) => {
      const cut = one.site ? `CS pos: ${one.site}-${one.site + 1}. Pr: ${fixed(one.siteProbability, 4)}` : "";
      const numbers = this.types.map(([, n]) => fixed(one.probabilities[n], 6)).join("\t");
      return `${one.header}\t${this.rules.names[one.type]}\t${numbers}\t${cut}\n`;
    });
    return head + columns + rows.join("");
  }

  feature({ header, type, number, site, probabilities }) {
    const [feature, note] = this.rules.features[type];
    return `${header}\t${this.tool}\t${feature}\t1\t${site}\t${shortest(probabilities[number])}\t.\t.\t${note}\n`;
  }

  regions(one) {
    if (this.rules.pilins.includes(one.type)) return [];
    const spans = this.rules.regions.map((name) => this.reader.span(one, name)).filter(Boolean);
    return spans.map(({ name, start, end }) => `${one.header}\t${this.tool}\t${name}\t${start}\t${end}\t.\t.\t.\t.\n`);
  }

  json() {
    const [table, gff, regions, mature] = this.facts.engine.files.signalp6;
    const path = (name) => json(`${this.run.directory}/${name}`);
    const head =
      `{\n  "INFO": {\n    "failedjobs": ${this.run.unusable},\n    "size": ${this.predictions.length}\n  },\n` +
      `  "CSV_FILE": ${path(table)},\n  "MATURE_FILE": ${path(mature)},\n  "GFF_FILE": ${path(gff)},\n  "ZIP_FILE": "",\n  "SEQUENCES": {`;
    const entries = this.predictions.map((one) => this.entry(one)).join(",");
    const tail = `\n  },\n  "FORMAT": "none",\n  "ORG": ${json(this.layout)},\n  "MODE": ${json(this.facts.model.name)},\n  "REGION_GFF_FILE": ${path(regions)}\n}`;
    return head + entries + tail;
  }

  entry({ header, type, site, siteProbability, probabilities }) {
    const likelihood = this.types.map(([, n]) => shortest(Number(fixed(probabilities[n], 4))));
    const cut = site ? `Cleavage site between pos. ${site} and ${site + 1}. Probability ${fixed(siteProbability, 6)}` : "";
    const plots = this.rules.kinds.map((kind) => `      "Plot_${kind}": "",\n`).join("");
    return (
      `\n    ${json(header)}: {\n      "Name": ${json(header)},\n${plots}` +
      `      "Prediction": ${json(this.rules.titles[type])},\n      "Likelihood": ${listed(likelihood)},\n` +
      `      "Protein_types": ${this.typesJson},\n      "CS_pos": ${json(cut)}\n    }`
    );
  }
}

function stamp(time) {
  const two = (number) => String(number).padStart(2, "0");
  return `${time.getFullYear()}${[time.getMonth() + 1, time.getDate(), time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join("")}`;
}
