/* tark.h - canonical-ABI bindings for package tark:plugin, in one header.

   No libc and no WASI: `zig cc -target wasm32-freestanding` or `clang --target=wasm32` build it, and the
   component imports only the functions it calls. Define TARK_TOOL, TARK_AUTH, TARK_PROVIDER or TARK_HOOK, include
   this once, write the plugin_* functions declared at its end.

   Memory is one arena per call, given back when the host has read the result: nothing in it outlives a
   call, nothing is freed singly, and running out of it traps. Do not link a libc beside it: both would
   hand out the memory above __heap_base. */
#ifndef TARK_H
#define TARK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ------------------------------------------------------------------ types
   Laid out as the canonical ABI lays out the WIT types of the same names; do not reorder the fields. */
typedef struct { const char *ptr; size_t len; } str; /* UTF-8, not NUL-terminated */
typedef struct { str *ptr; size_t len; } strlist;
typedef struct { str key, val; } header;
typedef struct { header *ptr; size_t len; } header_list;
typedef struct { bool some; str val; } opt_str;
typedef struct { bool err; str val; } res_str; /* result<string, string> and result<_, string> */
typedef struct { uint16_t status; header_list headers; str body; } http_response;
typedef struct { str message; struct { bool some; uint16_t val; } status; } http_error;
typedef struct { bool err; union { http_response ok; http_error error; }; } http_result;

typedef struct { int32_t exit_code; str out, err; } shell_output;
typedef struct { bool err; union { shell_output ok; str error; }; } shell_result;
enum { KIND_FILE, KIND_DIRECTORY, KIND_OTHER };
typedef struct { str name; uint8_t kind; uint64_t size; } fs_entry;
typedef struct { const fs_entry *ptr; size_t len; } fs_entries;
typedef struct { bool err; union { fs_entry ok; str error; }; } fs_stat_result;
typedef struct { bool err; union { fs_entries ok; str error; }; } fs_list_result;

#define S(literal) ((str){ (literal), sizeof(literal) - 1 })

/* ---------------------------------------------------------------- imports */
#define TARK_IMPORT(itf, name) __attribute__((import_module("tark:plugin/" itf), import_name(name))) extern
TARK_IMPORT("storage", "get") void imp_storage_get(const char *, size_t, opt_str *);
TARK_IMPORT("storage", "set") void imp_storage_set(const char *, size_t, const char *, size_t, res_str *);
TARK_IMPORT("storage", "delete") void imp_storage_delete(const char *, size_t, res_str *);
TARK_IMPORT("storage", "list-keys") void imp_storage_list_keys(strlist *);
TARK_IMPORT("http", "get") void imp_http_get(const char *, size_t, const header *, size_t, http_result *);
TARK_IMPORT("http", "post")
void imp_http_post(const char *, size_t, const char *, size_t, const header *, size_t, http_result *);
TARK_IMPORT("env", "get") void imp_env_get(const char *, size_t, opt_str *);
TARK_IMPORT("log", "debug") void imp_log_debug(const char *, size_t);
TARK_IMPORT("log", "info") void imp_log_info(const char *, size_t);
TARK_IMPORT("log", "warn") void imp_log_warn(const char *, size_t);
TARK_IMPORT("log", "error") void imp_log_error(const char *, size_t);
TARK_IMPORT("shell", "run") /* argv, then stdin, cwd and timeout-ms, which are options */
void imp_shell_run(const str *, size_t, bool, const char *, size_t, bool, const char *, size_t, bool, uint32_t,
                   shell_result *);
TARK_IMPORT("filesystem", "read") void imp_filesystem_read(const char *, size_t, res_str *);
TARK_IMPORT("filesystem", "write")
void imp_filesystem_write(const char *, size_t, const char *, size_t, res_str *);
TARK_IMPORT("filesystem", "list") void imp_filesystem_list(const char *, size_t, fs_list_result *);
TARK_IMPORT("filesystem", "stat") void imp_filesystem_stat(const char *, size_t, fs_stat_result *);
TARK_IMPORT("filesystem", "remove") void imp_filesystem_remove(const char *, size_t, res_str *);
TARK_IMPORT("clock", "now") uint64_t imp_clock_now(void);
TARK_IMPORT("clock", "monotonic") uint64_t imp_clock_monotonic(void);
TARK_IMPORT("random", "bytes") void imp_random_bytes(uint32_t, str *);
TARK_IMPORT("random", "number") uint64_t imp_random_number(void);
#undef TARK_IMPORT

static inline opt_str storage_get(str k) { opt_str r; imp_storage_get(k.ptr, k.len, &r); return r; }
static inline res_str storage_set(str k, str v) {
  res_str r;
  imp_storage_set(k.ptr, k.len, v.ptr, v.len, &r);
  return r;
}
static inline res_str storage_delete(str k) { res_str r; imp_storage_delete(k.ptr, k.len, &r); return r; }
static inline strlist storage_list_keys(void) { strlist r; imp_storage_list_keys(&r); return r; }
static inline http_result http_get(str url, const header *h, size_t n) {
  http_result r;
  imp_http_get(url.ptr, url.len, h, n, &r);
  return r;
}
static inline http_result http_post(str url, str body, const header *h, size_t n) {
  http_result r;
  imp_http_post(url.ptr, url.len, body.ptr, body.len, h, n, &r);
  return r;
}
static inline opt_str env_get(str k) { opt_str r; imp_env_get(k.ptr, k.len, &r); return r; }
/* Runs a program as the user of the workspace. cwd is a folder in it; timeout_ms 0 is the host's limit. */
static inline shell_result shell_run_in(const str *argv, size_t n, opt_str in, opt_str cwd, uint32_t timeout_ms) {
  shell_result r;
  imp_shell_run(argv, n, in.some, in.val.ptr, in.val.len, cwd.some, cwd.val.ptr, cwd.val.len, timeout_ms != 0,
                timeout_ms, &r);
  return r;
}
/* In the workspace, without input. */
static inline shell_result shell_run(const str *argv, size_t n, uint32_t timeout_ms) {
  return shell_run_in(argv, n, (opt_str){ 0 }, (opt_str){ 0 }, timeout_ms);
}
/* Files below the folders that were granted. A list is sorted by name. */
static inline res_str filesystem_read(str path) {
  res_str r;
  imp_filesystem_read(path.ptr, path.len, &r);
  return r;
}
static inline res_str filesystem_write(str path, str content) {
  res_str r;
  imp_filesystem_write(path.ptr, path.len, content.ptr, content.len, &r);
  return r;
}
static inline fs_list_result filesystem_list(str path) {
  fs_list_result r;
  imp_filesystem_list(path.ptr, path.len, &r);
  return r;
}
static inline fs_stat_result filesystem_stat(str path) {
  fs_stat_result r;
  imp_filesystem_stat(path.ptr, path.len, &r);
  return r;
}
static inline res_str filesystem_remove(str path) {
  res_str r;
  imp_filesystem_remove(path.ptr, path.len, &r);
  return r;
}
/* Milliseconds since 1970-01-01T00:00:00Z, and on a clock that never goes back. */
static inline uint64_t clock_now(void) { return imp_clock_now(); }
static inline uint64_t clock_monotonic(void) { return imp_clock_monotonic(); }
/* Fit for secrets; 1024 bytes at most. */
static inline str random_bytes(uint32_t n) { str r; imp_random_bytes(n, &r); return r; }
static inline uint64_t random_number(void) { return imp_random_number(); }
static inline void log_debug(str m) { imp_log_debug(m.ptr, m.len); }
static inline void log_info(str m) { imp_log_info(m.ptr, m.len); }
static inline void log_warn(str m) { imp_log_warn(m.ptr, m.len); }
static inline void log_error(str m) { imp_log_error(m.ptr, m.len); }

/* ----------------------------------------------------------------- memory */
#define TARK_MAX 0x7fff0000u /* sizes and addresses stay below 2^31, so no sum of two of them wraps */
extern unsigned char __heap_base;
static uintptr_t tark_top;

static void tark_reset(void) { tark_top = 0; }
static void *tark_alloc(size_t n, size_t align) {
  uintptr_t p = tark_top ? tark_top : (uintptr_t)&__heap_base;
  p = (p + align - 1) & ~(uintptr_t)(align - 1);
  if (p > TARK_MAX || n > TARK_MAX - p) __builtin_trap();
  uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) << 16;
  if (p + n > have && __builtin_wasm_memory_grow(0, (p + n - have + 65535) >> 16) == (size_t)-1)
    __builtin_trap();
  tark_top = p + n;
  return (void *)p;
}

/* The compiler may call these two for struct copies and comparisons even without a libc. */
void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  char *a = to;
  const char *b = from;
  while (n--) *a++ = *b++;
  return to;
}
int memcmp(const void *a, const void *b, size_t n) {
  const unsigned char *x = a, *y = b;
  for (; n; n--, x++, y++)
    if (*x != *y) return *x - *y;
  return 0;
}

/* How the host places strings in this memory. */
__attribute__((export_name("cabi_realloc")))
void *cabi_realloc(void *old, size_t old_n, size_t align, size_t n) {
  if (old && n <= old_n) return old;
  void *p = tark_alloc(n, align);
  if (old) memcpy(p, old, old_n);
  return p;
}

/* ---------------------------------------------------------------- strings */
static inline bool eq(str a, str b) { return a.len == b.len && !memcmp(a.ptr, b.ptr, a.len); }

typedef struct { char *p; size_t n, cap; } buf; /* starts as { 0 } */
static void put(buf *b, const char *p, size_t n) {
  if (n > TARK_MAX - b->n) __builtin_trap();
  if (b->n + n > b->cap) {
    size_t cap = b->cap ? b->cap * 2 : 64;
    while (cap < b->n + n) cap *= 2;
    char *q = tark_alloc(cap, 1);
    memcpy(q, b->p, b->n);
    b->p = q;
    b->cap = cap;
  }
  memcpy(b->p + b->n, p, n);
  b->n += n;
}
static void puts_(buf *b, str s) { put(b, s.ptr, s.len); }
static void putc_(buf *b, char c) { put(b, &c, 1); }
static void putu(buf *b, uint64_t v) {
  char t[20];
  int i = 20;
  do t[--i] = '0' + v % 10;
  while (v /= 10);
  put(b, t + i, 20 - i);
}
static str done(buf *b) { return (str){ b->p ? b->p : "", b->n }; }

#define cat(...) cat_(sizeof((str[]){ __VA_ARGS__ }) / sizeof(str), (str[]){ __VA_ARGS__ })
static str cat_(size_t n, const str *v) {
  buf b = { 0 };
  for (size_t i = 0; i < n; i++) puts_(&b, v[i]);
  return done(&b);
}
static void put_json(buf *b, str s) { /* quoted and escaped */
  putc_(b, '"');
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = s.ptr[i];
    if (c == '"' || c == '\\') putc_(b, '\\'), putc_(b, c);
    else if (c == '\n') put(b, "\\n", 2);
    else if (c < 0x20) put(b, "\\u00", 4), putc_(b, '0' + (c >> 4)), putc_(b, "0123456789abcdef"[c & 15]);
    else putc_(b, c);
  }
  putc_(b, '"');
}
static void put_form(buf *b, str s) { /* percent-encoded, for URLs and form bodies */
  static const char HEX[] = "0123456789ABCDEF";
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = s.ptr[i], low = c | 32;
    bool plain = (c >= '0' && c <= '9') || (low >= 'a' && low <= 'z') || c == '-' || c == '_' || c == '.';
    if (plain || c == '~') putc_(b, c);
    else putc_(b, '%'), putc_(b, HEX[c >> 4]), putc_(b, HEX[c & 15]);
  }
}

/* ------------------------------------------------------------------- JSON
   Read in place: a value is the str of its text, and length 0 means "absent or malformed". j_parse
   accepts exactly the grammar of RFC 8259 to a depth of 64; the others never read outside the text they
   are given, whatever it is. Where a name occurs twice the last one counts, as in Python and JavaScript,
   so that the host's check of the arguments and the plugin see the same value. */
#define J_NONE ((str){ 0, 0 })

static const char *j_ws(const char *p, const char *e) {
  while (p < e && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')) p++;
  return p;
}
static const char *j_hex4(const char *p, const char *e, uint32_t *out) { /* the end, or 0 */
  if (e - p < 4) return 0;
  *out = 0;
  for (int i = 0; i < 4; i++, p++) {
    char low = *p | 32;
    if (*p >= '0' && *p <= '9') *out = *out * 16 + (*p - '0');
    else if (low >= 'a' && low <= 'f') *out = *out * 16 + (low - 'a' + 10);
    else return 0;
  }
  return p;
}
/* One escape, p just after its backslash; a surrogate without its partner becomes U+FFFD. */
static const char *j_escape(const char *p, const char *e, uint32_t *out) {
  static const char NAMES[] = "\"\\/bfnrt", MEANS[] = "\"\\/\b\f\n\r\t";
  if (p >= e) return 0;
  if (*p != 'u') {
    for (int i = 0; NAMES[i]; i++)
      if (NAMES[i] == *p) { *out = MEANS[i]; return p + 1; }
    return 0;
  }
  if (!(p = j_hex4(p + 1, e, out)) || *out < 0xd800 || *out > 0xdfff) return p;
  uint32_t low;
  const char *q = *out < 0xdc00 && e - p >= 6 && p[0] == '\\' && p[1] == 'u' ? j_hex4(p + 2, e, &low) : 0;
  if (!q || low < 0xdc00 || low > 0xdfff) { *out = 0xfffd; return p; }
  *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
  return q;
}
static const char *j_string(const char *p, const char *e) {
  uint32_t ignored;
  for (p++; p < e;) {
    unsigned char c = *p++;
    if (c == '"') return p;
    if (c < 0x20 || (c == '\\' && !(p = j_escape(p, e, &ignored)))) return 0;
  }
  return 0;
}
static const char *j_digits(const char *p, const char *e) {
  const char *start = p;
  while (p < e && *p >= '0' && *p <= '9') p++;
  return p > start ? p : 0;
}
static const char *j_number(const char *p, const char *e) {
  if (*p == '-') p++;
  if (p < e && *p == '0') p++;
  else if (!(p = j_digits(p, e))) return 0;
  if (p < e && *p == '.' && !(p = j_digits(p + 1, e))) return 0;
  if (p < e && (*p | 32) == 'e') {
    p++;
    if (p < e && (*p == '+' || *p == '-')) p++;
    p = j_digits(p, e);
  }
  return p;
}
static const char *j_word(const char *p, const char *e, str word) {
  return (size_t)(e - p) >= word.len && eq((str){ p, word.len }, word) ? p + word.len : 0;
}
static const char *j_skip(const char *p, const char *e, int depth) { /* the end of the value at p, or 0 */
  if (p >= e || depth > 64) return 0;
  if (*p == '"') return j_string(p, e);
  if (*p == 't') return j_word(p, e, S("true"));
  if (*p == 'f') return j_word(p, e, S("false"));
  if (*p == 'n') return j_word(p, e, S("null"));
  if (*p != '{' && *p != '[') return j_number(p, e);
  bool object = *p == '{';
  char close = object ? '}' : ']';
  p = j_ws(p + 1, e);
  if (p < e && *p == close) return p + 1;
  for (;; p = j_ws(p + 1, e)) {
    if (object) {
      if (p >= e || *p != '"' || !(p = j_string(p, e))) return 0;
      p = j_ws(p, e);
      if (p >= e || *p != ':') return 0;
      p = j_ws(p + 1, e);
    }
    if (!(p = j_skip(p, e, depth + 1))) return 0;
    p = j_ws(p, e);
    if (p >= e) return 0;
    if (*p == close) return p + 1;
    if (*p != ',') return 0;
  }
}
static str j_parse(str text) { /* the one value that is the whole text */
  const char *e = text.ptr + text.len, *p = j_ws(text.ptr, e), *q = j_skip(p, e, 0);
  return q && j_ws(q, e) == e ? (str){ p, q - p } : J_NONE;
}
static bool j_str(str v, str *out) { /* decodes into the arena; false unless v is a string */
  const char *e = v.ptr + v.len, *p = v.ptr + 1;
  if (v.len < 2 || *v.ptr != '"' || j_string(v.ptr, e) != e) return false;
  buf b = { 0 };
  while (p < e - 1) {
    uint32_t u;
    if (*p != '\\') { putc_(&b, *p++); continue; }
    p = j_escape(p + 1, e, &u);
    if (u < 0x80) { putc_(&b, u); continue; }
    int more = u < 0x800 ? 1 : u < 0x10000 ? 2 : 3; /* continuation bytes */
    putc_(&b, (0xf80 >> more & 0xff) | u >> 6 * more);
    while (more--) putc_(&b, 0x80 | (u >> 6 * more & 63));
  }
  *out = done(&b);
  return true;
}
static bool j_named(const char *p, const char *e, str name) { /* is the string p..e this name? */
  str raw = { p + 1, e - p - 2 }, text;
  if (eq(raw, name)) return true;
  for (size_t i = 0; i < raw.len; i++)
    if (raw.ptr[i] == '\\') return j_str((str){ p, e - p }, &text) && eq(text, name);
  return false;
}
static str j_get(str v, str name) { /* the member of an object */
  const char *e = v.ptr + v.len, *p = v.ptr;
  str found = J_NONE;
  if (!v.len || *p != '{') return J_NONE;
  do {
    const char *key = j_ws(p + 1, e), *end = key < e && *key == '"' ? j_string(key, e) : 0;
    if (!end) break;
    p = j_ws(end, e);
    if (p >= e || *p != ':') return J_NONE;
    const char *value = j_ws(p + 1, e);
    if (!(p = j_skip(value, e, 0))) return J_NONE;
    if (j_named(key, end, name)) found = (str){ value, p - value };
    p = j_ws(p, e);
  } while (p < e && *p == ',');
  return found;
}

typedef struct { const char *p, *e; } j_iter; /* over the items of an array */
static j_iter j_items(str v) {
  const char *e = v.ptr + v.len;
  return v.len && *v.ptr == '[' ? (j_iter){ j_ws(v.ptr + 1, e), e } : (j_iter){ 0, 0 };
}
static bool j_next(j_iter *it, str *item) {
  const char *q = j_skip(it->p, it->e, 0);
  if (!q) return false;
  *item = (str){ it->p, q - it->p };
  q = j_ws(q, it->e);
  it->p = q < it->e && *q == ',' ? j_ws(q + 1, it->e) : it->e;
  return true;
}
static bool j_u64(str v, uint64_t *out) { /* a plain non-negative integer that fits */
  uint64_t n = 0;
  if (!v.len) return false;
  for (size_t i = 0; i < v.len; i++) {
    uint64_t digit = (unsigned char)v.ptr[i] - '0';
    if (digit > 9 || n > (UINT64_MAX - digit) / 10) return false;
    n = n * 10 + digit;
  }
  *out = n;
  return true;
}

/* ---------------------------------------------------------------- exports
   A result that does not fit a register is returned by address, and its cabi_post_ function, which the
   host calls once it has read it, gives the arena back. The others give it back themselves. */
#define EXPORT(itf, name) __attribute__((export_name("tark:plugin/" itf "#" name)))
#define POST(itf, name, id)                                                                                \
  __attribute__((export_name("cabi_post_tark:plugin/" itf "#" name)))                                      \
  void tark_post_##id(uintptr_t result) {                                                                  \
    (void)result;                                                                                          \
    tark_reset();                                                                                          \
  }
#define RETURN(type, align, value)                                                                         \
  type *result = tark_alloc(sizeof(type), align);                                                          \
  *result = (value);                                                                                       \
  return result

#ifdef TARK_TOOL
enum { RISK_READ_ONLY, RISK_WRITE, RISK_RISKY, RISK_DANGEROUS };
typedef struct { str name, description, parameters_schema; } tool_def;
typedef struct { const tool_def *ptr; size_t len; } tool_list;
typedef struct { bool success; str output; opt_str error; } tool_result;

tool_list plugin_get_tools(void);
int plugin_get_risk_level(str tool);
tool_result plugin_execute(str tool, str args);

EXPORT("tool-plugin", "get-tools")
tool_list *tark_get_tools(void) { RETURN(tool_list, 4, plugin_get_tools()); }
EXPORT("tool-plugin", "get-risk-level")
int tark_get_risk_level(const char *tool, size_t n) {
  int risk = plugin_get_risk_level((str){ tool, n });
  tark_reset();
  return risk;
}
EXPORT("tool-plugin", "execute")
tool_result *tark_execute(const char *tool, size_t n, const char *args, size_t args_n) {
  RETURN(tool_result, 4, plugin_execute(((str){ tool, n }), ((str){ args, args_n })));
}
POST("tool-plugin", "get-tools", get_tools)
POST("tool-plugin", "execute", execute)
#endif

#ifdef TARK_AUTH
enum { AUTH_NOT_AUTHENTICATED, AUTH_AUTHENTICATED, AUTH_EXPIRED };
typedef struct { str device_code, user_code, verification_url; uint64_t expires_in, interval; } device_code;
typedef struct { bool err; union { device_code ok; str error; }; } device_code_result;
enum { POLL_PENDING, POLL_SUCCESS, POLL_EXPIRED, POLL_ERROR };
typedef struct { uint8_t tag; str val; } poll_result;

str plugin_display_name(void);
int plugin_status(void);
device_code_result plugin_start_device_flow(void);
poll_result plugin_poll(str device_code);
res_str plugin_get_token(void);
res_str plugin_logout(void);

EXPORT("auth-plugin", "display-name")
str *tark_display_name(void) { RETURN(str, 4, plugin_display_name()); }
EXPORT("auth-plugin", "status")
int tark_status(void) {
  int status = plugin_status();
  tark_reset();
  return status;
}
EXPORT("auth-plugin", "start-device-flow")
device_code_result *tark_start(void) { RETURN(device_code_result, 8, plugin_start_device_flow()); }
EXPORT("auth-plugin", "poll")
poll_result *tark_poll(const char *code, size_t n) { RETURN(poll_result, 4, plugin_poll((str){ code, n })); }
EXPORT("auth-plugin", "get-token")
res_str *tark_get_token(void) { RETURN(res_str, 4, plugin_get_token()); }
EXPORT("auth-plugin", "logout")
res_str *tark_logout(void) { RETURN(res_str, 4, plugin_logout()); }
POST("auth-plugin", "display-name", display_name)
POST("auth-plugin", "start-device-flow", start)
POST("auth-plugin", "poll", poll)
POST("auth-plugin", "get-token", get_token)
POST("auth-plugin", "logout", logout)
#endif

#ifdef TARK_PROVIDER
enum { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL };
typedef struct { uint8_t role; str content; } message;
typedef struct { bool some; uint32_t input_tokens, output_tokens; } opt_usage;
typedef struct { str text; opt_usage usage; } chat_response;
typedef struct { bool err; union { chat_response ok; str error; }; } chat_result;

str plugin_name(void);
strlist plugin_models(void);
chat_result plugin_chat(const message *messages, size_t n, str model);

EXPORT("provider-plugin", "name")
str *tark_name(void) { RETURN(str, 4, plugin_name()); }
EXPORT("provider-plugin", "models")
strlist *tark_models(void) { RETURN(strlist, 4, plugin_models()); }
EXPORT("provider-plugin", "chat")
chat_result *tark_chat(const message *messages, size_t n, const char *model, size_t model_n) {
  RETURN(chat_result, 4, plugin_chat(messages, n, (str){ model, model_n }));
}
POST("provider-plugin", "name", name)
POST("provider-plugin", "models", models)
POST("provider-plugin", "chat", chat)
#endif

#ifdef TARK_HOOK
enum { OUTCOME_CONTINUE, OUTCOME_REPLACE, OUTCOME_STOP };
typedef struct { uint8_t tag; str val; } outcome;

strlist plugin_events(void);
outcome plugin_handle(str event, str payload);

EXPORT("hook-plugin", "events")
strlist *tark_events(void) { RETURN(strlist, 4, plugin_events()); }
EXPORT("hook-plugin", "handle")
outcome *tark_handle(const char *event, size_t n, const char *payload, size_t length) {
  RETURN(outcome, 4, plugin_handle((str){ event, n }, (str){ payload, length }));
}
POST("hook-plugin", "events", events)
POST("hook-plugin", "handle", handle)
#endif
#endif
