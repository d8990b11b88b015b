// What a reader who does not see, or not well, needs of a page: all that is against it, in words.
() => {
  const wrong = [];
  const say = (what, e) => wrong.push(`${what}: ${e.outerHTML.slice(0, 120)}`);
  const seen = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const text = (id) => (document.getElementById(id)?.textContent || "").trim();
  const name = (e) => (e.getAttribute("aria-label") || (e.getAttribute("aria-labelledby") || "").split(" ").map(text).join(" ")
    || [...(e.labels || [])].map((l) => l.textContent).join(" ") || e.textContent
    || [...e.querySelectorAll("img")].map((i) => i.alt).join(" ")).trim();
  if (!document.documentElement.lang) wrong.push("no language");
  if (!document.title) wrong.push("no title");
  for (const tag of ["main", "h1", "header", "footer"]) {
    const count = document.querySelectorAll(`body ${tag === "header" || tag === "footer" ? "> " : ""}${tag}`).length;
    if (count !== 1) wrong.push(`${count} of ${tag}`);
  }
  document.querySelectorAll("img").forEach((e) => { if (!e.alt.trim() && !e.closest("dialog")) say("no alt", e); });
  document.querySelectorAll("img[src]").forEach((e) => { if (!e.complete || !e.naturalWidth) say("not a picture", e); });
  document.querySelectorAll("button, a[href], select, input, [role=application], [role=region], nav").forEach((e) => { if (!name(e)) say("no name", e); });
  const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map((e) => Number(e.tagName[1]));
  levels.forEach((level, i) => { if (i && level > levels[i - 1] + 1) wrong.push(`h${level} after h${levels[i - 1]}`); });
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => wrong.push(`id ${id} twice`));
  document.querySelectorAll("a[href^='#']").forEach((e) => { if (!ids.includes(e.getAttribute("href").slice(1))) say("leads nowhere", e); });
  document.querySelectorAll("[aria-labelledby], [aria-describedby]").forEach((e) => {
    for (const a of ["aria-labelledby", "aria-describedby"]) {
      for (const id of (e.getAttribute(a) || "").split(" ").filter(Boolean)) if (!ids.includes(id)) say(`${a} names nothing`, e);
    }
  });
  document.querySelectorAll("th").forEach((e) => { if (!e.scope) say("no scope", e); });
  document.querySelectorAll("[tabindex]").forEach((e) => { if (e.tabIndex > 0) say("tab order", e); });
  document.querySelectorAll("table").forEach((e) => {
    const box = e.closest(".scroll");
    if (seen(e) && e.scrollWidth > e.parentElement.clientWidth + 1 && box && box.tabIndex !== 0) say("scrolls, but not by keys", e);
  });
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement;
    if (!node.textContent.trim() || !seen(e) || e.closest("script, style, noscript, svg, .hidden, :disabled")) continue;
    let ground = [255, 255, 255, 255];
    for (let at = e; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) { ground = colour; break; }
    }
    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(ground)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) say(`contrast ${((a + 0.05) / (b + 0.05)).toFixed(2)}`, e);
  }
  return [...new Set(wrong)];
}
