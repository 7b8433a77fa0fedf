"""The bindings for C: the functions of tark.h that no example plugin calls, built and tested as an author does."""

from support.sandbox import Sandbox

SOURCE = r"""
#define TARK_TOOL
#include "tark.h"

static const tool_def TOOLS[] = { { S("every"), S("d"), S("{}") } };
tool_list plugin_get_tools(void) { return (tool_list){ TOOLS, 1 }; }
int plugin_get_risk_level(str tool) { (void)tool; return RISK_RISKY; }

static void put_entry(buf *b, fs_entry e) {
  puts_(b, e.name), putc_(b, ' '), putu(b, e.kind), putc_(b, ' '), putu(b, e.size), putc_(b, ';');
}
tool_result plugin_execute(str tool, str args) {
  (void)tool, (void)args;
  buf b = { 0 };
  if (filesystem_write(S("notes/new.md"), S("h\u00e9llo")).err) return (tool_result){ 0 };
  puts_(&b, filesystem_read(S("notes/new.md")).val);
  fs_list_result list = filesystem_list(S("notes"));
  for (size_t i = 0; !list.err && i < list.ok.len; i++) put_entry(&b, list.ok.ptr[i]);
  put_entry(&b, filesystem_stat(S("notes")).ok);
  puts_(&b, filesystem_stat(S("notes/none")).error);
  putu(&b, filesystem_list(S("notes/none")).err);
  putu(&b, filesystem_remove(S("notes/new.md")).err + filesystem_remove(S("notes/new.md")).err);
  str log[] = { S("git"), S("log") };
  shell_result ran = shell_run_in(log, 2, (opt_str){ true, S("in") }, (opt_str){ true, S("notes") }, 9);
  putu(&b, ran.ok.exit_code), puts_(&b, ran.ok.out), puts_(&b, ran.ok.err);
  puts_(&b, shell_run(log, 1, 0).ok.out);
  putc_(&b, ' '), putu(&b, clock_now()), putu(&b, clock_monotonic() < 1000);
  putu(&b, random_number() != random_number()), putu(&b, random_bytes(9).len);
  return (tool_result){ .success = true, .output = done(&b) };
}
"""
MANIFEST = """
[plugin]
name = "every"
version = "0.1.0"
type = "tool"
[capabilities]
filesystem = ["notes/"]
shell = true
"""
EVERY = """
call = "every"
clock = 1700000000123
[files]
"notes/old.md" = ""
[shell."git log"]
exit_code = 3
stdout = "out,"
stderr = "err,"
[shell.git]
stdout = "plain"
[expect]
result = "h\u00e9llonew.md 0 6;old.md 0 0;notes 1 0;does not exist113out,err,plain 1700000000123119"
"""


def test_functions_that_no_example_calls(sandbox: Sandbox) -> None:
    folder = sandbox.cwd / "every"
    (folder / "tests").mkdir(parents=True)
    for name, text in (("plugin.c", SOURCE), ("plugin.toml", MANIFEST), ("tests/every.toml", EVERY)):
        (folder / name).write_text(text)
    sandbox.run("build", cwd=folder).ok()
    sandbox.run("test", cwd=folder).ok()
