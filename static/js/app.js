/* What htmx does not do by itself: kinds of change, messages, focus, copying, the theme. */
(() => {
  "use strict";
  const $ = (selector, from = document) => from.querySelector(selector);
  const on = (name, run) => document.addEventListener(name, run);
  const tell = (name) => document.dispatchEvent(new Event(name));

  /* --- The planner's requests ------------------------------------------------------------- */

  // Fragments that open beside the answer come and go without a word.
  const isBeside = (ctx) => ctx.sourceElement?.matches("[data-explore]");

  on("htmx:config:request", ({ detail: { ctx } }) => {
    const typed = ctx.sourceEvent && ctx.sourceEvent.type === "input";
    ctx.request.headers["X-Change"] = typed ? "typing" : "choice";
  });

  on("htmx:before:request", ({ detail: { ctx } }) => {
    if (isBeside(ctx)) return;
    ctx.applies = ctx.sourceElement.matches("[data-apply]");
    $("#answer")?.setAttribute("aria-busy", "true");
  });
  on("htmx:finally:request", ({ detail: { ctx } }) => isBeside(ctx) || $("#answer")?.removeAttribute("aria-busy"));

  on("htmx:before:swap", ({ detail: { ctx } }) => {
    const status = ctx.response?.status ?? 200;
    if (status >= 500 || isBeside(ctx)) return;
    failure(null);
    for (const message of document.querySelectorAll("#job .field-error")) message.replaceChildren();
  });

  on("htmx:after:swap", ({ detail: { ctx } }) => {
    if (isBeside(ctx)) return;
    for (const input of document.querySelectorAll("#job [aria-invalid]")) input.removeAttribute("aria-invalid");
    for (const message of document.querySelectorAll("#job .field-error:not(:empty)")) {
      const name = message.id.replace("error-", "");
      for (const input of document.querySelectorAll(`#job [name="${CSS.escape(name)}"]:not([type="hidden"])`)) {
        input.setAttribute("aria-invalid", "true");
        input.closest("details:not([open])")?.setAttribute("open", "");
      }
    }
    // Names and toggles keep their focus by their ids; an applied fix is gone.
    if (ctx.applies) $("#headline")?.focus({ preventScroll: true });
    tell("shardplan:answer");
  });

  // Numbers read "2,048" once their field is left; while somebody types they stay as typed.
  let values = {};
  const redisplay = (input) => {
    const text = values[input.name];
    if (text !== undefined && input.matches(".number") && input.value !== text) input.value = text;
  };
  on("shardplan:values", ({ detail }) => {
    values = detail.values || {};
    for (const input of document.querySelectorAll("#job .number"))
      if (input !== document.activeElement) redisplay(input);
  });
  on("focusout", ({ target }) => {
    if (target.matches?.("#job .number") && !target.hasAttribute("aria-invalid") && !$("#answer[aria-busy]")) redisplay(target);
  });
  on("input", ({ target }) => delete values[target.name]);

  // Where htmx is missing nothing follows a change: the figures say that they are of the job before.
  const changed = ({ target }) => {
    const job = target.closest?.("#job");
    if (!job || window.htmx) return;
    job.classList.add("changed");
    const told = $("[data-stale]", job);
    if (told) told.textContent = "The figures are of the job before your change.";
  };
  on("input", changed);
  on("change", changed);
  on("shardplan:answer", () => {
    $("#job")?.classList.remove("changed");
    $("[data-stale]")?.replaceChildren();
  });

  /* --- Failures ------------------------------------------------------------------------------ */

  let answered = new Date();
  on("shardplan:answer", () => (answered = new Date()));

  function failure(reason) {
    const banner = $("#failure");
    if (!banner) return;
    banner.hidden = reason === null;
    if (reason === null) return;
    $("[data-reason]", banner).textContent = reason;
    $("[data-answered]", banner).textContent = answered.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  }

  // What opens beside the answer never shows the figures of another job.
  const untold = ({ sourceElement }) =>
    sourceElement.replaceChildren(Object.assign(document.createElement("p"), { textContent: "This could not be loaded. Close and open it to try again." }));

  on("htmx:response:error", ({ detail: { ctx } }) => {
    if (ctx.response.status === 422) return;
    if (isBeside(ctx)) return untold(ctx);
    const reference = ctx.response.headers.get("X-Request-ID");
    failure(`The server answered ${ctx.response.status}${reference ? `, reference ${reference}` : ""}.`);
  });
  on("htmx:error", ({ detail: { ctx } }) => {
    if (!ctx) return;
    if (isBeside(ctx)) untold(ctx);
    else failure(navigator.onLine ? "The server cannot be reached." : "You are offline.");
  });
  addEventListener("online", () => $("#failure")?.hidden === false && $("#job").requestSubmit());

  /* --- Small things -------------------------------------------------------------------------- */

  on("submit", ({ target }) => {
    // What is saved is what the fields say, even where its answer is still under way.
    const query = $("[data-query]", target);
    const job = $("#job");
    if (query && job) query.value = new URLSearchParams(new FormData(job)).toString();
    if (target.matches(".theme")) $("[name='next']", target).value = location.pathname + location.search;
  });

  // So does what a link takes away.
  on("click", ({ target }) => {
    const link = target.closest?.("[data-job-link]");
    const job = $("#job");
    if (link && job) link.search = new URLSearchParams(new FormData(job)).toString();
  });

  on("click", async ({ target }) => {
    const copy = target.closest("[data-copy]");
    if (copy) {
      const field = $(copy.dataset.copy);
      if (field.select) field.select();
      else getSelection().selectAllChildren(field);
      let copied = true;
      try {
        await navigator.clipboard.writeText(field.value ?? field.textContent);
      } catch {
        copied = document.execCommand("copy");
      }
      const status = $("[data-copied]", copy.closest(".panel") ?? document);
      if (status) status.textContent = copied ? "Copied" : "Press Ctrl+C to copy.";
    }
    if (target.closest("[data-print]")) window.print();
    if (target.closest("[data-retry]")) $("#job")?.requestSubmit();
    for (const menu of document.querySelectorAll(".menu[open]"))
      if (!menu.contains(target)) menu.removeAttribute("open");
  });

  on("keydown", ({ key }) => {
    const menu = key === "Escape" && $(".menu[open]");
    if (menu) {
      menu.removeAttribute("open");
      $("summary", menu).focus();
    }
  });

  const reveal = () => {
    for (const button of document.querySelectorAll("[data-copy], [data-print]")) button.hidden = false;
  };

  /* --- What opens beside the answer, and follows it -------------------------------------------- */

  const explore = (fold) => $("[data-explore]", fold)?.dispatchEvent(new Event("explore"));
  document.addEventListener("toggle", ({ target }) => target.open && explore(target), true);
  on("shardplan:answer", () => document.querySelectorAll(".explore details[open]").forEach(explore));

  /* --- The theme, without leaving the page ---------------------------------------------------- */

  on("click", async (event) => {
    const button = event.target.closest(".theme button");
    if (!button) return;
    event.preventDefault();
    const theme = button.value;
    document.documentElement.dataset.theme = theme;
    tell("shardplan:theme");
    $(`.theme button:not([value="${theme}"])`)?.focus();
    const headers = { "HX-Request": "true" };
    await fetch("/theme", { method: "POST", body: new URLSearchParams({ theme }), headers }).catch(() => {});
  });

  /* --- The model picker ------------------------------------------------------------------------ */

  // The models that this browser planned with last; only it knows them.
  const recent = (chosen) => {
    try {
      const known = JSON.parse(localStorage.getItem("models") ?? "[]");
      if (!chosen) return known;
      localStorage.setItem("models", JSON.stringify([chosen, ...known.filter((id) => id !== chosen)].slice(0, 5)));
    } catch {
      /* storage is blocked or holds something else */
    }
    return [];
  };
  const remember = () => {
    const input = $("#f-model:not([aria-invalid])");
    if (input?.value) recent(input.value);
  };

  const item = (role, text) => {
    const element = document.createElement("li");
    element.setAttribute("role", role);
    element.append(Object.assign(document.createElement("span"), { textContent: text }));
    return element;
  };
  const heading = (text) => item("presentation", text);

  function recentOptions(now) {
    const ids = recent().filter((id) => typeof id === "string" && id !== now);
    const options = ids.map((id, place) => {
      const option = item("option", id);
      option.id = `recent-${place}`;
      option.dataset.value = id;
      option.setAttribute("aria-selected", "false");
      return option;
    });
    return options.length ? [heading("Recent"), ...options] : [];
  }

  function combobox(box) {
    const input = $("input", box);
    const list = document.createElement("ul");
    list.className = "listbox";
    list.id = "model-options";
    list.hidden = true;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Models");
    box.append(list);
    input.removeAttribute("list");
    for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", list.id], ["aria-expanded", "false"]])
      input.setAttribute(name, value);
    let timer = 0;
    let turn = 0;
    let last = input.value;

    const options = () => [...list.querySelectorAll("[role='option']")];
    const active = () => options().find((option) => option.getAttribute("aria-selected") === "true");
    const activate = (option) => {
      for (const other of options()) other.setAttribute("aria-selected", String(other === option));
      if (option) {
        input.setAttribute("aria-activedescendant", option.id);
        option.scrollIntoView({ block: "nearest" });
      } else input.removeAttribute("aria-activedescendant");
    };
    const show = (open) => {
      list.hidden = !open;
      input.setAttribute("aria-expanded", String(open));
      if (!open) activate(null);
    };
    const choose = (option) => {
      show(false);
      if (option.dataset.href) {
        location.href = option.dataset.href;
        return;
      }
      const field = option.dataset.profile ? saved(option) : input;
      if (field === input) input.value = last = option.dataset.value;
      else input.value = last;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    };
    // A saved model stands for the field: the form's own menu of them, or one made for it, says so.
    const saved = ({ dataset: { profile }, firstElementChild: name }) => {
      const form = input.form;
      const menu = form.elements.model_profile ?? form.appendChild(document.createElement("select"));
      Object.assign(menu, { name: "model_profile", hidden: menu.hidden || !menu.id });
      if (![...menu.options].some((option) => option.value === profile)) menu.add(new Option(name.textContent, profile));
      menu.value = profile;
      return menu;
    };
    const search = async () => {
      const mine = ++turn;
      // Opened without a word typed, it offers everything, and first what was planned with last.
      const words = input.value === last ? "" : input.value;
      const response = await fetch(`${box.dataset.combobox}?q=${encodeURIComponent(words)}`).catch(() => null);
      if (!response || !response.ok || mine !== turn || document.activeElement !== input) return;
      const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
      const before = words ? [] : recentOptions(last);
      const found = [...parsed.querySelectorAll("li")];
      if (before.length && found[0].role === "option") before.push(heading("Catalogue"));
      list.replaceChildren(...before, ...found);
      show(true);
    };
    // Half a name is not a choice: the plan waits until one is made.
    input.addEventListener("input", (event) => {
      event.stopPropagation();
      clearTimeout(timer);
      timer = setTimeout(search, 150);
    });
    input.addEventListener("change", () => { last = input.value; show(false); });
    input.addEventListener("keydown", (event) => {
      const all = options();
      const place = all.indexOf(active());
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (list.hidden) { search(); return; }
        const step = event.key === "ArrowDown" ? 1 : -1;
        activate(all[(place + step + all.length + (place < 0 && step < 0 ? 1 : 0)) % all.length]);
      } else if (event.key === "Enter" && !list.hidden && active()) {
        event.preventDefault();
        choose(active());
      } else if (event.key === "Escape" && !list.hidden) {
        event.preventDefault();
        event.stopPropagation();
        input.value = last;
        show(false);
      }
    });
    input.addEventListener("blur", () => { clearTimeout(timer); turn++; setTimeout(() => show(false), 120); });
    input.addEventListener("click", () => list.hidden && search());
    list.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => {
      const option = event.target.closest("[role='option']");
      if (option) choose(option);
    });
  }

  /* --- Tabs: without this script their panels stand below each other ----------------------------- */

  const opened = {};

  function tabs(group) {
    const list = $("[data-tablist]", group);
    const panels = [...group.querySelectorAll("[data-tab]")];
    const buttons = panels.map((panel) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", id: `tab-${panel.id}`, textContent: panel.dataset.tab });
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", button.id);
      return button;
    });
    const open = (chosen, focus) => {
      for (const [place, panel] of panels.entries()) {
        const here = panel === chosen;
        panel.hidden = !here;
        buttons[place].setAttribute("aria-selected", String(here));
        buttons[place].tabIndex = here ? 0 : -1;
        if (here && focus) buttons[place].focus();
      }
      if (focus) opened[group.dataset.tabs] = chosen.id;
    };
    list.replaceChildren(...buttons);
    list.setAttribute("role", "tablist");
    list.hidden = false;
    group.classList.add("tabbed");
    list.addEventListener("click", ({ target }) => {
      if (buttons.includes(target)) open(panels[buttons.indexOf(target)], true);
    });
    list.addEventListener("keydown", (event) => {
      const last = buttons.length - 1;
      const here = buttons.indexOf(event.target);
      const next = { ArrowRight: here === last ? 0 : here + 1, ArrowLeft: here === 0 ? last : here - 1, Home: 0, End: last }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      open(panels[next], true);
    });
    open(panels.find((panel) => panel.id === opened[group.dataset.tabs]) ?? panels[0], false);
  }

  // Wide screens show what these hold anyway: say so to assistive technology too.
  const unfold = () => {
    for (const [selector, width] of [[".inputs", 1101], [".fold", 721]])
      if (matchMedia(`(min-width: ${width}px)`).matches) $(selector)?.setAttribute("open", "");
  };

  const ready = () => {
    reveal();
    unfold();
    remember();
    for (const group of document.querySelectorAll("[data-tabs]:not(.tabbed)")) tabs(group);
    for (const box of document.querySelectorAll("[data-combobox]"))
      if (!$(".listbox", box)) combobox(box);
  };
  on("DOMContentLoaded", ready);
  on("shardplan:answer", ready);
})();
