// HTML to text, in one pass and in time proportional to the page, whatever is in it. It is no parser: it
// follows the tokens of HTML (WHATWG HTML, 13.2.5) as far as readable text needs.

const NAMED = {
  amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " ", copy: "©", reg: "®", trade: "™", hellip: "…",
  mdash: "—", ndash: "–", lsquo: "‘", rsquo: "’", sbquo: "‚", ldquo: "“", rdquo: "”", bdquo: "„", laquo: "«",
  raquo: "»", bull: "•", middot: "·", times: "×", divide: "÷", plusmn: "±", deg: "°", para: "¶", sect: "§",
  euro: "€", pound: "£", yen: "¥", cent: "¢", larr: "←", rarr: "→", uarr: "↑", darr: "↓", le: "≤", ge: "≥",
  ne: "≠", shy: "", zwj: "", zwnj: "", ensp: " ", emsp: " ", thinsp: " ", auml: "ä", ouml: "ö", uuml: "ü",
  Auml: "Ä", Ouml: "Ö", Uuml: "Ü", szlig: "ß", eacute: "é", egrave: "è", agrave: "à", ccedil: "ç", ntilde: "ñ",
};
// Their content is not markup (RAWTEXT and RCDATA), or nothing that is read.
const RAW = new Set(["script", "style", "title", "textarea", "noscript", "iframe", "xmp"]);
const HIDDEN = new Set(["template", "svg", "math", "select", "button", "object", "canvas", "audio", "video"]);
const ASIDE = new Set(["nav", "aside", "footer"]);
const BLOCKS = new Set(
  ("address article aside blockquote body dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 " +
    "header hr html li main nav ol p pre section summary table tbody tfoot thead tr ul").split(" "),
);
const PARAGRAPHS = new Set("blockquote dl figure h1 h2 h3 h4 h5 h6 ol p pre table ul".split(" "));

export function decode(text) {
  return text.replace(/&(?:#(\d{1,8})|#[xX]([\da-fA-F]{1,6})|([a-zA-Z]{2,8}));/g, (all, decimal, hex, name) => {
    if (name) return Object.hasOwn(NAMED, name) ? NAMED[name] : all;
    const code = decimal ? Number(decimal) : parseInt(hex, 16);
    return code > 0 && code < 0x110000 && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : "\ufffd";
  });
}

// Where a tag that begins at `at` ends, or -1. A quote counts only where a value begins.
function tagEnd(html, at) {
  let quote = "", last = "";
  for (let i = at + 1; i < html.length; i++) {
    const c = html[i];
    if (quote) quote = c === quote ? "" : quote;
    else if ((c === '"' || c === "'") && last === "=") quote = c;
    else if (c === ">") return i;
    if (c > " ") last = c;
  }
  return -1;
}

// `href` against the address of the page (RFC 3986, 5.2); "" for what is not a web address.
export function resolve(base, href) {
  const at = decode(href).trim().replace(/#.*$/s, "");
  if (/^https?:\/\//i.test(at)) return at;
  if (!at || /^[a-z][a-z\d+.-]*:/i.test(at)) return "";
  const [, scheme, host, path] = /^(https?:)\/\/([^/?#]*)([^?#]*)/i.exec(base);
  if (at.startsWith("//")) return scheme + at;
  if (at.startsWith("?")) return `${scheme}//${host}${path || "/"}${at}`;
  const [, place, query] = /^([^?]*)(.*)$/s.exec(at);
  const parts = [];
  const all = (place.startsWith("/") ? place : path.replace(/[^/]*$/, "") + place).split("/");
  for (const part of all) {
    if (part === "..") parts.pop();
    else if (part && part !== ".") parts.push(part);
  }
  const slash = parts.length && /^\.{0,2}$/.test(all[all.length - 1]) ? "/" : "";
  return `${scheme}//${host}/${parts.join("/")}${slash}${query}`;
}

class Page {
  out = [];
  breaks = 0; // line breaks that come before the next text
  space = false;
  preformatted = 0;
  length = 0;

  text(text) {
    if (this.preformatted) {
      if (text) this.write(text.replace(/\r\n?/g, "\n"));
      return;
    }
    for (const [i, word] of text.split(/[ \t\n\r\f\u00a0]+/).entries()) {
      if (i) this.space = true;
      if (word) this.write(word);
    }
  }

  write(text) {
    if (this.out.length && this.breaks) this.out.push("\n".repeat(this.breaks));
    else if (this.out.length && this.space) this.out.push(" ");
    this.breaks = 0;
    this.space = false;
    this.out.push(text);
  }

  break(count) {
    this.breaks = Math.max(this.breaks, count);
    this.space = false;
  }
}

function convert(html, url, skipped) {
  const page = new Page();
  const links = new Map();
  let title = "", hidden = "", depth = 0, main = null, inMain = 0, lists = [];

  const open = (name, tag) => {
    if (name === "main" && !inMain++) main ??= { start: page.out.length };
    if (BLOCKS.has(name)) page.break(PARAGRAPHS.has(name) && !lists.length ? 2 : 1);
    if (name === "br") page.break(Math.min(page.breaks + 1, 2));
    else if (name === "hr") page.write("---"), page.break(1);
    else if (/^h[1-6]$/.test(name)) page.write("#".repeat(Number(name[1]))), (page.space = true);
    else if (name === "ul" || name === "ol") lists.push(name === "ol" ? 1 : 0);
    else if (name === "li") {
      const number = lists.at(-1);
      page.write("  ".repeat(Math.min(Math.max(lists.length - 1, 0), 8)) + (number ? `${lists[lists.length - 1]++}.` : "-"));
      page.space = true;
    } else if (name === "pre") page.preformatted++;
    else if (name === "td" || name === "th") {
      if (page.breaks === 0) page.space = true, page.write("|"), (page.space = true);
    } else if (name === "img") {
      const alt = attribute(tag, "alt");
      if (alt) page.text(` [${decode(alt)}] `);
    } else if (name === "a") {
      const to = resolve(url, attribute(tag, "href"));
      if (to && links.size < 500) links.set(to, true);
    }
  };
  const close = (name) => {
    if (name === "main" && inMain && !--inMain && main && !main.end) main.end = page.out.length;
    if (name === "ul" || name === "ol") lists.pop();
    if (name === "pre") page.preformatted = Math.max(page.preformatted - 1, 0);
    if (BLOCKS.has(name)) page.break(PARAGRAPHS.has(name) && !lists.length ? 2 : 1);
  };

  for (let at = 0; at < html.length; ) {
    const lower = html.indexOf("<", at);
    const end = lower < 0 ? html.length : lower;
    if (end > at && !hidden) page.text(decode(html.slice(at, end)));
    if (lower < 0) break;
    at = end;
    if (html.startsWith("<!--", at)) {
      const stop = html.indexOf("-->", at + 4);
      at = stop < 0 ? html.length : stop + 3;
      continue;
    }
    const [, slash, word] = /^<(\/?)([a-zA-Z][^\s/>]*)/.exec(html.slice(at, at + 64)) ?? [];
    if (!word && !/[!?/]/.test(html[at + 1] ?? "")) {
      if (!hidden) page.text("<"); // a "<" that begins no tag is text
      at++;
      continue;
    }
    const stop = tagEnd(html, at);
    if (stop < 0) break; // the end of the page inside of a tag: the tag is dropped
    const tag = html.slice(at, stop);
    at = stop + 1;
    if (!word) continue;
    const name = word.toLowerCase();
    if (hidden) {
      if (name === hidden) depth += slash ? -1 : tag.endsWith("/") ? 0 : 1;
      if (!depth) hidden = "";
    } else if (slash) close(name);
    else if (RAW.has(name)) {
      const finish = new RegExp(`</${name}[\\s/>]`, "gi");
      finish.lastIndex = at;
      const found = finish.exec(html);
      const raw = html.slice(at, found ? found.index : html.length);
      if (name === "title" && !title) title = decode(raw).replace(/\s+/g, " ").trim();
      at = found ? found.index : html.length;
    } else if ((HIDDEN.has(name) || skipped.has(name)) && !tag.endsWith("/")) {
      page.break(1);
      [hidden, depth] = [name, 1];
    } else open(name, tag);
  }
  const whole = (start, end) => page.out.slice(start, end).join("").trim();
  const text = main ? whole(main.start, main.end) : "";
  return { title, text: text || whole(), links: [...links.keys()] };
}

function attribute(tag, name) {
  const found = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, "i").exec(tag);
  return found ? (found[1] ?? found[2] ?? found[3]) : "";
}

export function toText(html, url) {
  const page = convert(html, url, ASIDE);
  // An unclosed <nav> hides the rest of a page: then everything is read.
  return page.text ? page : convert(html, url, new Set());
}
