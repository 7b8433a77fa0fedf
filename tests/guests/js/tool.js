// The tool plugin of plugins/text-tools, in JavaScript.
import * as log from "tark:plugin/log";
import * as storage from "tark:plugin/storage";

const object = (...names) => ({
  type: "object",
  properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])),
  required: names,
  additionalProperties: false,
});

const TOOLS = {
  "text-stats": {
    risk: "read-only",
    description: "Count characters, words and lines of a text",
    schema: object("text"),
    run({ text }) {
      log.debug(`text-stats on ${text.length} code units`);
      const words = text.split(/\s+/).filter(Boolean).length;
      return { chars: [...text].length, words, lines: text.replace(/\n$/, "").split("\n").length };
    },
  },
  "save-note": {
    risk: "write",
    description: "Save a note in the plugin's storage",
    schema: object("key", "text"),
    run({ key, text }) {
      storage.set(`note:${key}`, text);
      return { saved: key, total: storage.listKeys().length };
    },
  },
};

const failed = (error) => ({ success: false, output: "", error });

export const toolPlugin = {
  getTools: () =>
    Object.entries(TOOLS).map(([name, { description, schema }]) => ({
      name,
      description,
      parametersSchema: JSON.stringify(schema),
    })),
  getRiskLevel: (name) => TOOLS[name]?.risk ?? "dangerous",
  execute(name, args) {
    if (!(name in TOOLS)) return failed(`unknown tool: ${name}`);
    try {
      return { success: true, output: JSON.stringify(TOOLS[name].run(JSON.parse(args))), error: undefined };
    } catch (e) {
      return failed(String(e?.payload ?? e));
    }
  },
};
