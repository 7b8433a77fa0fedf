"""Team policies: what a file may say, and that several of them only ever forbid more."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.advisory import Severity
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.ci_identity import CiIdentity
from tarkpm.core.key import public_key
from tarkpm.core.policy_pin import PolicyPin
from tarkpm.core.release import GitSource, IndexSource, OciSource, PathSource
from tarkpm.core.team_policy import Ceiling, TeamPolicy, host_pattern
from tarkpm.core.team_rules import PluginFacts, TeamRules, Violation
from tarkpm.errors import PolicyViolation, TeamPolicyInvalid

KEYS = [public_key(f"ed25519:{'A' * 41}{one}E=") for one in ("I", "Q")]
ROOTS = [f"sha256:{digit * 64}" for digit in "12"]


def parse(text: str, *, commands: bool = True) -> TeamPolicy:
    return TeamPolicy.parse(text.encode(), where="policy.toml", commands=commands)


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ('licence = ["MIT"]', "licence", "did you mean 'licenses'?"),
        ('Signers = ["x"]', "Signers", "did you mean 'signers'?"),
        ("[capabilities]\nhtpp = true", "capabilities", "did you mean 'http'?"),
        ('[capabilities]\nhttp = ["*"]', "capabilities", "http: "),
        ('[capabilities]\nsecret = ["a"]', "capabilities", "secret: expected true or false"),
        ('[hook]\ncommand = ["check"]', "hook", "absolute path"),
        ('[hook]\ncommand = ["./check"]', "hook", "absolute path"),
        ("[hook]\ncommand = []", "hook", "absolute path"),
        ('[hook]\ncommand = ["/c"]\nseconds = 0', "hook", "seconds"),
        ('[hook]\ncommand = ["/c"]\nenv = 1', "hook: env", "unknown field"),
        ('git-hosts = ["https://github.com"]', "git-hosts", "expected a host"),
        ('git-hosts = ["github.com:8443"]', "git-hosts", "without a port"),
        ('deny-hosts = ["private:x.org"]', "deny-hosts", "without a port"),
        ('types = ["tools"]', "types", "expected one of"),
        ('licenses = ["MIT OR Apache-2.0"]', "licenses", "expected the SPDX id"),
        ('signers = ["alice"]', "signers", "expected ed25519:"),
        ('indexes = ["community"]', "indexes", "expected sha256:"),
        ('minimum-release-age = "soon"', "minimum-release-age", "expected an age"),
        ('block-severity = "bad"', "block-severity", "expected low, medium"),
        ("unsigned = 0", "unsigned", "expected true or false"),
        ("version = -1", "version", "expected a number"),
        ('accept-project = ["a\\nb"]', "accept-project", "expected a login name"),
        ("x = [", "", "not valid TOML"),
    ],
)
def test_a_rule_that_cannot_be_read_is_an_error(text: str, where: str, message: str) -> None:
    with pytest.raises(TeamPolicyInvalid) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.where == (f"policy.toml: {where}" if where else "policy.toml")


def test_a_project_names_no_program() -> None:
    with pytest.raises(TeamPolicyInvalid, match="cannot name a program"):
        parse('[hook]\ncommand = ["/bin/true"]', commands=False)


@pytest.mark.parametrize(
    "table",
    [{"key": "alice"}, {"version": 1}, {"key": 1}, {"key": KEYS[0], "version": True}, {"key": KEYS[0], "x": 1}, {}],
)  # fmt: skip
def test_a_pin_that_cannot_be_read(table: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="key|version|ed25519"):
        PolicyPin.read(table)


GIT = GitSource("https://github.com/owner/repo", commit="a" * 40)
SIGNED = PluginFacts("x", GIT, signer=KEYS[0], type="tool", license="MIT")


def granted(*texts: str) -> CapabilitySet:
    return CapabilitySet.of(map(Capability.parse, texts))


@pytest.mark.parametrize(
    ("text", "facts", "rule", "subject"),
    [
        ("indexes = []", PluginFacts("x", IndexSource("main", ROOTS[0])), "indexes", f"'main' with root {ROOTS[0]}"),
        ("git-hosts = []", SIGNED, "git-hosts", "github.com"),
        ('git-hosts = ["github.com.evil.org"]', SIGNED, "git-hosts", "github.com"),
        ('git-hosts = ["github.com"]', PluginFacts("x", GitSource("file:///tmp/x")), "git-hosts", "of this machine"),
        ("folders = false", PluginFacts("x"), "folders", ""),
        ("folders = false", PluginFacts("x", PathSource("./x")), "folders", ""),
        ("unsigned = false", PluginFacts("x"), "unsigned", ""),
        (f'signers = ["{KEYS[1]}"]', SIGNED, "signers", KEYS[0]),
        (f'signers = ["{KEYS[1]}"]', PluginFacts("x"), "signers", "nobody"),
        ('licenses = ["Apache-2.0"]', SIGNED, "licenses", "MIT"),
        ('licenses = ["MIT"]', PluginFacts("x", license=""), "licenses", "none"),
        ('licenses = ["MIT"]', PluginFacts("x", license="MIT AND GPL-3.0-only"), "licenses", "MIT AND GPL-3.0-only"),
        ('licenses = ["MIT"]', PluginFacts("x", license="MIT OR ("), "licenses", "MIT OR ("),
        ('types = ["hook"]', SIGNED, "types", "tool"),
        ("[capabilities]", PluginFacts("x", granted=granted("storage")), "capabilities", "storage"),
        (
            '[capabilities]\nhttp = ["*.a.org"]',
            PluginFacts("x", granted=granted("http:a.org", "http:a.org:8080")),
            "capabilities",
            "http:a.org:8080",
        ),
        ('deny-hosts = ["e.org"]', PluginFacts("x", granted=granted("http:*.org")), "deny-hosts", "*.org"),
        ('deny-hosts = ["*.e.org"]', PluginFacts("x", granted=granted("http:private:a.e.org:81")), "deny-hosts", "a.e.org"),
        ('deny-hosts = ["github.com"]', SIGNED, "deny-hosts", "github.com"),
        ('deny-hosts = ["e.org"]', PluginFacts("x", granted=granted("oauth:e.org")), "deny-hosts", "e.org"),
        (
            'deny-hosts = ["e.org"]',
            PluginFacts("x", IndexSource("main", ROOTS[0]), "https://e.org/index"),
            "deny-hosts",
            "e.org",
        ),
        ('block-severity = "high"', PluginFacts("x", severity=Severity.CRITICAL), "block-severity", "critical"),
    ],
)  # fmt: skip
def test_a_rule_names_what_it_forbids(text: str, facts: PluginFacts, rule: str, subject: str) -> None:
    found = TeamRules((parse(text),)).violations(facts)
    assert found == (Violation("x", rule, "policy.toml", subject),)
    with pytest.raises(PolicyViolation) as caught:
        TeamRules((parse(text),)).check(facts)
    problem = caught.value
    assert (problem.rule, problem.file, problem.exit_status) == (rule, "policy.toml", 3)
    assert problem.where == "policy.toml"
    assert problem.hint == "tarkpm policy explain x"


@pytest.mark.parametrize(
    "text",
    [
        f'signers = ["{KEYS[0]}"]',
        'git-hosts = ["*.com"]',
        'licenses = ["mit", "Apache-2.0"]',
        'types = ["tool"]',
        "folders = false",
        "unsigned = false",
        'block-severity = "low"',
        "indexes = []",
        "[capabilities]",
        'deny-hosts = ["*.example.net"]',
    ],
)
def test_what_a_rule_allows(text: str) -> None:
    assert TeamRules((parse(text),)).violations(SIGNED) == ()


def test_a_ceiling_covers_whole_kinds_and_scopes() -> None:
    ceiling = parse('[capabilities]\nstorage = true\nhttp = true\nenv = ["A_*"]\nshell = false').capabilities
    assert ceiling is not None
    asked = granted("storage", "http:a.org", "env:A_B", "env:B", "shell")
    assert list(map(str, ceiling.beyond(asked))) == ["env:B", "shell"]
    assert str(ceiling) == "storage, http:any, env:A_*"


def test_ports_and_brackets_do_not_hide_a_host() -> None:
    rules = TeamRules((parse('deny-hosts = ["[::1]"]'),))
    facts = PluginFacts("x", GitSource("https://[::1]:8443/x"), granted=granted("http:[::1]:81"))
    assert [one.subject for one in rules.violations(facts)] == ["::1"]
    assert host_pattern("GitHub.com") == "github.com"


def test_the_strictest_scalar_counts() -> None:
    texts = (
        'minimum-release-age = "3d"\nblock-severity = "high"',
        'minimum-release-age = "1w"',
        'block-severity = "low"',
    )
    rules = TeamRules(tuple(map(parse, texts)))
    assert rules.minimum_release_age == 7 * 24 * 3600
    assert rules.block_severity is Severity.LOW
    assert TeamRules((parse(""),)).block_severity is None


def test_who_may_accept() -> None:
    rules = TeamRules((parse('accept-project = ["ci"]'), parse("accept-project-pinned = true")))
    rules.check_accept("ci", pinned=True)
    with pytest.raises(PolicyViolation, match="needs the digest"):
        rules.check_accept("ci", pinned=False)
    with pytest.raises(PolicyViolation, match="is not for the user 'eve'"):
        rules.check_accept("eve", pinned=True)


def some_of(values: list[str]) -> st.SearchStrategy[tuple[str, ...] | None]:
    return st.none() | st.lists(st.sampled_from(values), unique=True).map(tuple)


CAPABILITIES = [
    Capability.parse(text)
    for text in (
        "storage",
        "shell",
        "http:a.org",
        "http:*.a.org",
        "http:b.a.org",
        "http:a.org:81",
        "env:A",
        "env:A_*",
    )
]
GRANTS = st.lists(st.sampled_from(CAPABILITIES)).map(CapabilitySet.of)
HOSTS = ["github.com", "*.org", "a.org", "b.a.org"]
POLICIES = st.builds(
    TeamPolicy,
    file=st.sampled_from(["a", "b"]),
    indexes=some_of(ROOTS),
    git_hosts=some_of(HOSTS),
    registries=some_of(["ghcr.io", "ghcr.io/owner", "*.org", "b.a.org:81"]),
    folders=st.booleans(),
    signers=some_of(list(KEYS)),
    unsigned=st.booleans(),
    licenses=some_of(["MIT", "Apache-2.0"]),
    types=some_of(["tool", "hook"]),
    capabilities=st.none()
    | st.builds(Ceiling, st.frozensets(st.sampled_from(["storage", "http", "env"])), GRANTS),
    deny_hosts=some_of(HOSTS).map(lambda hosts: hosts or ()),
    minimum_release_age=st.integers(0, 10),
    block_severity=st.none() | st.sampled_from(Severity),
    accept_project=some_of(["alice", "ci"]),
    accept_project_pinned=st.booleans(),
)
FACTS = st.builds(
    PluginFacts,
    name=st.just("x"),
    source=st.sampled_from(
        [None, GIT, PathSource("./x")]
        + [OciSource(place) for place in ("ghcr.io/owner/x", "ghcr.io/y", "b.a.org/x", "b.a.org:81/x")]
        + [IndexSource("i", root) for root in ROOTS]
    ),
    index_url=st.sampled_from(["", "https://b.a.org/"]),
    signer=st.none() | st.sampled_from(KEYS),
    type=st.none() | st.sampled_from(["tool", "hook"]),
    license=st.none() | st.sampled_from(["", "MIT", "MIT OR Apache-2.0", "MIT AND Apache-2.0"]),
    granted=GRANTS,
    severity=st.none() | st.sampled_from(Severity),
)


@given(POLICIES, POLICIES, FACTS)
def test_two_policies_allow_what_each_allows(one: TeamPolicy, other: TeamPolicy, facts: PluginFacts) -> None:
    """No file widens what another forbids, in whatever order they are read."""
    both = TeamRules((one, other))
    alone = [TeamRules((each,)) for each in (one, other)]
    allowed = not both.violations(facts)
    assert allowed == all(not rules.violations(facts) for rules in alone)
    assert allowed == (not TeamRules((other, one)).violations(facts))
    assert both.minimum_release_age == max(rules.minimum_release_age for rules in alone)
    severities = [rules.block_severity for rules in alone if rules.block_severity]
    assert both.block_severity == (min(severities) if severities else None)
    for user in ("alice", "ci", "eve"):
        for pinned in (True, False):
            assert _accepts(both, user, pinned) == all(_accepts(rules, user, pinned) for rules in alone)


def _accepts(rules: TeamRules, user: str, pinned: bool) -> bool:
    try:
        rules.check_accept(user, pinned=pinned)
    except PolicyViolation:
        return False
    return True


@given(FACTS, GRANTS, POLICIES)
def test_more_grants_never_satisfy_a_policy(
    facts: PluginFacts, more: CapabilitySet, policy: TeamPolicy
) -> None:
    import msgspec

    wider = msgspec.structs.replace(facts, granted=facts.granted.union(more))
    rules = TeamRules((policy,))
    assert not rules.violations(facts) or rules.violations(wider)


BY = CiIdentity.parse("github:o/r/.github/workflows/r.yml@refs/tags/*?repository_id=1&owner_id=2")


def test_an_identity_vouches_for_what_is_signed_and_for_no_folder() -> None:
    rules = TeamRules((parse(f'signers = ["{BY}"]'),))
    keyless = PluginFacts("x", GIT, signer=KEYS[0], identity=BY)
    assert not rules.violations(keyless)
    assert not TeamRules((parse(f'signers = ["{KEYS[0]}"]'),)).violations(keyless)
    other = msgspec.structs.replace(BY, ref="refs/heads/main")
    unsigned = PluginFacts("x", PathSource("./x"), identity=BY)
    for facts, subject in (
        (msgspec.structs.replace(keyless, identity=other), str(other)),
        (msgspec.structs.replace(keyless, identity=None), KEYS[0]),
        (unsigned, "nobody"),
        (PluginFacts("x"), "nobody"),
    ):
        assert [(one.rule, one.subject) for one in rules.violations(facts)] == [("signers", subject)]
    with pytest.raises(TeamPolicyInvalid, match="repository_id"):
        parse('signers = ["github:o/r/.github/workflows/r.yml@refs/tags/*"]')
    assert dict(rules.policies[0].rules()) == {"signers": str(BY)}
