// How far a job is: a bar, a rate and the time left, and a way to stop it.

import { byId, counted, day, duration, make, thousands } from "./dom.js";

const SPEAK_EVERY = 5000;

export class ProgressView {
  constructor() {
    byId("cancel").addEventListener("click", async () => {
      byId("cancel").disabled = true;
      await this.job.cancel();
    });
  }

  start(job) {
    this.job = job;
    this.spoken = 0;
    byId("cancel").disabled = false;
    byId("bar").removeAttribute("value");
    byId("progress-text").textContent = byId("progress-spoken").textContent = "";
    const link = byId("progress-link");
    link.hidden = !job.link;
    if (job.link) link.replaceChildren("You may close this page: ", make("a", { href: job.link }, "this link"), ` finds the job again until ${day(job.expires)}.`);
  }

  update({ state, ahead, progress }) {
    const bar = byId("bar"), { done = 0, total = null, rate = null, remaining = null } = progress ?? {};
    byId("progress-title").textContent = state === "queued" ? "Waiting" : "Predicting";
    if (total) { bar.max = total; bar.value = done; } else bar.removeAttribute("value");
    const words = [];
    if (state === "queued") words.push(ahead ? `${counted(ahead, "job")} before yours` : "yours is the next job");
    else if (state === "done") words.push("fetching the results");
    else if (total) {
      words.push(`${thousands(done)} of ${counted(total, "protein")}`);
      if (rate) words.push(`${thousands(Math.round(rate))} a second`);
      if (remaining) words.push(`about ${duration(remaining)} left`);
    } else words.push("reading the input and loading the model");
    const text = words.join(" \u00b7 ");
    byId("progress-text").textContent = text;
    if (Date.now() - this.spoken < SPEAK_EVERY) return;
    byId("progress-spoken").textContent = text;
    this.spoken = Date.now();
  }
}
