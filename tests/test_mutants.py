"""`python3 dev.py mutants`: which mistakes it makes, and that what it explains still exists."""

import tomllib

import pytest

from mutants import EXPLAINED, ROOT
from mutants.modules import MODULES
from mutants.operators import mutants

SOURCE = '''
LIMIT = 5

class Rule:
    def holds(self, found: int, names: list[str] = []) -> bool:
        """A docstring."""
        if found > 3 and not self.free:
            raise ValueError("too many")
        note(found)
        return any(name for name in names if name != "a")
'''


def test_the_mistakes_in_a_function() -> None:
    found = list(mutants(SOURCE))
    assert {mutant.function for mutant in found} == {"Rule.holds"}
    assert [(mutant.line, mutant.change) for mutant in found] == [
        (7, "found > 3 and (not self.free) -> True"),
        (7, "found > 3 and (not self.free) -> False"),
        (7, "found > 3 and (not self.free) -> found > 3 or not self.free"),
        (7, "found > 3 and (not self.free) -> not self.free"),
        (7, "found > 3 and (not self.free) -> found > 3"),
        (7, "found > 3 -> found >= 3"),
        (7, "found > 3 -> found <= 3"),
        (7, "3 -> 4"),
        (7, "not self.free -> self.free"),
        (8, "raise ValueError('too many') -> pass"),
        (9, "note(found) -> pass"),
        (10, "return any((name for name in names if name != 'a')) -> return None"),
        (10, "any -> all"),
        (10, "name != 'a' -> True"),
        (10, "name != 'a' -> name == 'a'"),
        (10, "'a' -> 'aX'"),
    ]
    for mutant in found:
        compile(mutant.tree(), "x", "exec")


@pytest.mark.parametrize("module", MODULES)
def test_the_modules_their_tests_and_what_is_explained_exist(module: str) -> None:
    source = (ROOT / "tarkpm" / f"{module}.py").read_text()
    assert all((ROOT / test).is_file() for test in MODULES[module])
    explained = tomllib.loads(EXPLAINED.read_text())
    assert explained.keys() <= MODULES.keys()
    if module in explained:
        known = {(mutant.function, mutant.change) for mutant in mutants(source)}
        named = {(name, change) for name, some in explained[module].items() for change in some}
        assert named <= known
        assert all(reason for some in explained[module].values() for reason in some.values())
