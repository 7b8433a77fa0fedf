// fetch-page: fetch a page and return its text, in parts that fit into a model's context.
import * as http from "tark:plugin/http";
import { toText } from "./html.js";

const USUAL_CHARACTERS = 20_000;
const MAX_CHARACTERS = 200_000;

const TOOL = {
  name: "fetch-page",
  description: "Fetch a web page and return its title and readable text; long pages come in parts",
  parametersSchema: JSON.stringify({
    type: "object",
    properties: {
      url: { type: "string", description: "an https address" },
      offset: { type: "integer", minimum: 0, description: "where to go on: the result's \"next\"" },
      max_chars: { type: "integer", minimum: 100, maximum: MAX_CHARACTERS, default: USUAL_CHARACTERS },
      links: { type: "boolean", default: false, description: "also return the addresses of links" },
    },
    required: ["url"],
    additionalProperties: false,
  }),
};

const failed = (error) => ({ success: false, output: "", error });
const why = (e) => String(e?.payload?.message ?? e?.payload ?? e?.message ?? e);
const header = (answer, name) => answer.headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? "";

// A part must not end inside of a surrogate pair: half a character is not text.
function part(text, offset, count) {
  const inside = (at) => at > 0 && at < text.length && /[\udc00-\udfff]/.test(text[at]) && /[\ud800-\udbff]/.test(text[at - 1]);
  const start = inside(offset) ? offset - 1 : offset;
  const end = Math.min(start + count, text.length);
  const next = inside(end) ? end - 1 : end;
  return { text: text.slice(start, next), ...(next < text.length && { next }) };
}

function read(url, body, type, wantsLinks) {
  const kind = type.split(";")[0].trim().toLowerCase();
  if (kind === "text/html" || kind === "application/xhtml+xml" || (!kind && /^\s*</.test(body))) {
    const { title, text, links } = toText(body, url);
    return { title, text, ...(wantsLinks && { links }) };
  }
  if (!kind || kind.startsWith("text/") || /^application\/(.*\+)?(json|xml|yaml|javascript)$/.test(kind))
    return { title: "", text: body, ...(wantsLinks && { links: [] }) };
  throw new Error(`the page is not text but ${kind}`);
}

function execute(name, json) {
  if (name !== TOOL.name) return failed(`unknown tool: ${name}`);
  const { url, offset = 0, max_chars = USUAL_CHARACTERS, links = false } = JSON.parse(json);
  if (!/^https?:\/\/./i.test(url)) return failed(`expected an https address, found ${JSON.stringify(url)}`);
  try {
    const answer = http.get(url, [["accept", "text/html, text/*;q=0.9, application/json;q=0.8"]]);
    if (answer.status >= 300) return failed(`${url} answered ${answer.status}`);
    const { text, ...page } = read(url, answer.body, header(answer, "content-type"), links);
    if (offset > text.length) return failed(`offset ${offset} is beyond the end: the text has ${text.length} characters`);
    const shown = { url, ...page, ...part(text, offset, max_chars), length: text.length };
    return { success: true, output: JSON.stringify(shown), error: undefined };
  } catch (e) {
    return failed(why(e));
  }
}

export const toolPlugin = {
  getTools: () => [TOOL],
  // It only reads, but what it reads was written by others, and the address can carry what the model knows.
  getRiskLevel: (name) => (name === TOOL.name ? "risky" : "dangerous"),
  execute,
};
