/* Draws the chart's figure with Plotly, exactly over the server's bars. */
(() => {
  "use strict";

  /** Positions come from the rows on screen, so the drawing fits every layout. */
  function fitted(figure, chart, plot) {
    const box = chart.getBoundingClientRect();
    const rows = [...chart.querySelectorAll(".row-bar")];
    const bars = rows.map((row) => row.getBoundingClientRect());
    const first = bars[0];
    const last = bars[bars.length - 1];
    const centre = (bar) => bar.top + bar.height / 2 - first.top;
    const height = last.bottom - first.top;
    const y = (place) => {
      const row = Math.round(place);
      return centre(bars[row]) + (place - row) * 30 - 1;
    };
    plot.style.left = `${first.left - box.left}px`;
    plot.style.top = `${first.top - box.top}px`;
    plot.style.width = `${first.width}px`;
    plot.style.height = `${height}px`;
    // The line and the tint run through the rows, but not through a reason, nor through the names
    // that stand between the rows on a narrow screen.
    const apart = bars.length > 1 && bars[1].top - first.bottom > 4;
    const runs = [];
    let open = false;
    rows.forEach((row, place) => {
      const drawn = row.matches("[data-row]");
      if (drawn && open && !apart) runs[runs.length - 1].y1 = bars[place].bottom - first.top;
      else if (drawn) runs.push({ y0: bars[place].top - first.top, y1: bars[place].bottom - first.top });
      open = drawn;
    });
    const across = (shape) => runs.map((run) => ({ ...shape, yref: "y", ...run }));
    const data = figure.data.map((trace) => ({
      ...trace,
      y: trace.y.map(y),
      ...(trace.type === "bar" ? { width: 14 } : {}),
    }));
    const layout = {
      ...figure.layout,
      width: first.width,
      height,
      yaxis: { ...figure.layout.yaxis, range: [height, 0] },
      xaxis: { ...figure.layout.xaxis, showgrid: !apart },
      shapes: figure.layout.shapes.map(across),
    };
    return { data, layout };
  }

  /** Colours are read off the page, so both themes and forced changes hold. */
  function coloured({ data, layout }, panel) {
    const style = (selector, property) => getComputedStyle(panel.querySelector(selector))[property];
    const token = (name) => {
      const probe = document.createElement("i");
      probe.style.cssText = `color: var(--${name}); forced-color-adjust: none`;
      panel.append(probe);
      const colour = getComputedStyle(probe).color;
      probe.remove();
      return colour;
    };
    const text = token("text");
    const surface = token("surface");
    const font = getComputedStyle(document.body).fontFamily;
    for (const trace of data) {
      if (trace.type === "bar") {
        const colour = style(`[data-group="${trace.meta}"]`, "backgroundColor");
        trace.marker = { ...trace.marker, color: colour, line: { ...trace.marker.line, color: surface } };
      } else {
        trace.error_x = { ...trace.error_x, color: text };
      }
    }
    const [over, capacity] = layout.shapes;
    const line = (width, colour) => (shape) => ({ ...shape, line: { width, color: colour } });
    layout.shapes = [
      ...over.map((shape) => ({ ...shape, fillcolor: token("over") })),
      ...capacity.map(line(2, token("capacity"))),
    ];
    layout.xaxis = { ...layout.xaxis, gridcolor: token("grid") };
    layout.font = { family: font, size: 12, color: text };
    layout.hoverlabel = {
      bgcolor: token("capacity"),
      bordercolor: token("capacity"),
      font: { family: font, size: 12, color: surface },
    };
    return { data, layout };
  }

  const later = window.requestIdleCallback || ((run) => setTimeout(run, 50));
  let turn = 0;

  async function draw() {
    const panel = document.querySelector(".chart-panel");
    const source = panel && panel.querySelector("[data-figure]");
    if (!source || !document.getElementById("plotly")) return;
    const mine = ++turn;
    let Plotly;
    try {
      Plotly = await window.shardplan.start("plotly");
    } catch {
      return; // the server's bars stay
    }
    if (mine !== turn || !panel.isConnected) return;
    const chart = panel.querySelector("[data-chart]");
    const plot = panel.querySelector("[data-plot]");
    const figure = JSON.parse(source.textContent);
    if (!figure.data.some((trace) => trace.x.length)) return;
    const { data, layout } = coloured(fitted(figure, chart, plot), panel);
    await Plotly.react(plot, data, layout, { ...figure.config, responsive: false });
    chart.classList.add("drawn");
    // A bar is its strategy's link. Drawing again keeps the element: one listener is enough.
    plot.removeAllListeners("plotly_click");
    plot.on("plotly_click", ({ points: [{ curveNumber, pointNumber }] }) => {
      const place = Math.round(figure.data[curveNumber].y[pointNumber]);
      chart.querySelectorAll(".row")[place]?.querySelector(".row-name[href]")?.click();
    });
  }

  let width = 0;
  const sizes = new ResizeObserver(([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (now !== width && entry.target.isConnected) {
      width = now;
      later(draw); // the server's bars are painted first
    }
  });
  function watch() {
    const chart = document.querySelector("[data-chart]");
    sizes.disconnect();
    width = 0;
    if (chart) sizes.observe(chart);
  }

  // While somebody tries one thing after another, the server's bars are enough.
  const PAUSE = 300;
  let pause = 0;
  document.addEventListener("DOMContentLoaded", () => later(watch));
  document.addEventListener("shardplan:answer", () => {
    turn += 1;
    clearTimeout(pause);
    pause = setTimeout(watch, PAUSE);
  });
  document.addEventListener("shardplan:theme", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
