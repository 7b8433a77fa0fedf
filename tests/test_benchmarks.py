"""What the benchmarks run in other processes exists here: a module that was renamed must not be found later."""

from benchmarks import keeping


def test_what_the_floor_of_accept_imports_exists() -> None:
    exec(keeping.IMPORTS, {})
