"""The options that go with the URL of a repository."""

import functools
from collections.abc import Callable
from typing import Any

import click

_REF = [
    click.option(
        "--tag", default="", metavar="TAG", help="The release at TAG, or at the newest tag in a range."
    ),
    click.option("-b", "--branch", default="", metavar="BRANCH", help="The head of BRANCH."),
    click.option("--rev", default="", metavar="COMMIT", help="The release at COMMIT (40 hex digits)."),
    click.option("--path", default="", metavar="DIR", help="The plugin's folder in the repository."),
]
source_url = click.option(
    "--source",
    "source_url",
    default="",
    metavar="URL",
    help="Name HEAD of this repository, as others fetch it from URL, as the source of the release.",
)


def git_ref(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that go with the URL of a repository; the command receives them as ``ref``."""

    @functools.wraps(function)
    def wrapper(*args: Any, tag: str, branch: str, rev: str, path: str, **rest: Any) -> Any:
        from tarkpm.ops.change.source_args import GitRef

        return function(*args, ref=GitRef(tag, branch, rev, path), **rest)

    for option in reversed(_REF):
        wrapper = option(wrapper)
    return wrapper
