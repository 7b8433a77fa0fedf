/* git-helper: status, log and diff of the workspace's repository. It only reads, and it passes git no option
   that a caller wrote. */
#define TARK_TOOL
#include "tark.h"

#define MAX_OUTPUT (64u << 10) /* what a model can read; a diff may have megabytes */
#define MAX_ERROR 500
#define MAX_PATHS 100
#define MAX_ARGUMENTS (MAX_PATHS + 64)
#define TIMEOUT_MS 20000

#define TEXT(says) "{\"type\":\"string\",\"description\":\"" says "\"}"
#define PATHS "\"paths\":{\"type\":\"array\",\"maxItems\":100,\"items\":{\"type\":\"string\"}}"
#define OBJECT(properties) S("{\"type\":\"object\",\"properties\":{" properties "},\"additionalProperties\":false}")

static const tool_def TOOLS[] = {
  { S("git-status"), S("Show the branch and the changed files of the workspace"), OBJECT(PATHS) },
  { S("git-log"), S("List commits: hash, date, author and subject"),
    OBJECT("\"revision\":" TEXT("such as main, HEAD~3 or v1.0..HEAD") "," PATHS
           ",\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":200,\"default\":20}") },
  { S("git-diff"), S("Show what changed: in the working tree, staged, or between revisions"),
    OBJECT("\"revision\":" TEXT("such as HEAD, or main..topic") ",\"staged\":{\"type\":\"boolean\",\"default\":false}"
           ",\"stat\":{\"type\":\"boolean\",\"default\":false,\"description\":\"only which files, and how much\"}," PATHS) },
};

/* The settings of a repository can name programs. These are the ones that git would run for what is asked
   here; README.md says which ones are left. */
static const str GIT[] = {
  S("git"), S("--no-pager"), S("--no-optional-locks"), S("--literal-pathspecs"),
  S("-c"), S("core.fsmonitor=false"), S("-c"), S("core.hooksPath=/dev/null"),
  S("-c"), S("log.showSignature=false"), S("-c"), S("protocol.allow=never"),
  S("-c"), S("safe.bareRepository=explicit"), S("-c"), S("color.ui=false"),
};
static const str STATUS[] = {
  S("status"), S("--short"), S("--branch"), S("--ignore-submodules=all"), S("--"),
};
static const str LOG[] = {
  S("log"), S("--no-show-signature"), S("--no-mailmap"), S("--date=iso-strict"), S("--format=%h %ad %an: %s"),
};
static const str DIFF[] = {
  S("diff"), S("--no-ext-diff"), S("--no-textconv"), S("--ignore-submodules=all"),
};

static tool_result fail(str why) { return (tool_result){ false, S(""), { true, why } }; }

typedef struct { str at[MAX_ARGUMENTS]; size_t n; } arguments;
#define ADD(to, list) add_all(to, list, sizeof list / sizeof *list)
static void add(arguments *to, str one) {
  if (to->n == MAX_ARGUMENTS) __builtin_trap();
  to->at[to->n++] = one;
}
static void add_all(arguments *to, const str *list, size_t n) {
  for (size_t i = 0; i < n; i++) add(to, list[i]);
}

/* A name, a hash or a range: nothing that is an option, and no "revision:path", which no pathspec limits. */
static bool is_revision(str text) {
  if (!text.len || text.len > 200 || *text.ptr == '-') return false;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i], low = c | 32;
    bool plain = (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9');
    if (!plain && c != '.' && c != '_' && c != '/' && c != '-' && c != '~' && c != '^' && c != '@') return false;
  }
  return true;
}

/* Inside of the workspace, which may be a folder of a larger repository. */
static bool is_inside(str path) {
  if (!path.len || *path.ptr == '/') return false;
  for (size_t i = 0, start = 0; i <= path.len; i++) {
    if (i < path.len && path.ptr[i] != '/') continue;
    if (i - start == 2 && path.ptr[start] == '.' && path.ptr[start + 1] == '.') return false;
    start = i + 1;
  }
  return true;
}

static str add_paths(arguments *to, str args) { /* what is wrong with them, or nothing */
  str item, path, paths = j_get(args, S("paths"));
  size_t n = 0;
  for (j_iter it = j_items(paths); it.p && j_next(&it, &item); n++) {
    if (n == MAX_PATHS) return S("expected at most 100 paths");
    if (!j_str(item, &path) || !is_inside(path)) return cat(S("expected a path inside the workspace, found "), item);
    add(to, path);
  }
  if (!n) add(to, S("."));
  return S("");
}

static str add_revision(arguments *to, str args) {
  str revision, value = j_get(args, S("revision"));
  if (value.len && (!j_str(value, &revision) || !is_revision(revision)))
    return cat(S("expected a revision such as main, HEAD~3 or v1.0..HEAD, found "), value);
  if (value.len) add(to, revision);
  add(to, S("--"));
  return S("");
}

static str start_of(str text, size_t most) { /* without a part of a character at its end */
  if (text.len <= most) return text;
  while (most && (text.ptr[most] & 0xc0) == 0x80) most--;
  return (str){ text.ptr, most };
}

static tool_result run(const arguments *git) {
  shell_result ran = shell_run(git->at, git->n, TIMEOUT_MS);
  if (ran.err) return fail(cat(S("git: "), ran.error));
  if (ran.ok.exit_code) {
    str said = start_of(ran.ok.err, MAX_ERROR);
    while (said.len && said.ptr[said.len - 1] == '\n') said.len--;
    return fail(said.len ? said : S("git failed, and did not say why"));
  }
  str out = start_of(ran.ok.out, MAX_OUTPUT);
  buf b = { 0 };
  puts_(&b, out);
  if (out.len < ran.ok.out.len)
    puts_(&b, S("\n… ")), putu(&b, ran.ok.out.len - out.len), puts_(&b, S(" bytes more: name paths to see less"));
  return (tool_result){ true, done(&b), { false, S("") } };
}

static bool is_true(str args, str name) { return eq(j_get(args, name), S("true")); }

tool_list plugin_get_tools(void) { return (tool_list){ TOOLS, sizeof TOOLS / sizeof *TOOLS }; }

int plugin_get_risk_level(str tool) {
  /* They change nothing, but git may run what the settings of a stranger's repository name. */
  for (size_t i = 0; i < sizeof TOOLS / sizeof *TOOLS; i++)
    if (eq(tool, TOOLS[i].name)) return RISK_RISKY;
  return RISK_DANGEROUS;
}

tool_result plugin_execute(str tool, str text) {
  str args = j_parse(text), wrong = S("");
  if (!args.len) return fail(S("the arguments are not JSON"));
  arguments git = { .n = 0 };
  ADD(&git, GIT);
  if (eq(tool, S("git-status"))) ADD(&git, STATUS);
  else if (eq(tool, S("git-log"))) {
    uint64_t limit = 20;
    str value = j_get(args, S("limit"));
    if (value.len && (!j_u64(value, &limit) || !limit || limit > 200)) return fail(S("expected a limit of 1 to 200"));
    buf b = { 0 };
    puts_(&b, S("--max-count=")), putu(&b, limit);
    ADD(&git, LOG);
    add(&git, done(&b));
    wrong = add_revision(&git, args);
  } else if (eq(tool, S("git-diff"))) {
    ADD(&git, DIFF);
    if (is_true(args, S("staged"))) add(&git, S("--cached"));
    if (is_true(args, S("stat"))) add(&git, S("--stat"));
    wrong = add_revision(&git, args);
  } else return fail(cat(S("unknown tool: "), tool));
  if (!wrong.len) wrong = add_paths(&git, args);
  return wrong.len ? fail(wrong) : run(&git);
}
