// What is nicer with JavaScript. Every page works without it.
(() => {
  "use strict";
  // A time is shown in the zone of the browser.
  const times = (root) => {
    const form = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
    for (const t of root.querySelectorAll("time[datetime]")) {
      const at = new Date(t.dateTime);
      if (!Number.isNaN(at.getTime())) {
        t.title = t.textContent;
        t.textContent = form.format(at);
      }
    }
  };
  // The box in the head of a list selects all rows, and says how many are.
  const boxes = (list) => list.querySelectorAll("tbody input[type=checkbox]");
  const count = (list) => {
    const all = [...boxes(list)];
    const n = all.filter((box) => box.checked).length;
    const head = list.querySelector("thead input[type=checkbox]");
    if (head) {
      head.checked = n > 0 && n === all.length;
      head.indeterminate = n > 0 && n < all.length;
    }
  };
  document.addEventListener("change", (event) => {
    const list = event.target.closest("table.select");
    if (list && event.target.closest("thead")) {
      for (const box of boxes(list)) box.checked = event.target.checked;
    }
    if (list) count(list);
  });
  // Escape and a click beside it close a menu.
  const close = (but) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (menu !== but) menu.open = false;
    }
  };
  document.addEventListener("click", (event) => close(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details.menu[open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });
  const ready = (root) => {
    times(root);
    for (const head of root.querySelectorAll("thead input[hidden]")) head.hidden = false;
  };
  document.addEventListener("DOMContentLoaded", () => ready(document));
  document.addEventListener("htmx:afterSwap", () => ready(document));
})();
