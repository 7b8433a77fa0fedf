"""What ended the plugin's own Python while componentize-py 0.25 built it, in the words it printed."""

import pytest

from tarkpm.toolchains.python import explained, raised, unexported

LAUNCHER = (
    "Traceback (most recent call last):",
    '  File "/tools/bin/componentize-py", line 8, in <module>',
    "    sys.exit(script())",
    "             ^^^^^^^^",
)


def test_a_syntax_error_of_the_source() -> None:
    said = (
        'AssertionError:   File "/0/plugin.py", line 26',
        "    def f(:",
        "          ^",
        "SyntaxError: invalid syntax",
        "Caused by:",
        "    SyntaxError: invalid syntax (plugin.py, line 26)",
    )
    assert raised((*LAUNCHER, *said)) == (
        "plugin.py:26: SyntaxError: invalid syntax",
        ('  File "plugin.py", line 26', "    def f(:", "          ^"),
    )


def test_one_of_a_module_that_it_imports() -> None:
    said = (
        "AssertionError: Traceback (most recent call last):",
        '  File "/0/plugin.py", line 26, in <module>',
        "    import other",
        '  File "/0/lib/other.py", line 2',
        "    return",
        "    ^^^^^^",
        "SyntaxError: 'return' outside function",
        "Caused by:",
        "    SyntaxError: 'return' outside function (other.py, line 2)",
    )
    found = raised((*LAUNCHER, *said))
    assert found is not None
    assert found[0] == "lib/other.py:2: SyntaxError: 'return' outside function"
    assert found[1][0] == "Traceback (most recent call last):"
    assert '  File "lib/other.py", line 2' in found[1]


def test_a_class_that_is_missing_or_incomplete() -> None:
    for text in (
        "AttributeError: module 'plugin' has no attribute 'ToolPlugin'",
        "TypeError: Can't instantiate",
    ):
        assert raised((*LAUNCHER, f"AssertionError: {text}", "Caused by:", f"    {text}")) == (text, ())


def test_output_of_another_kind() -> None:
    assert raised(()) is None
    assert raised(("error: no such option", *LAUNCHER)) is None


METHODS = "    def events(self): ...\n"


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        (f"class HookPlugin:\n    'words'\n{METHODS}    def handle(self, a, b): ...\n", ""),
        (f"class HookPlugin:\n{METHODS}", "HookPlugin.handle"),
        ("class HookPlugin: pass\n", "HookPlugin.events"),
        # what componentize-py tells, or nobody can
        (f"class HookPlugin(exports.HookPlugin):\n{METHODS}", ""),
        (f"@complete\nclass HookPlugin:\n{METHODS}", ""),
        (f"class HookPlugin:\n{METHODS}    handle = other\n", ""),
        (f"class HooksPlugin:\n{METHODS}", ""),
        ("class HookPlugin(:\n", ""),
    ],
)
def test_a_method_that_is_missing(source: str, missing: str) -> None:
    assert unexported(source.encode(), "hook") == missing


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        (
            "ImportError: cannot import name 'http' from 'wit_world.imports' (/world/wit_world/imports/__init__.py)",
            "plugin.py:6: the source imports 'http', which plugin.toml does not declare",
            'under [capabilities], write http = ["api.example.com"]',
        ),
        (
            "ModuleNotFoundError: No module named 'wit_world.imports.filesystem'",
            "plugin.py:6: the source imports 'filesystem', which plugin.toml does not declare",
            'under [capabilities], write filesystem = ["docs/:ro"]',
        ),
        (
            "ImportError: cannot import name 'htpp' from 'wit_world.imports' (x)",
            "plugin.py:6: the source imports 'htpp', which is not an interface of tark; did you mean 'http'?",
            "tarkpm wit",
        ),
        (
            "ModuleNotFoundError: No module named 'wit_world.exports.hook_plugin'",
            "plugin.py:6: the source is a plugin of type 'hook', but plugin.toml says 'tool'",
            'under [plugin], write type = "hook"',
        ),
    ],
)
def test_what_is_not_in_the_world_of_the_plugin(said: str, message: str, hint: str) -> None:
    assert explained(f"plugin.py:6: {said}", "tool") == (message, hint)


@pytest.mark.parametrize("said", ["ModuleNotFoundError: No module named 'requests'", "ValueError: wit_world"])
def test_other_exceptions_stay_as_they_are(said: str) -> None:
    assert explained(f"plugin.py:6: {said}", "tool") is None
