"""A plugin of the older ABI that signs in at an authorization server of the tests."""

from pathlib import Path

from support import older
from support.authserver import AuthServer
from support.sandbox import Sandbox

PATH = "~/.config/tark/chatgpt_oauth.json"


def manifest(
    server: AuthServer,
    *,
    flow: str = "pkce",
    path: str = PATH,
    type: str = "provider",  # noqa: A002
    **changes: str,
) -> str:
    oauth = {
        "flow": flow,
        "auth_url": server.url("/authorize"),
        "token_url": server.url("/token"),
        "device_auth_url": server.url("/device"),
        "client_id": "app",
        "credentials_path": path,
        "process_tokens_callback": "auth_process_tokens",
    } | changes
    table = "".join(f'{key} = "{value}"\n' for key, value in oauth.items() if value)
    read = f'fs_read = ["{PATH}"]' if path else ""
    return (
        f'[plugin]\nname = "chatgpt-oauth"\nversion = "0.2.0"\ntype = "{type}"\n'
        f"[oauth]\n{table}[capabilities]\nstorage = true\n{read}\n"
        f'env = ["WHERE"]\n'
    )


def install(sandbox: Sandbox, server: AuthServer, *, wasm: bytes = b"", **changes: str) -> Path:
    folder = sandbox.cwd / "src"
    folder.mkdir()
    (folder / "plugin.toml").write_text(manifest(server, **changes))
    (folder / "plugin.wasm").write_bytes(wasm or older.wasm("chatgpt"))
    sandbox.init()
    sandbox.run("add", "./src", "--accept-capabilities").ok()
    return sandbox.home / ".config" / "tark" / "chatgpt_oauth.json"


CHANNEL = older.module(
    pages=4,
    more="""
      (global $given (mut i32) (i32.const 0))
      (data (i32.const 64) "{\\22id\\22:\\22c\\22,\\22display_name\\22:\\22Chan\\22}")
      (func (export "channel_info") (param i32) (result i32)
        (memory.copy (local.get 0) (i32.const 64) (i32.const 32)) (i32.const 32))
      (func (export "channel_start") (result i32) (i32.const 0))
      (func (export "channel_stop") (result i32) (i32.const 0))
      (func (export "channel_send") (param i32 i32 i32) (result i32) (i32.const -1))
      (func (export "channel_auth_init") (param i32 i32) (result i32)
        (global.set $given (local.get 1)) (i32.const 0))
      (func (export "channel_auth_logout") (result i32) (i32.const 0))
      (func (export "channel_auth_status") (result i32)
        (select (i32.const 1) (i32.const 2) (global.get $given)))""",
)
