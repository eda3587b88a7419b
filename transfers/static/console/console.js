// The console's only script: keys, one click a button, demonstration sign-ins. Everything works without it.
(() => {
  "use strict";
  const typing = (element) => element.closest("input, select, textarea, [contenteditable]") !== null;
  const links = () => [...document.querySelectorAll("[data-rows] th a, .jx-rows a")];
  const PLACES = { h: "h", w: "w", i: "i", n: "n", f: "f" };
  let waiting = false;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (waiting && PLACES[event.key]) {
      const place = document.querySelector(`.jx-nav a[accesskey="${PLACES[event.key]}"]`);
      waiting = false;
      if (place) { event.preventDefault(); place.click(); }
      return;
    }
    waiting = event.key === "g";
    if (event.key === "/") {
      const box = document.getElementById("jx-q");
      if (box) { event.preventDefault(); box.focus(); box.select(); }
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp" || event.key === "j" || event.key === "k") {
      const all = links();
      if (!all.length) return;
      const down = event.key === "ArrowDown" || event.key === "j";
      const at = all.indexOf(document.activeElement);
      const next = at < 0 ? (down ? 0 : all.length - 1) : at + (down ? 1 : -1);
      if (all[next]) { event.preventDefault(); all[next].focus(); all[next].scrollIntoView({ block: "nearest" }); }
    }
  });

  // A second click on a confirmation does nothing; the server would call it stale anyway.
  document.addEventListener("submit", (event) => {
    const button = event.target.querySelector("[data-once]");
    if (!button) return;
    if (button.dataset.sent) { event.preventDefault(); return; }
    button.dataset.sent = "1";
    button.setAttribute("aria-disabled", "true");
  });
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("[data-sent]").forEach((button) => {
      delete button.dataset.sent;
      button.removeAttribute("aria-disabled");
    });
  });

  // A long list of choices with a field above it: only what holds the typed words can be chosen, the first of it is.
  document.querySelectorAll("[data-narrows]").forEach((field) => {
    const list = document.getElementById(field.dataset.narrows);
    field.hidden = false;
    field.addEventListener("input", () => {
      const words = field.value.trim().toLowerCase();
      let first = null;
      list.querySelectorAll("optgroup").forEach((group) => {
        const whole = group.label.toLowerCase().includes(words);
        let any = false;
        group.querySelectorAll("option").forEach((option) => {
          const fits = whole || option.text.toLowerCase().includes(words);
          option.hidden = option.disabled = !fits;
          if (fits) { any = true; first = first || option; }
        });
        group.hidden = !any;
      });
      if (words && first) list.value = first.value;
      else list.value = "";
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "ArrowDown") { event.preventDefault(); list.focus(); }
    });
  });

  // One tick for all the rows of a page.
  document.querySelectorAll("[data-ticks]").forEach((all) => {
    const ticks = () => [...all.form.elements].filter((one) => one.name === all.dataset.ticks);
    all.addEventListener("change", () => ticks().forEach((one) => { one.checked = all.checked; }));
  });

  document.addEventListener("click", (event) => {
    const fill = event.target.closest("[data-fill-username]");
    if (fill) {
      document.getElementById("id_username").value = fill.dataset.fillUsername;
      document.getElementById("id_password").value = fill.dataset.fillPassword;
      document.querySelector('[data-testid="sign-in"]').focus();
      return;
    }
    const open = document.querySelector(".jx-menu[open]");
    if (open && !open.contains(event.target)) open.open = false;
    const row = event.target.closest("[data-rows] tbody tr");
    if (row && !event.target.closest("a, button, input") && !String(window.getSelection())) {
      row.querySelector("th a").click();
    }
  });
})();
