"""Where a mirror has the repositories of registries: those of two registries never meet."""

import itertools

import pytest

from tarkpm.core.oci.mirror_target import folder_target, registry_target
from tarkpm.core.oci.reference import parse, registry_host
from tarkpm.core.release import OciSource
from tarkpm.errors import Refused

MIRROR = registry_target("oci://registry.example.com/mirror")


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("ghcr.io", "ghcr.io"),
        ("localhost:5000", "localhost_5000"),
        ("127.0.0.1:5000", "127.0.0.1_5000"),
        ("[::1]", "ipv6__0000-0000-0000-0000-0000-0000-0000-0001"),
        ("[::1]:5000", "ipv6__0000-0000-0000-0000-0000-0000-0000-0001_5000"),
    ],
)
def test_a_registry_has_a_place_of_its_own(host: str, place: str) -> None:
    source = OciSource(f"{host}/owner/tools", tag="1.0.0")
    assert MIRROR.repository(source) == f"oci://registry.example.com/mirror/{place}/owner/tools"
    assert folder_target("/srv/m").repository(source) == f"/srv/m/{place}/owner/tools"
    assert MIRROR.lines([source]) == {f"oci://{host}": f"oci://registry.example.com/mirror/{place}"}


@pytest.mark.parametrize("host", ["host_5000", "my_registry.example.com:5000", "_", "a__b"])
def test_a_host_with_an_underscore_is_refused(host: str) -> None:
    """Its place would be that of another registry on a port."""
    with pytest.raises(Refused, match="the host of a registry has no '_'") as caught:
        MIRROR.repository(OciSource(f"{host}/owner/tools", tag="1.0.0"))
    assert caught.value.where == f"oci://{host}/owner/tools:1.0.0"


def test_no_two_hosts_have_one_place() -> None:
    """All short hosts of characters that a place could confuse, with and without ports."""
    names = {"".join(each) for size in (1, 2, 3) for each in itertools.product("a1_-.", repeat=size)}
    addresses = {f"[{text}]" for text in ("::1", "1::", "1::2", "1:2::", "::1:5000", "::5000", "::1:2")}
    hosts = {
        found for text in names | addresses for port in ("", ":1", ":5000") if (found := _host(text + port))
    }
    places: dict[str, str] = {}
    for host in sorted(hosts):
        try:
            place = MIRROR.repository(OciSource(f"{host}/t", tag="1.0.0"))
        except Refused:
            assert set(host) & {"_"} or ".." in host or "-." in host or ".-" in host, host
            continue
        parse(place)
        assert places.setdefault(place, host) == host
    assert len(places) > 50


def _host(text: str) -> str:
    try:
        return registry_host(text)
    except ValueError:
        return ""
