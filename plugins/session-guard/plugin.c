#define TARK_HOOK
#include "tark.h"

static const outcome go_on = { OUTCOME_CONTINUE, { 0, 0 } };
static const str EVENTS[] = { S("session-start"), S("prompt"), S("before-tool") };

strlist plugin_events(void) { return (strlist){ (str *)EVENTS, 3 }; }

static outcome started(void) {
  opt_str before = storage_get(S("sessions"));
  uint64_t count = 0;
  if (before.some) j_u64(before.val, &count);
  buf b = { 0 };
  putu(&b, count + 1);
  str now = done(&b);
  res_str kept = storage_set(S("sessions"), now);
  log_info(kept.err ? kept.val : cat(S("session "), now));
  return go_on;
}

static outcome prompt(str payload) {
  str text;
  if (!j_str(j_get(payload, S("text")), &text)) return (outcome){ OUTCOME_STOP, S("the prompt has no text") };
  buf b = { 0 };
  puts_(&b, S("{\"text\":"));
  put_json(&b, text);
  puts_(&b, S(",\"guarded\":true}"));
  return (outcome){ OUTCOME_REPLACE, done(&b) };
}

static outcome before_tool(str payload) {
  str plugin;
  if (j_str(j_get(payload, S("plugin")), &plugin) && eq(plugin, S("text-tools"))) return go_on;
  return (outcome){ OUTCOME_STOP, S("only text-tools may be called in a guarded session") };
}

outcome plugin_handle(str event, str payload) {
  str value = j_parse(payload);
  if (eq(event, S("session-start"))) return started();
  if (eq(event, S("prompt"))) return prompt(value);
  if (eq(event, S("before-tool"))) return before_tool(value);
  return go_on;
}
