/* json-tools: query, format and compare JSON texts. Numbers and strings are copied as they are written, so
   no digit of a number is lost. */
#define TARK_TOOL
#include "tark.h"

#define MAX_OUTPUT (4u << 20) /* below the host's limit of 8 MiB, so that the error is one a reader understands */
#define MAX_INDENT 8
#define MAX_NAMES 20

#define TEXT(name, says) "\"" name "\":{\"type\":\"string\",\"description\":\"" says "\"}"
#define OBJECT(properties, required)                                                     \
  S("{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required "]," \
    "\"additionalProperties\":false}")

static const tool_def TOOLS[] = {
  { S("json-query"), S("Return the value at a JSON Pointer (RFC 6901) of a JSON text"),
    OBJECT(TEXT("json", "a JSON text") "," TEXT("pointer", "such as /items/0/name; empty for the whole"),
           "\"json\",\"pointer\"") },
  { S("json-format"), S("Indent a JSON text, or write it on one line with indent 0"),
    OBJECT(TEXT("json", "a JSON text")
           ",\"indent\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":8,\"default\":2}"
           ",\"sort\":{\"type\":\"boolean\",\"default\":false,\"description\":\"sort the names of objects\"}",
           "\"json\"") },
  { S("json-diff"), S("Compare two JSON texts; the result is the JSON Patch (RFC 6902) from before to after"),
    OBJECT(TEXT("before", "a JSON text") "," TEXT("after", "a JSON text"), "\"before\",\"after\"") },
};

static tool_result ok(buf *b) { return (tool_result){ true, done(b), { false, S("") } }; }
static tool_result fail(str why) { return (tool_result){ false, S(""), { true, why } }; }

/* ------------------------------------------------------------------ values */
typedef struct { str raw, name, value; } member; /* raw: the name as it is written, with its quotes */
typedef struct { member *at; size_t n; } members;
typedef struct { str *at; size_t n; } items;

/* Room for one more in a list of n whose capacity is a power of two. */
static void *grown(void *at, size_t n, size_t size) {
  if (n & (n - 1)) return at;
  if (n > TARK_MAX / 2 / size) __builtin_trap();
  void *more = tark_alloc((n ? 2 * n : 1) * size, 8);
  memcpy(more, at, n * size);
  return more;
}

static items items_of(str array) {
  items found = { 0 };
  str item;
  for (j_iter it = j_items(array); it.p && j_next(&it, &item);) {
    found.at = grown(found.at, found.n, sizeof(str));
    found.at[found.n++] = item;
  }
  return found;
}

static members members_of(str object) { /* as they are written, duplicates too; the text was checked */
  members found = { 0 };
  const char *e = object.ptr + object.len, *p = j_ws(object.ptr + 1, e);
  while (p < e && *p == '"') {
    member one;
    const char *end = j_string(p, e);
    one.raw = (str){ p, end - p };
    j_str(one.raw, &one.name);
    p = j_ws(j_ws(end, e) + 1, e);
    one.value = (str){ p, j_skip(p, e, 0) - p };
    found.at = grown(found.at, found.n, sizeof(member));
    found.at[found.n++] = one;
    p = j_ws(one.value.ptr + one.value.len, e);
    if (*p == ',') p = j_ws(p + 1, e);
  }
  return found;
}

static int order(str a, str b) { /* of code points: UTF-8 sorts as they do */
  int by = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
  return by ? by : a.len < b.len ? -1 : a.len > b.len;
}

/* Sorted by name, and of equal names only the last one: the one that parsers take. Merge sort is stable. */
static members sorted(members all) {
  if (!all.n) return all;
  member *from = all.at, *to = tark_alloc(all.n * sizeof(member), 8);
  for (size_t width = 1; width < all.n; width *= 2) {
    for (size_t low = 0; low < all.n; low += 2 * width) {
      size_t mid = low + width < all.n ? low + width : all.n, high = mid + width < all.n ? mid + width : all.n;
      for (size_t i = low, j = mid, k = low; k < high; k++)
        to[k] = j >= high || (i < mid && order(from[i].name, from[j].name) <= 0) ? from[i++] : from[j++];
    }
    member *swap = from;
    from = to, to = swap;
  }
  size_t n = 0;
  for (size_t i = 0; i < all.n; i++)
    if (i + 1 == all.n || order(from[i].name, from[i + 1].name)) from[n++] = from[i];
  return (members){ from, n };
}

/* ------------------------------------------------------------------- query */
static void put_names(buf *b, str value) { /* what could have been asked for instead */
  if (*value.ptr == '[') {
    puts_(b, S("an array of ")), putu(b, items_of(value).n);
    return;
  }
  members all = members_of(value);
  puts_(b, S("an object with: "));
  for (size_t i = 0; i < all.n && i < MAX_NAMES; i++) {
    if (i) puts_(b, S(", "));
    puts_(b, all.at[i].raw);
  }
  if (!all.n) puts_(b, S("nothing"));
  if (all.n > MAX_NAMES) puts_(b, S(", …"));
}

static str item_at(str array, str token) { /* RFC 6901: digits without a leading zero */
  uint64_t wanted, i = 0;
  str item;
  if (!j_u64(token, &wanted) || (token.len > 1 && *token.ptr == '0')) return J_NONE;
  for (j_iter it = j_items(array); it.p && j_next(&it, &item);)
    if (i++ == wanted) return item;
  return J_NONE;
}

static tool_result query(str value, str pointer) {
  const char *p = pointer.ptr, *e = p + pointer.len;
  if (p < e && *p != '/') return fail(S("a pointer is empty or begins with '/', such as /items/0"));
  while (p < e) {
    const char *start = p++;
    buf token = { 0 };
    for (; p < e && *p != '/'; p++) {
      if (*p != '~') { putc_(&token, *p); continue; }
      if (++p == e || (*p != '0' && *p != '1')) return fail(S("in a pointer, '~' is written ~0 and '/' is ~1"));
      putc_(&token, *p == '0' ? '~' : '/');
    }
    str found = *value.ptr == '{'   ? j_get(value, done(&token))
                : *value.ptr == '[' ? item_at(value, done(&token))
                                    : J_NONE;
    if (!found.len) {
      buf b = { 0 };
      puts_(&b, S("there is nothing at ")), put(&b, pointer.ptr, p - pointer.ptr);
      puts_(&b, S("; ")), put(&b, pointer.ptr, start - pointer.ptr);
      puts_(&b, start == pointer.ptr ? S("the whole is ") : S(" is "));
      if (*value.ptr == '{' || *value.ptr == '[') put_names(&b, value);
      else puts_(&b, S("neither an object nor an array"));
      return fail(done(&b));
    }
    value = found;
  }
  buf b = { 0 };
  puts_(&b, value);
  return ok(&b);
}

/* ------------------------------------------------------------------ format */
typedef struct { buf out; uint64_t indent; bool sort; } writer;

static void new_line(writer *w, int depth) {
  if (!w->indent) return;
  putc_(&w->out, '\n');
  for (uint64_t i = w->indent * depth; i; i--) putc_(&w->out, ' ');
}

static void format(writer *w, str value, int depth) {
  if (w->out.n > MAX_OUTPUT) return;
  if (*value.ptr == '[') {
    items all = items_of(value);
    putc_(&w->out, '[');
    for (size_t i = 0; i < all.n && w->out.n <= MAX_OUTPUT; i++) {
      if (i) putc_(&w->out, ',');
      new_line(w, depth + 1);
      format(w, all.at[i], depth + 1);
    }
    if (all.n) new_line(w, depth);
    putc_(&w->out, ']');
  } else if (*value.ptr == '{') {
    members all = w->sort ? sorted(members_of(value)) : members_of(value);
    putc_(&w->out, '{');
    for (size_t i = 0; i < all.n && w->out.n <= MAX_OUTPUT; i++) {
      if (i) putc_(&w->out, ',');
      new_line(w, depth + 1);
      puts_(&w->out, all.at[i].raw), puts_(&w->out, w->indent ? S(": ") : S(":"));
      format(w, all.at[i].value, depth + 1);
    }
    if (all.n) new_line(w, depth);
    putc_(&w->out, '}');
  } else puts_(&w->out, value);
}

/* -------------------------------------------------------------------- diff */
typedef struct { buf digits; int64_t exponent; bool minus, exact; } number; /* 0.digits × 10^exponent */

static number number_of(str text) {
  number n = { .exact = true };
  const char *p = text.ptr, *e = p + text.len;
  if (*p == '-') n.minus = true, p++;
  bool point = false;
  for (; p < e && (*p | 32) != 'e'; p++) {
    if (*p == '.') { point = true; continue; }
    if (*p != '0' || n.digits.n) { putc_(&n.digits, *p); n.exponent += !point; }
    else n.exponent -= point; /* 0.05 is 0.5 × 10^-1 */
  }
  while (n.digits.n && n.digits.p[n.digits.n - 1] == '0') n.digits.n--;
  if (p < e) {
    bool minus = *++p == '-';
    int64_t by = 0;
    p += minus || *p == '+';
    for (; p < e; p++) {
      if (by > 100000000000) { n.exact = false; break; } /* no such number can be added up; compare its text */
      by = by * 10 + (*p - '0');
    }
    n.exponent += minus ? -by : by;
  }
  if (!n.digits.n) n.exponent = 0, n.minus = false, n.exact = true; /* zero, whatever its sign and exponent */
  return n;
}

static bool same_scalar(str a, str b) { /* 1, 1.0 and 10e-1 are one number, "\u0061" and "a" one string */
  if (eq(a, b)) return true;
  str x, y;
  if (*a.ptr == '"') return *b.ptr == '"' && j_str(a, &x) && j_str(b, &y) && eq(x, y);
  bool numbers = (*a.ptr == '-' || (*a.ptr >= '0' && *a.ptr <= '9')) && (*b.ptr == '-' || (*b.ptr >= '0' && *b.ptr <= '9'));
  if (!numbers) return false;
  number m = number_of(a), n = number_of(b);
  return m.exact && n.exact && m.minus == n.minus && m.exponent == n.exponent && eq(done(&m.digits), done(&n.digits));
}

typedef struct path { const struct path *up; str name; size_t index; } path; /* an index if name.ptr is 0 */
typedef struct { buf out; size_t count; bool quiet; } patch; /* quiet: only whether there is a difference */

static void put_pointer(buf *b, const path *at) {
  if (!at->up) return; /* the root */
  put_pointer(b, at->up);
  putc_(b, '/');
  if (!at->name.ptr) { putu(b, at->index); return; }
  for (size_t i = 0; i < at->name.len; i++) {
    char c = at->name.ptr[i];
    if (c == '~') puts_(b, S("~0"));
    else if (c == '/') puts_(b, S("~1"));
    else putc_(b, c);
  }
}

static void operation(patch *to, str op, const path *at, str value) {
  if (to->count++ && !to->quiet) putc_(&to->out, ',');
  if (to->quiet || to->out.n > MAX_OUTPUT) return;
  buf pointer = { 0 };
  put_pointer(&pointer, at);
  puts_(&to->out, S("{\"op\":\"")), puts_(&to->out, op);
  puts_(&to->out, S("\",\"path\":")), put_json(&to->out, done(&pointer));
  if (value.len) puts_(&to->out, S(",\"value\":")), puts_(&to->out, value);
  putc_(&to->out, '}');
}

static void diff(patch *to, str a, str b, const path *at);

static bool same(str a, str b) {
  uintptr_t mark = tark_top; /* what a comparison allocates is given back: it returns only whether */
  patch quiet = { .quiet = true };
  path root = { 0 };
  diff(&quiet, a, b, &root);
  tark_top = mark;
  return !quiet.count;
}

static void diff_arrays(patch *to, str a, str b, const path *at) {
  items x = items_of(a), y = items_of(b);
  size_t start = 0, end = 0, least = x.n < y.n ? x.n : y.n;
  if (to->quiet) { /* each item once: what follows compares some twice, which doubles at each depth */
    to->count += x.n != y.n;
    for (size_t i = 0; i < least && !to->count; i++) diff(to, x.at[i], y.at[i], at);
    return;
  }
  while (start < least && same(x.at[start], y.at[start])) start++;
  while (end < least - start && same(x.at[x.n - 1 - end], y.at[y.n - 1 - end])) end++;
  for (size_t i = start; i < least - end; i++)
    diff(to, x.at[i], y.at[i], &(path){ at, { 0 }, i });
  /* from the end, so that no removal moves what the next one names */
  for (size_t i = x.n - end; i > least - end; i--) operation(to, S("remove"), &(path){ at, { 0 }, i - 1 }, S(""));
  for (size_t i = least - end; i < y.n - end; i++) operation(to, S("add"), &(path){ at, { 0 }, i }, y.at[i]);
}

static void diff_objects(patch *to, str a, str b, const path *at) {
  members x = sorted(members_of(a)), y = sorted(members_of(b));
  for (size_t i = 0, j = 0; (i < x.n || j < y.n) && !(to->quiet && to->count);) {
    int by = i == x.n ? 1 : j == y.n ? -1 : order(x.at[i].name, y.at[j].name);
    path here = { at, by > 0 ? y.at[j].name : x.at[i].name, 0 };
    if (by < 0) operation(to, S("remove"), &here, S(""));
    else if (by > 0) operation(to, S("add"), &here, y.at[j].value);
    else diff(to, x.at[i].value, y.at[j].value, &here);
    i += by <= 0, j += by >= 0;
  }
}

static void diff(patch *to, str a, str b, const path *at) {
  if (*a.ptr == '[' && *b.ptr == '[') diff_arrays(to, a, b, at);
  else if (*a.ptr == '{' && *b.ptr == '{') diff_objects(to, a, b, at);
  else if (*a.ptr == '[' || *a.ptr == '{' || !same_scalar(a, b)) operation(to, S("replace"), at, b);
}

/* ------------------------------------------------------------------ plugin */
tool_list plugin_get_tools(void) { return (tool_list){ TOOLS, sizeof TOOLS / sizeof *TOOLS }; }

int plugin_get_risk_level(str tool) {
  for (size_t i = 0; i < sizeof TOOLS / sizeof *TOOLS; i++)
    if (eq(tool, TOOLS[i].name)) return RISK_READ_ONLY;
  return RISK_DANGEROUS;
}

static str why; /* of the last argument that could not be read */
static str json_argument(str args, str name) {
  str text, value = J_NONE;
  if (!j_str(j_get(args, name), &text)) why = cat(S("missing \""), name, S("\""));
  else if (!(value = j_parse(text)).len)
    why = cat(S("\""), name, S("\" is not a JSON text, or is nested more than 64 deep"));
  return value;
}

tool_result plugin_execute(str tool, str arguments) {
  str args = j_parse(arguments), pointer;
  if (!args.len) return fail(S("the arguments are not JSON"));
  if (eq(tool, S("json-query"))) {
    str value = json_argument(args, S("json"));
    if (!value.len) return fail(why);
    return j_str(j_get(args, S("pointer")), &pointer) ? query(value, pointer) : fail(S("missing \"pointer\""));
  }
  if (eq(tool, S("json-format"))) {
    writer w = { .indent = 2, .sort = eq(j_get(args, S("sort")), S("true")) };
    str value = json_argument(args, S("json")), indent = j_get(args, S("indent"));
    if (!value.len) return fail(why);
    if (indent.len && (!j_u64(indent, &w.indent) || w.indent > MAX_INDENT)) return fail(S("expected an indent of 0 to 8"));
    format(&w, value, 0);
    return w.out.n > MAX_OUTPUT ? fail(S("the result is larger than 4 MiB; use a smaller indent")) : ok(&w.out);
  }
  if (eq(tool, S("json-diff"))) {
    str before = json_argument(args, S("before"));
    str after = before.len ? json_argument(args, S("after")) : J_NONE;
    if (!after.len) return fail(why);
    patch found = { 0 };
    putc_(&found.out, '[');
    diff(&found, before, after, &(path){ 0 });
    putc_(&found.out, ']');
    return found.out.n > MAX_OUTPUT ? fail(S("the patch is larger than 4 MiB")) : ok(&found.out);
  }
  return fail(cat(S("unknown tool: "), tool));
}
