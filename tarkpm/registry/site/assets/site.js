// Search without a server, and small conveniences. Every page also works without this file.
//
// The files below search/ are scripts of one call, tarkpm(KIND, KEY, DATA): a page on file:// may load them,
// but not fetch them. How words are split and names are hashed is what tarkpm/registry/site/search.py does.
// Texts of plugins are only ever set as text, never as HTML.
"use strict";

(() => {
  const PAGE = 10;
  const MAX_WORD = 64;
  const MAX_WORDS = 8;
  const MAX_LOOKED = 150; // plugins looked at for one page of results
  const RANKED = 150; // names that are ranked together: more are better, and load more files
  const WORD = /[\u3040-\u30ff\u3400-\u9fff]|(?:(?![\u3040-\u30ff\u3400-\u9fff])[\p{L}\p{N}])+/gu;

  const waiting = new Map();
  const loaded = new Map();

  window.tarkpm = (kind, key, data) => {
    const name = `${kind}/${key}`;
    loaded.set(name, data);
    waiting.get(name)?.(data);
    waiting.delete(name);
  };

  // Resolves with the data of a file, or with null if it cannot be loaded.
  function load(kind, key) {
    const name = `${kind}/${key}`;
    if (loaded.has(name)) return Promise.resolve(loaded.get(name));
    return new Promise((resolve) => {
      const before = waiting.get(name);
      waiting.set(name, (data) => { before?.(data); resolve(data); });
      if (before) return;
      const script = document.createElement("script");
      script.src = kind === "start" ? "search/start.js" : `search/${kind}/${encodeURIComponent(key)}.js`;
      script.onload = () => script.remove();
      script.onerror = () => { script.remove(); window.tarkpm(kind, key, null); };
      document.head.append(script);
    });
  }

  function split(text) {
    const found = text.normalize("NFKC").toLowerCase().match(WORD) ?? [];
    return found.map((word) => word
      .replace(/[^a-z0-9]/gu, (one) => `_${one.codePointAt(0).toString(16)}_`)
      .slice(0, MAX_WORD));
  }

  function hash(name) { // FNV-1a, 32 bits
    let found = 0x811c9dc5;
    for (let at = 0; at < name.length; at += 1) {
      found = Math.imul(found ^ name.charCodeAt(at), 0x01000193) >>> 0;
    }
    return found;
  }

  const plain = (name) => name.replaceAll("_", "-");

  async function cardOf(name, start) {
    const cards = await load("cards", (hash(name) % start.buckets).toString(16));
    return cards?.find((card) => card[0] === name);
  }

  const wordsOf = ([name, , type, kinds, description, tools]) =>
    split([name, type, ...kinds, description, ...tools].join(" "));

  // The keys of the files that contain words which begin with ``word``, or a part of them.
  async function filesOf(word, start) {
    if (!start.firsts.includes(word[0])) return [];
    const coded = await load("keys", word[0]) ?? "";
    let before = "";
    const keys = coded.split(" ").map((one) => {
      before = before.slice(0, parseInt(one.slice(0, 2), 16)) + one.slice(2);
      return before;
    });
    return keys.filter((key) => key.startsWith(word) || `${word}.`.startsWith(key) || word.startsWith(key));
  }

  async function* namesOf(word, files) {
    const seen = new Set();
    for (const key of files) {
      const shard = await load("words", key) ?? {};
      for (const [one, names] of Object.entries(shard)) {
        if (!one.startsWith(word)) continue;
        for (const name of names) {
          if (!seen.has(name)) { seen.add(name); yield name; }
        }
      }
    }
  }

  // Yields cards that match all words, and null when it looked at enough for one page.
  async function* search(text) {
    const start = await load("start", "");
    const words = [...new Set(split(text))].slice(0, MAX_WORDS);
    if (!start || !words.length) return;
    const shown = new Set();
    // A plugin's whole name is the best match there is.
    for (const name of new Set([text.trim().toLowerCase().replaceAll(" ", "-"), text.trim().toLowerCase().replaceAll(" ", "_")])) {
      const card = await cardOf(name, start);
      if (card) { shown.add(name); yield card; }
    }
    const files = await Promise.all(words.map((word) => filesOf(word, start)));
    // The rarest word first: its plugins are looked at one by one.
    const order = words.map((word, at) => at).sort((a, b) => files[a].length - files[b].length || words[b].length - words[a].length);
    const [rarest, ...others] = order;
    const near = [];
    for (const at of others) {
      if (files[at].length <= 2) near.push(new Set(await all(namesOf(words[at], files[at]))));
    }
    const ranked = await first(namesOf(words[rarest], files[rarest]), near, words);
    let looked = 0;
    for await (const name of ranked) {
      if (shown.has(name)) continue;
      const card = await cardOf(name, start);
      const has = card ? wordsOf(card) : [];
      if (card && words.every((word) => has.some((one) => one.startsWith(word)))) {
        shown.add(name);
        looked = 0;
        yield card;
      } else if (++looked >= MAX_LOOKED) {
        looked = 0;
        yield null;
      }
    }
  }

  async function all(names) {
    const found = [];
    for await (const name of names) found.push(name);
    return found;
  }

  // Names in the order of their rank, file by file: of a common word not all files are loaded at once.
  async function* first(names, near, words) {
    let some = [];
    const rank = (name) => {
      const parts = split(name);
      return -words.filter((word) => parts.includes(word)).length * 4
        - words.filter((word) => parts.some((part) => part.startsWith(word))).length
        - (plain(name).startsWith(words.join("-")) ? 8 : 0);
    };
    const sorted = () => some.sort((a, b) => rank(a) - rank(b) || a.length - b.length || (a < b ? -1 : 1));
    for await (const name of names) {
      if (near.every((set) => set.has(name))) some.push(name);
      if (some.length >= RANKED) {
        yield* sorted();
        some = [];
      }
    }
    yield* sorted();
  }

  function element(tag, classes, ...children) {
    const made = document.createElement(tag);
    if (classes) made.className = classes;
    made.append(...children);
    return made;
  }

  function item([name, version, type, kinds, description, tools], words) {
    const link = element("a", "", name);
    link.href = `plugins/${encodeURIComponent(name)}/index.html`;
    const made = element("li", "item", element("h3", "", link, " ", element("span", "version", version), " ", element("span", "badge", type)));
    if (description) made.append(element("p", "", ...marked(description, words)));
    const found = tools.filter((tool) => split(tool).some((part) => words.some((word) => part.startsWith(word))));
    if (found.length) made.append(element("p", "muted", `Tools: ${found.join(", ")}`));
    if (kinds.length) {
      const parts = kinds.map((kind) => element("span", kind === "shell" || kind === "secret" ? "kind loud" : "kind", kind));
      made.append(element("p", "kinds", element("span", "unseen", "May use: "), ...parts));
    }
    return made;
  }

  function marked(text, words) {
    const parts = text.split(/([\p{L}\p{N}]+)/u);
    return parts.map((part) => (split(part).some((one) => words.some((word) => one.startsWith(word))) ? element("mark", "", part) : part));
  }

  function begin(form) {
    const input = form.querySelector("input");
    const results = document.querySelector("[data-results]");
    const front = document.querySelector("[data-front]");
    const list = results.querySelector("ul");
    const status = results.querySelector("[data-status]");
    const more = results.querySelector("[data-more]");
    let run = 0;
    let found = null;

    async function page(mine, words) {
      more.hidden = true;
      const before = list.children.length;
      let count = 0;
      let ended = true;
      for (;;) {
        const next = await found.next();
        if (mine !== run) return;
        if (next.done) break;
        if (next.value !== null) {
          list.append(item(next.value, words));
          count += 1;
        }
        if (count === PAGE || next.value === null) { ended = false; break; }
      }
      const total = before + count;
      more.hidden = ended;
      more.textContent = count ? "Show more" : "Search further";
      status.textContent = total ? `${total}${ended ? "" : " or more"} ${total === 1 && ended ? "plugin" : "plugins"} for “${input.value.trim()}”`
        : ended ? `No plugins for “${input.value.trim()}”` : "Nothing so far";
      if (before && count) list.children[before].querySelector("a").focus();
    }

    async function show() {
      const text = input.value.trim();
      const mine = ++run;
      const words = split(text);
      try {
        history.replaceState(null, "", text ? `?q=${encodeURIComponent(text)}` : location.pathname);
      } catch { /* some browsers forbid it for files */ }
      front.hidden = words.length > 0;
      results.hidden = !words.length;
      if (!words.length) return;
      status.textContent = "Searching…";
      list.replaceChildren();
      found = search(text);
      await page(mine, words);
    }

    let timer = 0;
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(show, 150); });
    form.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(timer); show(); });
    more.addEventListener("click", () => page(run, split(input.value)));
    input.value = new URLSearchParams(location.search).get("q") ?? "";
    if (input.value) show();
  }

  const form = document.querySelector("[data-search]");
  if (form) begin(form);

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    document.querySelector("#q")?.focus();
  });

  for (const one of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) break;
    const button = element("button", "", "Copy");
    button.type = "button";
    const said = element("span", "unseen");
    said.setAttribute("role", "status");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(one.querySelector("code").textContent);
        said.textContent = "Copied";
        button.textContent = "Copied";
      } catch {
        said.textContent = "Not copied";
        button.textContent = "Failed";
      }
      setTimeout(() => { button.textContent = "Copy"; said.textContent = ""; }, 2000);
    });
    one.append(button, said);
  }

  const now = new Date();
  for (const one of document.querySelectorAll("[data-expires]")) {
    const days = Math.floor((new Date(one.dateTime) - now) / 86400000);
    if (Number.isNaN(days)) continue;
    if (days < 0) one.after(element("strong", "late", " expired"));
    else one.after(element("span", "muted", days ? ` in ${days} ${days === 1 ? "day" : "days"}` : " today"));
  }
})();
