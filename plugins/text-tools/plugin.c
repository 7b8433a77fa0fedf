/* text-tools: two agent tools, one that only reads its arguments and one that keeps something. */
#define TARK_TOOL
#include "tark.h"

#define STRING(name) "\"" name "\":{\"type\":\"string\"}"
#define OBJECT(properties, required)                                                     \
  S("{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required "]," \
    "\"additionalProperties\":false}")

static const tool_def TOOLS[] = {
  { S("text-stats"), S("Count characters, words and lines of a text"), OBJECT(STRING("text"), "\"text\"") },
  { S("save-note"), S("Save a note in the plugin's storage"),
    OBJECT(STRING("key") "," STRING("text"), "\"key\",\"text\"") },
};

static tool_result ok(buf *b) { return (tool_result){ true, done(b), { false, S("") } }; }
static tool_result fail(str why) { return (tool_result){ false, S(""), { true, why } }; }

static tool_result text_stats(str args) {
  str text;
  if (!j_str(j_get(args, S("text")), &text)) return fail(S("missing \"text\""));
  log_debug(S("text-stats"));
  uint64_t chars = 0, words = 0, lines = text.len && text.ptr[text.len - 1] != '\n';
  bool in_word = false;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    bool space = c == ' ' || (c >= '\t' && c <= '\r');
    chars += (c & 0xc0) != 0x80; /* all but UTF-8 continuation bytes */
    words += !space && !in_word;
    in_word = !space;
    lines += c == '\n';
  }
  buf b = { 0 };
  puts_(&b, S("{\"chars\":")), putu(&b, chars);
  puts_(&b, S(",\"words\":")), putu(&b, words);
  puts_(&b, S(",\"lines\":")), putu(&b, lines);
  putc_(&b, '}');
  return ok(&b);
}

static tool_result save_note(str args) {
  str key, text;
  if (!j_str(j_get(args, S("key")), &key) || !j_str(j_get(args, S("text")), &text))
    return fail(S("missing \"key\" or \"text\""));
  res_str saved = storage_set(cat(S("note:"), key), text);
  if (saved.err) return fail(saved.val);
  buf b = { 0 };
  puts_(&b, S("{\"saved\":")), put_json(&b, key);
  puts_(&b, S(",\"total\":")), putu(&b, storage_list_keys().len);
  putc_(&b, '}');
  return ok(&b);
}

tool_list plugin_get_tools(void) { return (tool_list){ TOOLS, sizeof TOOLS / sizeof *TOOLS }; }

int plugin_get_risk_level(str tool) {
  if (eq(tool, S("text-stats"))) return RISK_READ_ONLY;
  return eq(tool, S("save-note")) ? RISK_WRITE : RISK_DANGEROUS;
}

tool_result plugin_execute(str tool, str arguments) {
  str args = j_parse(arguments);
  if (!args.len) return fail(S("arguments are not JSON"));
  if (eq(tool, S("text-stats"))) return text_stats(args);
  if (eq(tool, S("save-note"))) return save_note(args);
  return fail(cat(S("unknown tool: "), tool));
}
