"""What an author types to test a plugin: `tarkpm test` and the files it reads (docs/sdk/testing.md)."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from support import older, wat
from support.sandbox import PLUGINS, Sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "sdk" / "testing.md").read_text()


class Author:
    """Somebody with a plugin, who writes cases for it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.folder = sandbox.cwd / "mine"

    def takes(self, name: str) -> "Author":
        """Begin with a copy of an example plugin."""
        shutil.copytree(PLUGINS / name, self.folder, ignore=shutil.ignore_patterns("tests"))
        return self

    def reaches(self, capabilities: str) -> "Author":
        """Begin with a plugin whose tools are host calls."""
        self.sandbox.plugin(self.folder, wasm=wat.reaching_tool(), capabilities=capabilities)
        return self

    def case(self, text: str, name: str = "a") -> "Author":
        """Write a case."""
        (self.folder / "tests").mkdir(exist_ok=True)
        (self.folder / "tests" / f"{name}.toml").write_text(text)
        return self

    def passes(self) -> None:
        """Run all cases, which must pass."""
        result = self.sandbox.run("test", self.folder)
        assert result.status == 0, result.out + result.err

    def fails(self, *texts: str) -> Any:
        """Run the only case, which must fail and say each of the texts; returns the case's document."""
        said = self.sandbox.run("test", self.folder).failed(1, *texts)
        assert said.err == ""
        (case,) = self.sandbox.run("test", self.folder, "--json").failed(1).json["cases"]
        return case


@pytest.fixture
def author(sandbox: Sandbox) -> Author:
    return Author(sandbox)


def test_a_tool_s_result_is_compared(author: Author) -> None:
    author.takes("text-tools")
    call = 'call = "text-stats"\narguments = { text = "a b" }\n[expect]\n'
    for name, expected in enumerate(
        (
            "result = { words = 2, chars = 3, lines = 1 }",
            'result = \'{"chars":3,"words":2,"lines":1}\'',
            "contains = { words = 2 }",
            "contains = 'words'",
            "",
        )
    ):
        author.case(call + expected, str(name))
    said = author.sandbox.run("test", cwd=author.folder).ok()
    assert re.fullmatch(r"\.{5}\n5 passed in \d\.\d\d s\n", said.out)
    assert said.err.startswith("note: tests/4.toml has no [expect]")
    assert said.err.count("note: ") == 1
    assert "1 passed" in author.sandbox.run("test", author.folder, "-k", "3").ok().out


def test_what_a_case_cannot_be_for_this_plugin(author: Author) -> None:
    author.takes("text-tools").case("auth = 'status'").fails(
        "expected a case for type 'tool', as the plugin is"
    )
    author.case('call = "text-stats"\nargs = {}').fails(
        "'args' is not a known key; did you mean 'arguments'?"
    )
    author.sandbox.run("test", "nowhere").failed(2, "create one: tarkpm new my-plugin --lang c")


def test_a_failed_case_shows_the_difference_and_what_was_asked(author: Author) -> None:
    author.takes("text-tools").case(
        'call = "text-stats"\narguments = { text = "a b" }\n[expect]\nresult = { words = 3, chars = 3, lines = 1 }'
    )
    case = author.fails(
        "F\n\nFAILED tests/a.toml\nthe result differs\n",
        '  -  "words": 3\n  +  "words": 2\n',
        'host calls:\n  log.debug("text-stats") -> null\nlog:\n  debug: text-stats\n\n1 failed in ',
    )
    assert set(case) == {"case", "passed", "seconds", "mismatches", "host_calls", "log"}
    for expected in ("result = true", "contains = { words = true }", 'error = "no"', "result = [1]"):
        author.case(f'call = "text-stats"\narguments = {{ text = "a b" }}\n[expect]\n{expected}').fails(
            "1 failed"
        )


def test_errors_are_expected_by_a_part_of_their_message(author: Author) -> None:
    author.takes("text-tools")
    author.case('call = "nothing"\n[expect]\nerror = "unknown tool"')
    author.case('call = "text-stats"\narguments = { text = 1 }\n[expect]\nerror = "is not of type"', "b")
    author.case('call = "text-stats"\narguments = "{"\n[expect]\nerror = "are not JSON"', "c")
    author.passes()
    for name in "bc":
        (author.folder / "tests" / f"{name}.toml").unlink()
    author.case('call = "nothing"\n[expect]\nerror = "unkown"').fails(
        "the error does not contain what is expected", "-unkown", "+unknown"
    )
    author.case('call = "nothing"').fails("failed: unknown tool: nothing")


def test_files_storage_clock_randomness_and_programs_are_the_case_s(author: Author) -> None:
    author.reaches('filesystem = ["notes/", "out.txt"]\nshell = true')
    author.case(
        'call = "r"\narguments = "notes/a.md"\n[files]\n"notes/a.md" = "hi"\n[expect]\nresult = "hi"', "r"
    )
    author.case('call = "w"\narguments = "new"\n[expect.files]\n"out.txt" = "new"', "w")
    author.case('call = "n"\nclock = 2026-03-01T12:00:00Z\n[expect]\nresult = 1772366400000', "n")
    author.case('call = "m"\nclock = 5\n[expect]\nresult = 0', "m")
    author.case('call = "x"\nrandom = 7\n[expect]\nresult = 13843580208951234567', "x")
    author.case(
        'call = "s"\narguments = "date"\n[shell.date]\nstdout = "today"\n[expect]\nresult = "today"', "s"
    )
    (author.folder / "tests" / "x.toml").unlink()
    author.passes()
    (author.folder / "tests" / "r.toml").rename(author.folder / "tests" / "a.toml")
    for name in "wnms":
        (author.folder / "tests" / f"{name}.toml").unlink()
    author.case('call = "s"\narguments = "date"').fails("the case has no answer for the program date")
    author.case('call = "w"\narguments = "x"\n[expect.files]\n"out.txt" = "y"').fails(
        "'out.txt' differs", "-y", "+x"
    )


def test_what_must_not_be_there_afterwards(author: Author) -> None:
    call = 'call = "save-note"\narguments = { key = "b", text = "new" }\n'
    author.takes("text-tools").case(
        call + '[expect.files]\n"a.txt" = false\n[expect.storage]\n"note:a" = false'
    )
    author.passes()
    author.case(call + '[files]\n"a.txt" = "x"\n[expect.files]\n"a.txt" = false').fails(
        "the file 'a.txt' exists"
    )
    author.case(call + '[expect.storage]\n"note:b" = false').fails("the storage has the key 'note:b'")
    author.case(call + '[expect.storage]\n"note:b" = true')
    said = author.sandbox.run("test", author.folder)
    assert said.status != 0
    assert "expected a text, or false for what must not exist, found true" in said.out + said.err
    assert "expect.storage" in said.out + said.err


def test_randomness_is_the_same_in_each_run(author: Author) -> None:
    author.reaches("").case('call = "x"\nrandom = 7\n[expect]\nresult = 0')
    first, again = (author.fails()["mismatches"] for _ in range(2))
    assert first == again
    assert author.case('call = "x"\nrandom = 8\n[expect]\nresult = 0').fails()["mismatches"] != first


def test_storage_before_and_after(author: Author) -> None:
    author.takes("text-tools")
    author.case(
        'call = "save-note"\narguments = { key = "b", text = "new" }\n'
        '[storage]\n"note:a" = "old"\n[expect]\ncontains = "2"\n[expect.storage]\n"note:a" = "old"\n"note:b" = "new"'
    )
    author.passes()
    assert not (author.sandbox.data / "data").exists()


def test_what_must_be_refused(author: Author) -> None:
    author.reaches('filesystem = ["notes/:ro"]')
    author.case('call = "r"\narguments = "secret"\n[expect]\nrefused = "filesystem:secret:ro"', "a")
    author.case('call = "s"\narguments = "rm"\n[expect]\nrefused = ["shell"]\nerror = "not granted"', "b")
    author.case('call = "l"\narguments = "notes"\ngrant = []\n[expect]\nrefused = "filesystem:notes/"', "c")
    author.passes()
    for name in "bc":
        (author.folder / "tests" / f"{name}.toml").unlink()
    author.case(
        'call = "r"\narguments = "notes/a"\n[files]\n"notes/a" = "x"\n[expect]\nrefused = "shell"'
    ).fails("expected 'shell' to be asked for and refused, found nothing")
    author.case('call = "n"\ngrant = ["shell"]').fails("tests/a.toml:2: grant: 'shell' is not declared")


def test_a_provider_answers_from_canned_requests(author: Author) -> None:
    author.takes("openai-compat").case(
        'chat = { prompt = "Hi", system = "Be brief.", model = "m" }\n[env]\nOPENAI_API_KEY = "k"\n'
        '[http."POST https://api.openai.com/v1/chat/completions"]\n'
        'json = { choices = [{ message = { role = "assistant", content = "Hello." } }] }\n[expect]\nresult = "Hello."'
    )
    author.passes()
    author.case('chat = { prompt = "Hi", model = "m" }').fails(
        "the case has no answer for POST https://api.openai.com/v1/chat/completions"
    )
    author.case(
        'chat = { prompt = "Hi", model = "m" }\n[env]\nOPENAI_BASE_URL = "https://evil.example"\n'
        '[http."https://evil.example/v1/chat/completions"]\n[expect]\n'
        'refused = "http:evil.example"\nerror = "is not granted"'
    ).passes()


def test_what_is_sent_is_compared(author: Author) -> None:
    author.takes("openai-compat")
    text = (
        'chat = {{ prompt = "Hi", model = "m" }}\n[env]\nOPENAI_API_KEY = "k"\n'
        '[http."https://api.openai.com/v1/chat/completions"]\n{}\nstatus = 500\n[expect]\nerror = "HTTP 500"'
    )
    author.case(text.format('sent = { model = "m" }\nsent_headers = { Authorization = "Bearer k" }')).passes()
    author.case(text.format('sent = { model = "n" }')).fails(
        "POST https://api.openai.com/v1/chat/completions was not sent with the expected body",
        '-  "model": "n"',
    )
    author.case(text.format('sent_headers = { authorization = "Bearer x" }')).fails(
        "was not sent with the expected header 'authorization'", "-Bearer x", "+Bearer k"
    )


@pytest.mark.parametrize("name", ["text-tools", "device-auth", "openai-compat", "session-guard"])
def test_the_example_plugins_pass_their_own_cases(sandbox: Sandbox, name: str) -> None:
    assert "failed" not in sandbox.run("test", PLUGINS / name).ok().out


def test_an_auth_plugin_and_a_hook(author: Author) -> None:
    author.takes("device-auth")
    env = '[env]\nDEVICE_AUTH_CLIENT_ID = "me"\n'
    author.case('auth = "status"\n[storage]\naccess_token = "t"\n[expect]\nresult = "authenticated"', "a")
    author.case(
        f'auth = {{ poll = "c" }}\n{env}[http."https://auth.example.com/token"]\njson = {{ access_token = "t" }}\n'
        '[expect]\ncontains = { state = "success" }\n[expect.storage]\naccess_token = "t"',
        "b",
    )
    author.case('auth = "token"\n[expect]\nerror = "not authenticated"', "c")
    author.passes()
    shutil.rmtree(author.folder)
    author.takes("session-guard")
    author.case(
        'hook = { event = "prompt", payload = { text = "hi" } }\n[expect]\nresult = { text = "hi", guarded = true }'
    )
    author.case(
        'hook = { event = "before-tool", payload = { plugin = "x", tool = "y" } }\n[expect]\nerror = "x"', "b"
    )
    author.case('hook = { event = "nope" }\n[expect]\nerror = "does not handle the event"', "c")
    author.passes()


def test_each_case_has_an_instance_of_its_own_and_keeps_its_order(author: Author) -> None:
    author.takes("text-tools")
    for number in range(8):
        author.case(f'call = "save-note"\narguments = {{ key = "{number}", text = "x" }}\n'
                    '[expect]\ncontains = "1"', f"case-{number}")  # fmt: skip
    found = author.sandbox.run("test", author.folder, "--json").ok().json
    assert [one["case"] for one in found["cases"]] == [f"tests/case-{number}.toml" for number in range(8)]
    assert found["passed"] == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("call = \n", "tests/a.toml: not valid TOML: invalid value (at line 1, column 8)"),
        ('call = "x"\n[expct]', "tests/a.toml:2: expct: 'expct' is not a known key; did you mean 'expect'?"),
        ('call = "x"\n[expect]\nresut = 1', "tests/a.toml:3: expect.resut: 'resut' is not a known key"),
        (
            'call = "x"\n[http."https://a.example/"]\nstatu = 1',
            "a.toml:3: http.https://a.example/.statu: 'statu'",
        ),
        (
            'call = "x"\n[http."ftp://a"]',
            "tests/a.toml:2: http.ftp://a: expected a URL like https://host/path",
        ),
        ('call = "x"\n[http."PUT https://a.example/"]', "expected GET or POST, found 'PUT'"),
        (
            'call = "x"\n[http."https://a.example/"]\nstatus = 99',
            "expected a status from 100 to 599, found 99",
        ),
        ('call = "x"\n[http]\n"https://a.example/" = []', "expected an answer, found an empty list"),
        ('call = "x"\nclock = -1', "tests/a.toml:2: clock: expected a number from 0 to"),
        (
            'call = "x"\n[shell.a]\nexit_code = 4000000000',
            "a.toml:3: shell.a.exit_code: expected a number from",
        ),
        (f'call = "x"\n[storage]\n"{"k" * 2000}" = ""', "the key is 2,000 bytes long"),
        ("call = 1", "tests/a.toml:1: call: expected a string, found an integer"),
        (
            "[expect]\nresult = 1",
            "tests/a.toml: expected one of call, chat, hook, auth and channel, found none",
        ),
        ('call = "x"\nauth = "status"', "found call and auth"),
        ('auth = "sttus"', "tests/a.toml:1: auth: expected one of name, status"),
        (
            'call = "x"\narguments = { a = 2026-01-01 }',
            "tests/a.toml:2: arguments: expected a value that JSON has",
        ),
        (
            'call = "x"\n[expect]\nresult = nan',
            "tests/a.toml:3: expect.result: expected a value that JSON has",
        ),
        (
            'call = "x"\n[expect]\nrefused = "htp:x"',
            "tests/a.toml:3: expect.refused: expected one of storage",
        ),
        (
            'call = "x"\n[shell."a \'"]\nstdout = ""',
            "tests/a.toml:2: shell.a ': expected words as in a shell",
        ),
        ('call = "x"\n[expect]\nerror = ""', "tests/a.toml:3: expect.error: expected a value"),
        ('call = "x"\n[files]\n"../x" = ""', "tests/a.toml:3: files.../x: a path with an empty part"),
        ('call = "x"\n[files]\n"a" = ""\n"a/b" = ""', "tests/a.toml:4: files.a/b: cannot be written"),
        ('call = "x"\n[files]\n"/etc/x" = ""', "expected a path relative to the workspace"),
    ],
)
def test_a_bad_case_is_a_failure_with_its_place(author: Author, text: str, message: str) -> None:
    author.takes("text-tools").case(text).fails(message)


def test_a_test_of_nothing_does_not_pass(author: Author) -> None:
    author.takes("text-tools")
    author.sandbox.run("test", author.folder).failed(2, "there is no case in tests/*.toml")
    author.case('call = "x"')
    author.sandbox.run("test", author.folder, "-k", "nope").failed(2, "no case has 'nope' in its name")
    author.sandbox.run("test", "nothing").failed(2, "there is no such folder")


def test_every_key_of_the_page_is_one_and_the_other_way_round() -> None:
    from msgspec.structs import fields

    from tarkpm.core.case import CannedAnswer, CannedRun, Case, Expected

    for shape in (Case, Expected, CannedAnswer, CannedRun):
        for field in fields(shape):
            assert re.search(rf"[`\[.]{field.name}\b", PAGE), field.name


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ('"start"', "expected one of info, status, poll, logout"),
        ("{ }", "expected one of send, authenticate and event, found none"),
        ("{ event = {}, authenticate = {} }", "found 2"),
        ('{ send = { conversation_id = "c" } }', "text"),
    ],
)
def test_a_channel_s_call_that_is_none(author: Author, asked: str, said: str) -> None:
    shutil.copytree(older.FOLDER / "discord", author.folder)
    author.case(f"channel = {asked}\n").fails(said)


def test_a_channel_is_asked_as_by_hand(author: Author) -> None:
    """The calls of `tarkpm channel`, as far as they need no WebSocket."""
    shutil.copytree(older.FOLDER / "discord", author.folder)
    author.case('channel = "info"\n[expect]\ncontains = { id = "discord" }\n', "info")
    author.case('channel = "status"\n[expect]\nresult = "not-authenticated"\n', "status")
    author.case(
        'channel = { authenticate = { bot_token = "b" } }\n[env]\nDISCORD_PUBLIC_KEY = "pk"\n[expect]\nresult = "authenticated"\n',
        "authenticate",
    )
    author.case('channel = "poll"\n[expect]\nresult = []\n', "poll")
    author.case(
        'channel = { send = { conversation_id = "c-1", text = "hi" } }\n[expect]\nerror = "no valid send token"\n',
        "send",
    )
    author.passes()
