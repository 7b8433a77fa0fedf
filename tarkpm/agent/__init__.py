"""The MCP server: what `ops/mcp.py` offers, in the protocol that agents speak.

Only this package imports the SDK (PyPI ``mcp``), which is an optional extra: ``tarkpm[mcp]``. Importing it
raises `HostError` without the SDK.
"""

from tarkpm.agent.sdk import prepare

prepare()  # before any module below imports the SDK
