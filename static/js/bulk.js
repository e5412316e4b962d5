/* Reads the answer line by line: a bar that moves, a table that grows, the file at the end. */
(() => {
  "use strict";
  const SHOWN = 200;
  const ICONS = { fits: "M3.2 8.4l3.1 3.1 6.5-6.8", tight: "M8 2.6l6 10.6H2zM8 6.6v3M8 11.5v.1", does_not_fit: "M4 4l8 8M12 4l-8 8", unsupported: "M3.5 8h9" };
  const $ = (selector) => document.querySelector(selector);
  const form = $("[data-bulk]");
  if (!form) return;
  const [error, status, bar, link] = ["[data-bulk-error]", "[data-bulk-status]", "#bulk-bar", "[data-bulk-file]"].map($);
  const [stop, rows, more] = ["[data-bulk-stop]", "[data-bulk-results] tbody", "[data-bulk-more]"].map($);
  const send = form.querySelector(".primary");
  let leaving = null;

  const cell = (row, text, kind) => {
    const made = document.createElement(kind || "td");
    made.textContent = text;
    return row.appendChild(made);
  };

  const badge = (place, line) => {
    const made = document.createElement("span");
    made.className = `badge badge-${line.verdict}`;
    made.innerHTML = `<svg class="icon" width="12" height="12" viewBox="0 0 16 16" aria-hidden="true"><path d="${ICONS[line.verdict]}"/></svg>`;
    made.append(Object.assign(document.createElement("span"), { textContent: line.word }));
    place.append(made);
  };

  function show(line) {
    const row = rows.insertRow();
    cell(row, line.row).className = "num";
    cell(row, line.name, "th").scope = "row";
    const verdict = cell(row, line.error ? "Not planned" : "");
    if (!line.error) badge(verdict, line);
    cell(row, line.headroom || "").className = "num";
    cell(row, line.error || line.headline);
  }

  async function* lines(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream("utf-8", { ignoreBOM: true })).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n");
      rest = parts.pop();
      for (const part of parts) yield JSON.parse(part);
    }
  }

  function reset() {
    URL.revokeObjectURL(link.href);
    for (const element of [link, more]) element.hidden = true;
    error.textContent = "";
    rows.replaceChildren();
    bar.value = 0;
    status.textContent = "Sending…";
    $("[data-bulk-progress]").hidden = false;
  }

  async function run() {
    const state = { jobs: 0, planned: 0, bad: 0, told: 0, whole: false, file: [] };
    const headers = { Accept: "application/x-ndjson" };
    leaving = new AbortController();
    const response = await fetch(form.action, { method: "POST", body: new FormData(form), headers, signal: leaving.signal });
    if (!response.ok) {
      const told = await response.json().catch(() => ({}));
      throw new Error(told.error || told.detail || `The server answered ${response.status}.`);
    }
    try {
      for await (const line of lines(response)) {
        if (line.csv) state.file.push(line.csv);
        if (line.jobs) bar.max = state.jobs = line.jobs;
        else if (line.done !== undefined) state.whole = true;
        else {
          bar.value = ++state.planned;
          if (line.error) state.bad += 1;
          if (state.planned <= SHOWN) show(line);
          $("[data-bulk-results]").hidden = false;
          // A screen reader hears of every tenth part, not of every row.
          const tenth = Math.floor((10 * state.planned) / state.jobs);
          if (tenth > state.told) status.textContent = `${state.planned.toLocaleString("en")} of ${state.jobs.toLocaleString("en")} jobs planned`;
          state.told = tenth;
        }
      }
    } catch {
      // Stopped, or the connection broke: what has come is still good.
    }
    return state;
  }

  function finish(state) {
    const bad = state.bad ? `, ${state.bad.toLocaleString("en")} of them could not be planned` : "";
    const whole = state.whole ? "Done: all" : "Stopped after";
    status.textContent = `${whole} ${state.planned.toLocaleString("en")} of ${state.jobs.toLocaleString("en")} jobs${bad}.`;
    more.hidden = state.planned <= SHOWN;
    more.textContent = `The first ${SHOWN} rows are shown; the file has all of them.`;
    link.href = URL.createObjectURL(new Blob(state.file, { type: "text/csv;charset=utf-8" }));
    link.hidden = false;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    reset();
    send.disabled = true;
    stop.hidden = false;
    try {
      finish(await run());
    } catch (failure) {
      $("[data-bulk-progress]").hidden = true;
      error.textContent = failure.name === "AbortError" ? "Stopped." : failure.message;
    }
    send.disabled = false;
    stop.hidden = true;
  });
  stop.addEventListener("click", () => leaving?.abort());
})();
