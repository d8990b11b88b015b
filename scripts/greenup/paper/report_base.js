// Shared by the parts of the report's script, which are joined into one function when the page is written.
const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (false and null: none) and children (elements or text). */
function el(name, attributes, ...children) {
  const made = ["svg", "g", "path", "circle", "clipPath", "use"].includes(name)
    ? document.createElementNS(SVG, name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((c) => c !== null && c !== undefined));
  return made;
}

/** A name of the workflow as prose. */
const readable = (name) => name.replaceAll("_", " ");

const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

document.documentElement.classList.add("scripted");

// Paper shows all that is folded, and afterwards folds what was.
let opened = [];
window.addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  opened.forEach((d) => { d.open = true; });
});
window.addEventListener("afterprint", () => {
  opened.forEach((d) => { d.open = false; });
  opened = [];
});

// A link into a folded part opens it.
function unfold() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  if (target) target.scrollIntoView();
}
window.addEventListener("hashchange", unfold);
unfold();
