"""`tarkpm export sigstore`: what foreign verifiers say about the bundle of a release."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from support.guests import npm_package
from support.sandbox import Result, Sandbox

VERIFY = "@sigstore/verify@4.1.3"
EXPORT = ("export", "sigstore", "text-tools", "-o", "text-tools.sigstore.json")
SCRIPT = """
const fs = require("fs");
const { bundleFromJSON } = require("@sigstore/bundle");
const { Verifier, toSignedEntity, toTrustMaterial } = require("@sigstore/verify");
const [pem, ...bundles] = process.argv.slice(1).map((file) => fs.readFileSync(file, "utf8"));
const root = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const material = toTrustMaterial(root, (hint) => ({ publicKey: require("crypto").createPublicKey(pem), validFor: () => true }));
const verifier = new Verifier(material, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0, tsaThreshold: 0 });
for (const text of bundles) {
  try {
    verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(text))));
    console.log("verified");
  } catch (problem) {
    console.log(problem.code || problem.message);
  }
}
"""


@pytest.fixture
def signed(sandbox: Sandbox) -> Sandbox:
    """A publisher with a signed release in text-tools."""
    sandbox.key("release")
    sandbox.plugin(sandbox.cwd / "text-tools", sign="release")
    return sandbox


def bundle_of(signed: Sandbox) -> Path:
    signed.run(*EXPORT).ok()
    return signed.cwd / "text-tools.sigstore.json"


def test_the_bundle_and_the_command_that_verifies_it(signed: Sandbox) -> None:
    dry = signed.run(*EXPORT, "--dry-run").ok().out
    assert dry.startswith("would write")
    assert sorted(path.name for path in signed.cwd.iterdir()) == ["text-tools"]
    out = signed.run(*EXPORT).ok().out
    assert out == dry.replace("would write", "wrote")
    assert out.splitlines()[-1] == (
        "  verify   cosign verify-blob-attestation --key text-tools.sigstore.pem --bundle text-tools.sigstore.json "
        "--insecure-ignore-tlog=true --type urn:tarkpm:plugin-release:1 text-tools/plugin.wasm"
    )
    first = (signed.cwd / "text-tools.sigstore.json").read_bytes()
    bundle = json.loads(first)
    statement = json.loads((signed.cwd / "text-tools" / "plugin.dsse.json").read_text())
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert bundle["dsseEnvelope"]["payload"] == statement["payload"]
    assert bundle["dsseEnvelope"]["signatures"] == [{"sig": statement["signatures"][0]["sig"]}]
    report = signed.run(*EXPORT, "--json").ok().json
    assert Path(report["bundle"]).read_bytes() == first, "an export is replaced by an equal one"


def test_openssl_verifies_the_signature(signed: Sandbox) -> None:
    """DSSE needs no more than PAE (DSSE protocol.md) and a tool that knows Ed25519."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    envelope = json.loads(bundle_of(signed).read_text())["dsseEnvelope"]
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    message, signature = signed.cwd / "message", signed.cwd / "signature"
    signature.write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "text-tools.sigstore.pem", "-rawin"]
    for text, status in ((payload, 0), (payload.replace(b"1.0.0", b"1.0.1"), 1)):
        message.write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(text), text))
        done = subprocess.run(
            [*command, "-in", message, "-sigfile", signature], cwd=signed.cwd, capture_output=True
        )
        assert done.returncode == status, done


def test_npm_verifies_the_bundle(signed: Sandbox) -> None:
    node = shutil.which("node")
    modules = npm_package(VERIFY) / "node_modules"
    good = bundle_of(signed)
    table = json.loads(good.read_text())
    payload = base64.b64decode(table["dsseEnvelope"]["payload"]).replace(b"1.0.0", b"1.0.1")
    table["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    altered = signed.cwd / "altered.json"
    altered.write_text(json.dumps(table))
    done = subprocess.run(
        [str(node), "-e", SCRIPT, signed.cwd / "text-tools.sigstore.pem", good, altered],
        env={"NODE_PATH": str(modules)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["verified", "SIGNATURE_ERROR"], done


def test_cosign_runs_the_command_that_was_printed(signed: Sandbox) -> None:
    cosign = shutil.which("cosign")
    if cosign is None:
        pytest.skip("cosign is not installed")
    command = signed.run(*EXPORT, "--json").ok().json["command"]
    environment = {"PATH": f"{Path(cosign).parent}:/usr/bin:/bin", "HOME": str(signed.home)}
    subprocess.run(command, shell=True, cwd=signed.cwd, env=environment, check=True)
    with (signed.cwd / "text-tools" / "plugin.wasm").open("ab") as module:
        module.write(b"\0\2\1x")
    assert subprocess.run(command, shell=True, cwd=signed.cwd, env=environment).returncode


def failed(signed: Sandbox, *words: str) -> Result:
    before = sorted(signed.cwd.iterdir())
    result = signed.run("export", "sigstore", *words)
    assert sorted(signed.cwd.iterdir()) == before
    return result


def test_what_cannot_be_exported(signed: Sandbox) -> None:
    signed.plugin(signed.cwd / "unsigned")
    failed(signed, "unsigned", "-o", "b.json").failed(3, "not signed", "tarkpm sign unsigned --key NAME")
    failed(signed, "text-tools", "-o", "nowhere/b.json").failed(2, "the folder does not exist", "nowhere")
    (signed.cwd / "b.pem").write_text("another key")
    failed(signed, "text-tools", "-o", "b.json").failed(2, "b.pem", "is not the signer's key", "--output")
    failed(signed, "text-tools", "-o", ".").failed(2, "directory")
    (signed.cwd / "text-tools" / "plugin.wasm").write_bytes(b"\0asm")
    failed(signed, "text-tools", "-o", "c.json").failed(3, "'plugin.wasm' has 4 bytes")
