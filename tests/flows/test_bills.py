"""`sbom` and `licenses` of a project, with and without what this machine knows of its plugins."""

import json
import shutil

import pytest
from conftest import Publisher
from support.producers import made_by_wit_component
from support.sandbox import Sandbox


@pytest.fixture
def locked(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project with one signed plugin, licensed under MIT."""
    publisher.release(wasm=made_by_wit_component())
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    return sandbox


def test_a_bill_of_materials(locked: Sandbox) -> None:
    printed = locked.run("sbom").ok().out
    (plugin,) = json.loads(printed)["components"]
    assert plugin["licenses"] == [{"expression": "MIT"}]
    assert "wit-component" in {one["name"] for one in plugin["components"]}
    assert locked.run("sbom", "--json").ok().json == json.loads(printed)
    assert locked.run("sbom").ok().out == printed
    dated = locked.run("sbom", env={"SOURCE_DATE_EPOCH": "86400"}).ok().json
    assert dated["metadata"]["timestamp"] == "1970-01-02T00:00:00Z"
    for wrong in ("soon", "-1", "1" * 30):
        locked.run("sbom", env={"SOURCE_DATE_EPOCH": wrong}).failed(2, "expected seconds since 1970")


def test_an_spdx_document(locked: Sandbox) -> None:
    printed = locked.run("sbom", "--format", "spdx").ok().out
    document = json.loads(printed)
    (plugin,) = (one for one in document["packages"] if one["name"] == "text-tools")
    assert plugin["licenseDeclared"] == "MIT"
    assert "wit-component" in {one["name"] for one in document["packages"]}
    assert locked.run("sbom", "--format", "spdx", "--json").ok().json == document
    dated = locked.run("sbom", "--format", "spdx", env={"SOURCE_DATE_EPOCH": "86400"}).ok().json
    assert dated["creationInfo"]["created"] == "1970-01-02T00:00:00Z"
    locked.run("sbom", "--format", "spdx3").failed(2, "'spdx3' is not one of 'cyclonedx', 'spdx'")


def test_what_is_only_locked_is_said(locked: Sandbox) -> None:
    shutil.rmtree(locked.store)
    shutil.rmtree(locked.plugins)
    result = locked.run("sbom").ok()
    assert "note: only the lock is known here of 'text-tools'; to fetch the rest: tarkpm sync" in result.err
    assert "licenses" not in json.loads(result.out)["components"][0]
    assert "not known here: tarkpm sync" in locked.run("licenses").ok().out
    assert locked.run("licenses", "--allow", "MIT").status == 1


def test_licenses(locked: Sandbox) -> None:
    assert locked.run("licenses").ok().out.split("\n")[1].split() == ["text-tools", "1.0.0", "MIT"]
    locked.run("licenses", "--allow", "MIT", "--allow", "Apache-2.0").ok()
    locked.run("licenses", "--allow", "Apache-2.0").failed(1, "not allowed")
    locked.run("licenses", "--allow", "").failed(2, "--allow")
    for text in ("MIT,Apache-2.0", "MIT OR Apache-2.0", "(MIT)", "MIT Apache-2.0"):
        locked.run("licenses", "--allow", text).failed(2, "expected the SPDX id of a license")
