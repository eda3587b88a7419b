// What stands in somebody's way on this page: a list of sentences. Called by access.py.
() => {
  const said = [];
  const tell = (what, element) => said.push(`${what}: ${element.outerHTML.replace(/\s+/g, " ").slice(0, 160)}`);
  const visible = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const words = (element) => ((element.textContent || "") + [...element.querySelectorAll("img[alt], [title]")]
    .map((part) => part.alt || part.title).join(" ")).trim();
  const byId = (ids) => ids.split(/\s+/).map((id) => document.getElementById(id)).filter(Boolean).map(words).join(" ");
  const named = (element) => (element.getAttribute("aria-label") || "").trim()
    || byId(element.getAttribute("aria-labelledby") || "") || [...(element.labels || [])].map(words).join(" ");

  // --- language, title, headings, identities -----------------------------------------------------
  if (!document.documentElement.lang) said.push("no language");
  if (!document.title.trim()) said.push("no title");
  const headings = [...document.querySelectorAll("h1")].filter(visible);
  if (headings.length !== 1) said.push(`${headings.length} main headings`);
  if (document.querySelectorAll("main, [role=main]").length !== 1) said.push("not one main part");
  const seen = new Set();
  for (const element of document.querySelectorAll("[id]")) {
    if (seen.has(element.id)) tell("id twice", element);
    seen.add(element.id);
  }
  for (const attribute of ["aria-describedby", "aria-labelledby", "for"]) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(/\s+/)) {
        if (!document.getElementById(id)) tell(`${attribute} to nowhere`, element);
      }
    }
  }

  // --- names --------------------------------------------------------------------------------------
  for (const element of document.querySelectorAll("input, select, textarea")) {
    if (["hidden", "submit", "button", "image", "reset"].includes(element.type) || !visible(element)) continue;
    if (!named(element) && !element.title) tell("no label", element);
  }
  for (const element of document.querySelectorAll("a[href], button, summary, input[type=submit], input[type=button]")) {
    if (!visible(element)) continue;
    if (!words(element) && !named(element) && !element.value && !element.title) tell("no name", element);
  }
  for (const element of document.querySelectorAll("img")) if (!element.hasAttribute("alt")) tell("no alt", element);
  for (const element of document.querySelectorAll("svg")) {
    if (!visible(element) || element.closest("[aria-hidden=true]")) continue;
    if (element.getAttribute("role") !== "img" || !named(element)) tell("no name", element);
  }
  for (const element of document.querySelectorAll("table")) {
    if (visible(element) && !element.querySelector("th")) tell("no table heading", element);
  }

  // --- contrast -----------------------------------------------------------------------------------
  const parse = (text) => {
    const found = text.match(/^rgba?\(([^)]+)\)$/);
    if (!found) return null;
    const [r, g, b, a = "1"] = found[1].split(/[,/ ]+/).filter(Boolean);
    return [+r, +g, +b, +a];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none" && style.backgroundImage.includes("gradient")) {
        // The worst of a gradient's colours decides, so take each as a ground of its own.
        const stops = (style.backgroundImage.match(/rgba?\([^)]+\)/g) || []).map(parse).filter((stop) => stop?.[3] === 1);
        if (stops.length) return stops.map((stop) => layers.reduceRight((under, top) => over(top, under), stop));
      }
      const colour = parse(style.backgroundColor);
      if (colour && colour[3] > 0) layers.push(colour);
      if (colour && colour[3] === 1) break;
    }
    return [layers.reduceRight((under, top) => over(top, under), [255, 255, 255, 1])];
  };
  const faint = (element) => {
    let share = 1;
    for (let at = element; at; at = at.parentElement) share *= parseFloat(getComputedStyle(at).opacity);
    return share;
  };
  const told = new Set();
  let texts = 0;
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const typed = element.matches("input:not([type=hidden]), textarea, select");
    if (!own && !(typed && (element.value || element.placeholder))) continue;
    if (!visible(element) || element.closest(":disabled, [aria-disabled=true], option")) continue;
    const box = element.getBoundingClientRect();
    if (box.width <= 1 || box.height <= 1) continue;
    const inSvg = element.closest("svg");
    const style = getComputedStyle(element);
    const colour = parse(inSvg ? style.fill : style.color);
    if (!colour) continue;
    texts += 1;
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700);
    colour[3] *= faint(element) * (inSvg ? parseFloat(style.fillOpacity) : 1);
    for (const under of ground(inSvg ? inSvg : element)) {
      const reached = ratio(over(colour, under), under);
      const key = `${element.className}|${style.color}|${under}`;
      if (reached < (large ? 3 : 4.5) && !told.has(key)) {
        told.add(key);
        tell(`contrast ${reached.toFixed(2)} of ${colour} on ${under}`, element);
      }
    }
  }
  if (!texts) said.push("no text was looked at");
  return said;
}
