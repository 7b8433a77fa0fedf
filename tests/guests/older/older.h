/* older.h - the older tark ABI in C, for modules that behave like those that are published.

   No libc: `zig cc -target wasm32-freestanding`. The imports are declared as published modules have them, and only
   those that are called are imported. Texts are (pointer, length); what the host answers lands in RETURNED, or in
   ENVIRONMENT, which are as long as theirs. JSON is read by looking for "name":, which is enough for what the tests
   send. */
#ifndef OLDER_H
#define OLDER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct { const char *p; int32_t n; } str;
#define S(literal) ((str){ (literal), sizeof(literal) - 1 })
#define EXPORT(name) __attribute__((export_name(#name)))
#define IMPORT(module, name) __attribute__((import_module(module), import_name(name))) extern
#define AT(s) (s).p, (s).n

IMPORT("tark:storage", "get") int32_t storage_get_(const char *, int32_t, char *);
IMPORT("tark:storage", "set") int32_t storage_set_(const char *, int32_t, const char *, int32_t);
IMPORT("tark:storage", "delete") int32_t storage_delete_(const char *, int32_t);
IMPORT("tark:http", "get") int32_t http_get_(const char *, int32_t, const char *, int32_t, char *);
IMPORT("tark:http", "post")
int32_t http_post_(const char *, int32_t, const char *, int32_t, const char *, int32_t, char *);
IMPORT("tark:env", "get") int32_t env_get_(const char *, int32_t, char *);
IMPORT("tark:log", "debug") void log_debug_(const char *, int32_t);
IMPORT("tark:log", "info") void log_info_(const char *, int32_t);
IMPORT("tark:log", "warn") void log_warn_(const char *, int32_t);
IMPORT("tark:log", "error") void log_error_(const char *, int32_t);
IMPORT("tark:fs", "read") int32_t fs_read_(const char *, int32_t, char *);
IMPORT("tark:ws", "connect") int32_t ws_connect_(const char *, int32_t, const char *, int32_t, char *);
IMPORT("tark:ws", "send") int32_t ws_send_(int64_t, const char *, int32_t, char *);
IMPORT("tark:ws", "recv") int32_t ws_recv_(int64_t, int64_t, int64_t, char *);
IMPORT("tark:ws", "close") int32_t ws_close_(int64_t, char *);

#define WASI(name) IMPORT("wasi_snapshot_preview1", name)
WASI("clock_time_get") int32_t wasi_clock(int32_t, int64_t, uint64_t *);
WASI("environ_get") int32_t wasi_environ(char **, char *);
WASI("environ_sizes_get") int32_t wasi_environ_sizes(int32_t *, int32_t *);
WASI("fd_write") int32_t wasi_write(int32_t, const str *, int32_t, int32_t *);
WASI("proc_exit") _Noreturn void wasi_exit(int32_t);
WASI("random_get") int32_t wasi_random(void *, int32_t);

static char RETURNED[128 << 10];
static char ENVIRONMENT[256];

/* The compiler may call these even without a libc. */
void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  char *a = to;
  const char *b = from;
  while (n--) *a++ = *b++;
  return to;
}
void *memset(void *to, int c, size_t n) {
  char *a = to;
  while (n--) *a++ = (char)c;
  return to;
}

/* ------------------------------------------------------------------ memory: a stack, which is what the host needs */
extern unsigned char __heap_base;
static uintptr_t top;

EXPORT(alloc) void *alloc(int32_t n) {
  uintptr_t p = top ? top : (uintptr_t)&__heap_base;
  uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) << 16, need = p + (uintptr_t)n;
  if (n < 0 || need < p) return 0;
  if (need > have && __builtin_wasm_memory_grow(0, (need - have + 65535) >> 16) == (size_t)-1) return 0;
  top = need;
  return (void *)p;
}
EXPORT(dealloc) void dealloc(void *p, int32_t n) {
  if ((uintptr_t)p + (uintptr_t)n == top) top = (uintptr_t)p;
}

/* ----------------------------------------------------------------------------------------------------- texts */
static inline bool eq(str a, str b) {
  if (a.n != b.n) return false;
  for (int32_t i = 0; i < a.n; i++)
    if (a.p[i] != b.p[i]) return false;
  return true;
}
typedef struct { char *p; int32_t n; } out; /* written from the front; whoever made it knows that it is long enough */
static inline void put(out *o, str s) { memcpy(o->p + o->n, s.p, (size_t)s.n), o->n += s.n; }
static inline void put_number(out *o, int64_t v) {
  char digits[20];
  int32_t i = 20;
  uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
  do digits[--i] = (char)('0' + u % 10);
  while (u /= 10);
  if (v < 0) put(o, S("-"));
  put(o, (str){ digits + i, 20 - i });
}
static inline int32_t say(char *to, str s) { return memcpy(to, s.p, (size_t)s.n), s.n; }

static inline int32_t find(str in, str what) { /* where it begins, or -1 */
  for (int32_t i = 0; i + what.n <= in.n; i++)
    if (eq((str){ in.p + i, what.n }, what)) return i;
  return -1;
}
static inline str after(str in, str what) {
  int32_t at = find(in, what);
  return at < 0 ? (str){ 0, 0 } : (str){ in.p + at + what.n, in.n - at - what.n };
}
static inline str json_text(str doc, str quoted_name) { /* quoted_name is S("\"name\"") */
  str rest = after(doc, quoted_name);
  while (rest.n && (*rest.p == ':' || *rest.p == ' ')) rest.p++, rest.n--;
  if (!rest.n || *rest.p != '"') return (str){ 0, 0 };
  int32_t n = 1;
  while (n < rest.n && rest.p[n] != '"') n += rest.p[n] == '\\' ? 2 : 1;
  return n < rest.n ? (str){ rest.p + 1, n - 1 } : (str){ 0, 0 };
}
static inline int64_t json_number(str doc, str quoted_name) {
  str rest = after(doc, quoted_name);
  int64_t v = 0;
  while (rest.n && (*rest.p == ':' || *rest.p == ' ')) rest.p++, rest.n--;
  while (rest.n && *rest.p >= '0' && *rest.p <= '9') v = v * 10 + (*rest.p++ - '0'), rest.n--;
  return v;
}

/* --------------------------------------------------------------------------------------------- the host, as texts */
static inline void log_info(str s) { log_info_(AT(s)); }
static inline void log_error(str s) { log_error_(AT(s)); }
static inline str returned(int32_t n) { return n > 0 ? (str){ RETURNED, n } : (str){ 0, 0 }; }
static inline str storage_get(str key) { return returned(storage_get_(AT(key), RETURNED)); }
static inline bool storage_set(str key, str value) { return storage_set_(AT(key), AT(value)) == 0; }
static inline str env_get(str name) {
  int32_t n = env_get_(AT(name), ENVIRONMENT);
  return n > 0 ? (str){ ENVIRONMENT, n } : (str){ 0, 0 };
}
static inline int64_t now_seconds(void) {
  uint64_t ns = 0;
  return wasi_clock(0, 1, &ns) == 0 ? (int64_t)(ns / 1000000000u) : 0;
}
#endif
