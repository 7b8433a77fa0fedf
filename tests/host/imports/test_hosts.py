"""`Hosts` by itself, without a plugin: what it refuses, counts and reports, up to its limits."""

from collections.abc import Sequence

import pytest

from tarkpm.core import urls
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.host.imports import hosts as module
from tarkpm.host.imports.hosts import Hosts, NotGranted

NOT = "is not granted to this plugin"


def made(*grants: str) -> tuple[Hosts, list[str]]:
    reports: list[str] = []
    return Hosts(CapabilitySet.of(map(Capability.parse, grants)), reports.append), reports


def at(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[Sequence[object]]:
    """Let every name have these addresses; returns what is looked up."""
    asked: list[Sequence[object]] = []

    def lookup(*words: object) -> list[str]:
        asked.append(words)
        return list(addresses)

    monkeypatch.setattr(module, "lookup", lookup)
    return asked


def test_a_granted_host_is_counted_and_not_reported() -> None:
    hosts, reports = made("http:*.a.example", "env:http")
    hosts.check(urls.parse("https://x.a.example/path"))
    hosts.check(urls.parse("https://a.example"))
    assert hosts.used == {Capability("http", "*.a.example"): 2}
    assert (hosts.lacked, reports) == ({}, [])


def test_another_host_or_port_is_reported_once_and_counted_each_time() -> None:
    hosts, reports = made("http:a.example")
    for url in ("https://b.example/1", "https://b.example/2", "https://a.example:8443"):
        with pytest.raises(NotGranted, match=NOT) as caught:
            hosts.check(urls.parse(url))
        assert caught.value.where == urls.parse(url).origin
    assert {str(one): count for one, count in hosts.lacked.items()} == {
        "http:b.example": 2,
        "http:a.example:8443": 1,
    }
    assert reports == [
        "asked for https://b.example, which is not granted",
        "asked for https://a.example:8443, which is not granted",
    ]
    assert not hosts.used


@pytest.mark.parametrize("url", ["http://a.example", "http://a.example:443", "http://10.0.0.1"])
def test_plain_http_to_another_machine_is_refused_although_granted(url: str) -> None:
    hosts, reports = made("http:a.example:80", "http:a.example", "http:10.0.0.1:80")
    with pytest.raises(NotGranted, match="http is neither encrypted nor authenticated; use https") as caught:
        hosts.check(urls.parse(url))
    assert caught.value.where == urls.parse(url).origin
    assert (hosts.lacked, hosts.used, reports) == ({}, {}, [])


def test_plain_http_to_this_machine_is_allowed_where_granted() -> None:
    hosts, _ = made("http:localhost:80", "http:127.0.0.1:8080")
    hosts.check(urls.parse("http://localhost/"))
    hosts.check(urls.parse("http://127.0.0.1:8080/"))
    assert hosts.used.total() == 2
    with pytest.raises(NotGranted, match=NOT):
        hosts.check(urls.parse("http://127.0.0.1:8081/"))


def test_what_is_remembered_is_bounded() -> None:
    """A plugin could ask for ever new hosts."""
    hosts, reports = made()
    for _ in range(2):
        for number in range(25):
            with pytest.raises(NotGranted):
                hosts.check(urls.parse(f"https://h{number}.example"))
    assert set(hosts.lacked.values()) == {2}
    assert (len(hosts.lacked), len(reports)) == (20, 20)
    assert reports[-1] == "asked for https://h19.example, which is not granted"


def test_only_what_is_granted_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = at(monkeypatch, "93.184.216.34", "2606:4700::1111")
    hosts, reports = made("http:a.example", "http:private:p.example", "http:10.0.0.1", "http:localhost")
    with pytest.raises(NotGranted, match=NOT) as caught:
        hosts.resolve("b.example", 443, 5.0)
    assert caught.value.where == "b.example"
    with pytest.raises(NotGranted, match=NOT):
        hosts.resolve("a.example", 8443, 5.0)
    assert hosts.resolve("localhost", 443, 5.0) == ["127.0.0.1", "::1"]
    assert hosts.resolve("10.0.0.1", 443, 5.0) == ["10.0.0.1"]
    assert asked == []
    assert hosts.resolve("a.example", 443, 5.0) == ["93.184.216.34", "2606:4700::1111"]
    assert hosts.resolve("p.example", 443, 6.0) == ["93.184.216.34", "2606:4700::1111"]
    assert asked == [("a.example", 443, 5.0), ("p.example", 443, 6.0)]
    assert (hosts.lacked, reports) == ({}, [])


@pytest.mark.parametrize(
    ("address", "kind", "hint"),
    [
        ("10.0.0.1", "private", "; http:private:a.example would allow it"),
        ("127.0.0.1", "loopback", "; http:private:a.example would allow it"),
        ("169.254.169.254", "link-local", ""),
        ("224.0.0.1", "multicast", ""),
    ],
)
def test_a_name_at_an_address_that_is_not_public(
    monkeypatch: pytest.MonkeyPatch, address: str, kind: str, hint: str
) -> None:
    at(monkeypatch, "93.184.216.34", address)
    hosts, reports = made("http:a.example")
    with pytest.raises(NotGranted, match=f"is at a {kind} address, which is not granted") as caught:
        hosts.resolve("a.example", 443, 5.0)
    assert caught.value.where == "a.example"
    assert reports == [f"may not reach a.example: it is at {address}, a {kind} address{hint}"]
    assert list(map(str, hosts.lacked)) == (["http:private:a.example"] if hint else [])
    private, reports = made("http:private:a.example")
    if hint:
        assert private.resolve("a.example", 443, 5.0) == ["93.184.216.34", address]
        assert reports == []
    else:
        with pytest.raises(NotGranted):
            private.resolve("a.example", 443, 5.0)
