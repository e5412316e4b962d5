/* Draws the scatter's marks with Plotly over the server's, for the pointer to ask. */
(() => {
  "use strict";

  async function draw(box) {
    const plot = box.querySelector("[data-plot]");
    const panel = box.closest(".panel");
    let Plotly;
    try {
      Plotly = await window.shardplan.start("plotly");
    } catch {
      return; // the server's marks stay
    }
    const figure = JSON.parse(panel.querySelector("[data-figure]").textContent);
    const page = getComputedStyle(document.body);
    const colour = (name) => getComputedStyle(panel.querySelector(`[data-group="${name}"]`)).color;
    const surface = getComputedStyle(panel).backgroundColor;
    const data = figure.data.map((trace) => ({
      ...trace,
      marker: { ...trace.marker, color: colour(trace.meta), line: { width: 1, color: surface } },
    }));
    const layout = {
      ...figure.layout,
      width: plot.parentElement.clientWidth,
      height: plot.parentElement.clientHeight,
      hoverlabel: { bgcolor: page.color, bordercolor: page.color, font: { family: page.fontFamily, size: 12, color: surface } },
    };
    await Plotly.react(plot, data, layout, figure.config);
    plot.parentElement.classList.add("drawn");
    plot.removeAllListeners("plotly_click");
    plot.on("plotly_click", ({ points: [{ customdata: [run] }] }) => {
      const row = document.getElementById(`run-${run}`);
      if (row) location.href = row.querySelector("a").href;
    });
  }

  const all = (run) => document.querySelectorAll("[data-scatter]").forEach(run);
  const later = window.requestIdleCallback || ((run) => setTimeout(run, 50));
  document.addEventListener("DOMContentLoaded", () =>
    later(() =>
      all((box) => {
        let width = 0;
        new ResizeObserver(([entry]) => {
          const now = Math.round(entry.contentRect.width);
          if (now === width) return;
          width = now;
          draw(box);
        }).observe(box);
      }),
    ),
  );
  document.addEventListener("shardplan:theme", () => all(draw));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all(draw));
})();
