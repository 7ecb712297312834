// Looks at the page in each frame and writes what it finds, as JSON, into #found.
function light(colour) {
  const [r, g, b] = colour.map((c) => {
    c /= 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function parse(colour) {
  const parts = colour.match(/[\d.]+/g).map(Number);
  return { rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
}
// WCAG 2, 1.4.3.
function contrast(a, b) {
  const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}
function paper(win, element) {
  for (let at = element; at; at = at.parentElement) {
    const { rgb, alpha } = parse(win.getComputedStyle(at).backgroundColor);
    if (alpha === 1) return rgb;
  }
  return [255, 255, 255];
}
function box(element) {
  const { left, right, top, bottom, width, height } = element.getBoundingClientRect();
  return { left, right, top, bottom, width, height };
}
function look(frame) {
  const win = frame.contentWindow;
  const doc = frame.contentDocument;
  const width = Number(frame.width);
  const all = (selector, root = doc) => [...root.querySelectorAll(selector)];
  const found = { wide: [], faint: [], outside: [], small: [], texts: 0 };
  for (const element of all("body *")) {
    const own = [...element.childNodes].filter((node) => node.nodeType === 3 && node.data.trim());
    const style = win.getComputedStyle(element);
    const place = box(element);
    const isHidden = style.display === "none" || style.clipPath !== "none" || element.closest("caption, title, desc, thead");
    if (!own.length || isHidden || place.width === 0) continue;
    found.texts += 1;
    const name = `${element.tagName} ${own[0].data.slice(0, 30)}`;
    if (place.right > width + 0.5 || place.left < -0.5) found.wide.push(name);
    const ink = parse(element.namespaceURI.endsWith("svg") ? style.fill : style.color).rgb;
    if (contrast(ink, paper(win, element)) < 4.5) found.faint.push(name);
    if (parseFloat(style.fontSize) < 12) found.small.push(name);
  }
  for (const plot of all(".plot")) {
    const place = box(plot);
    if (place.left < 0 || place.right > width || place.width < 200 || place.height < 80) found.outside.push(plot.id || "plot");
    for (const path of all("path", plot)) {
      const own = box(path);
      if (own.left < place.left - 3 || own.right > place.right + 3 || own.top < place.top - 3) found.outside.push(path.getAttribute("class"));
    }
  }
  const card = (article) => {
    const curve = box(article.querySelector(".curve.bold"));
    const limit = article.querySelector(".limit");
    return {
      job: article.querySelector("h3").textContent,
      height: curve.height,
      has_limit: Boolean(limit),
      limit_height: limit ? curve.bottom - box(limit).top : 0,
    };
  };
  return {
    ...found,
    scroll_width: doc.documentElement.scrollWidth,
    is_dark: win.matchMedia("(prefers-color-scheme: dark)").matches,
    scripts: all("script").length,
    images: all("img, link, iframe, object, image, use").length,
    fetched: win.performance.getEntriesByType("resource").length,
    title: doc.title,
    heading: doc.querySelector("h1").textContent,
    before: box(doc.querySelector("path.before")),
    after: box(doc.querySelector("path.after")),
    bands: all("#over-time path.band").map((path) => ({ ...box(path), fill: win.getComputedStyle(path).fill })),
    curves: all(".card").map(card),
    rows: all("#jobs tbody tr").length,
    named: all("svg[role=img]").filter((svg) => svg.querySelector("title")?.textContent && svg.querySelector("desc")?.textContent).length,
  };
}
window.onload = () => {
  const frames = [...document.querySelectorAll("iframe")];
  document.getElementById("found").textContent = JSON.stringify(frames.map(look));
};
