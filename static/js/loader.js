/* Browser libraries with a second source: the CDN first, and after an error or two seconds the
   copy on our own server, where one is installed. Without either the page stays a plain page. */
(() => {
  "use strict";
  const PATIENCE = 2000;
  const root = document.documentElement;
  const waiting = new Map();
  root.classList.add("js");

  /** Resolves once `script`, already on its way, or its local copy has run. */
  function secure(script) {
    const ready = script.dataset.ready;
    if (waiting.has(ready)) return waiting.get(ready);
    const promise = new Promise((resolve, reject) => {
      const done = () => (window[ready] ? resolve(window[ready]) : reject(new Error(ready)));
      let switched = false;
      const local = () => {
        if (switched || window[ready]) return;
        switched = true;
        if (!script.dataset.local) {
          reject(new Error(ready));
          return;
        }
        // A script of another document is never run, however late it arrives.
        document.implementation.createHTMLDocument("").adoptNode(script);
        const copy = document.createElement("script");
        copy.src = script.dataset.local;
        copy.addEventListener("load", done);
        copy.addEventListener("error", () => reject(new Error(ready)));
        document.head.append(copy);
      };
      script.addEventListener("load", done);
      script.addEventListener("error", local);
      setTimeout(local, PATIENCE);
    });
    waiting.set(ready, promise);
    return promise;
  }

  /** Starts the script inside a <template> and resolves with the global that it defines. */
  function start(templateId) {
    const template = document.getElementById(templateId);
    const script = template && template.content.querySelector("script");
    if (!script) return Promise.reject(new Error(templateId));
    const ready = script.dataset.ready;
    if (window[ready]) return Promise.resolve(window[ready]);
    if (waiting.has(ready)) return waiting.get(ready);
    const copy = document.importNode(script, true);
    const promise = secure(copy);
    document.head.append(copy);
    return promise;
  }

  // The parser has not reached the scripts below yet: watch them from their first moment.
  new MutationObserver((records, observer) => {
    for (const { addedNodes } of records)
      for (const node of addedNodes)
        if (node.localName === "script" && node.dataset.ready)
          secure(node).catch(() => root.classList.remove("js"));
    if (document.body) observer.disconnect();
  }).observe(root, { childList: true, subtree: true });

  window.shardplan = { start };
})();
