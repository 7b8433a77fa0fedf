/* openai-compat: an LLM provider for servers that speak the OpenAI chat completions protocol. */
#define TARK_PROVIDER
#include "tark.h"

typedef struct { header list[2]; size_t len; } headers;

static str url(str path) {
  opt_str base = env_get(S("OPENAI_BASE_URL"));
  return cat(base.some ? base.val : S("https://api.openai.com"), path);
}

static headers request_headers(void) { /* servers without accounts get no authorization header */
  headers h = { { { S("content-type"), S("application/json") } }, 1 };
  opt_str key = env_get(S("OPENAI_API_KEY"));
  if (key.some) h.list[h.len++] = (header){ S("authorization"), cat(S("Bearer "), key.val) };
  return h;
}

static str refused(http_response r) {
  buf b = { 0 };
  puts_(&b, S("HTTP ")), putu(&b, r.status), puts_(&b, S(": ")), puts_(&b, r.body);
  return done(&b);
}

str plugin_name(void) { return S("openai-compat"); }

strlist plugin_models(void) {
  headers h = request_headers();
  http_result r = http_get(url(S("/v1/models")), h.list, h.len);
  if (r.err || r.ok.status != 200) { /* the WIT has no error here: say it in the log */
    log_warn(r.err ? r.error.message : refused(r.ok));
    return (strlist){ 0, 0 };
  }
  str data = j_get(j_parse(r.ok.body), S("data")), item;
  size_t n = 0;
  for (j_iter it = j_items(data); j_next(&it, &item);) n++;
  strlist out = { tark_alloc(n * sizeof(str), 4), 0 };
  for (j_iter it = j_items(data); j_next(&it, &item);)
    if (j_str(j_get(item, S("id")), &out.ptr[out.len])) out.len++;
  return out;
}

static str chat_body(const message *messages, size_t n, str model) {
  static const str ROLES[] = { S("\"system\""), S("\"user\""), S("\"assistant\""), S("\"tool\"") };
  buf b = { 0 };
  puts_(&b, S("{\"model\":")), put_json(&b, model), puts_(&b, S(",\"messages\":["));
  for (size_t i = 0; i < n; i++) {
    puts_(&b, i ? S(",{\"role\":") : S("{\"role\":")), puts_(&b, ROLES[messages[i].role & 3]);
    puts_(&b, S(",\"content\":")), put_json(&b, messages[i].content), putc_(&b, '}');
  }
  puts_(&b, S("]}"));
  return done(&b);
}

static opt_usage usage(str doc) {
  str u = j_get(doc, S("usage"));
  uint64_t in, out;
  if (!j_u64(j_get(u, S("prompt_tokens")), &in) || !j_u64(j_get(u, S("completion_tokens")), &out))
    return (opt_usage){ 0 };
  return in > UINT32_MAX || out > UINT32_MAX ? (opt_usage){ 0 } : (opt_usage){ true, in, out };
}

chat_result plugin_chat(const message *messages, size_t n, str model) {
  headers h = request_headers();
  http_result r = http_post(url(S("/v1/chat/completions")), chat_body(messages, n, model), h.list, h.len);
  if (r.err) return (chat_result){ true, .error = r.error.message };
  if (r.ok.status != 200) return (chat_result){ true, .error = refused(r.ok) };
  str doc = j_parse(r.ok.body), choice = J_NONE, text;
  j_iter choices = j_items(j_get(doc, S("choices")));
  j_next(&choices, &choice);
  if (!j_str(j_get(j_get(choice, S("message")), S("content")), &text))
    return (chat_result){ true, .error = S("unexpected answer") };
  return (chat_result){ false, .ok = { text, usage(doc) } };
}
