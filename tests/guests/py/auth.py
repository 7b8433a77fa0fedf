"""The auth plugin of plugins/device-auth, in Python: the OAuth device flow."""
# componentize-py makes wit_world out of wit/, which mypy does not see:
# mypy: ignore-errors

import json
from urllib.parse import quote, urlencode

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.auth_plugin import (
    AuthStatus,
    DeviceCode,
    PollResult_Error,
    PollResult_Expired,
    PollResult_Pending,
    PollResult_Success,
)
from wit_world.imports import env, http, log, storage

FORM = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")]
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def _post(path, **form):
    base = env.get("DEVICE_AUTH_URL") or "https://auth.example.com"
    form["client_id"] = env.get("DEVICE_AUTH_CLIENT_ID") or "tark-cli"
    try:
        answer = http.post(base + path, urlencode(form, quote_via=quote), FORM)
    except Err as e:
        raise RuntimeError(e.value.message) from None
    return answer.status, json.loads(answer.body)


class AuthPlugin(exports.AuthPlugin):
    """What auth-world exports."""

    def display_name(self):
        return "Device Flow (Python)"

    def status(self):
        return AuthStatus.AUTHENTICATED if storage.get("access_token") else AuthStatus.NOT_AUTHENTICATED

    def start_device_flow(self):
        try:
            status, found = _post("/device/code", scope="openid")
        except (RuntimeError, ValueError) as e:
            raise Err(str(e)) from None
        if status != 200:
            raise Err(f"device endpoint answered {status}")
        return DeviceCode(
            found["device_code"],
            found["user_code"],
            found["verification_uri"],
            found["expires_in"],
            found.get("interval", 5),
        )

    def poll(self, device_code):
        try:
            status, found = _post("/token", device_code=device_code, grant_type=GRANT)
        except (RuntimeError, ValueError) as e:
            return PollResult_Error(str(e))
        if status == 200:
            storage.set("access_token", found["access_token"])
            log.info("authenticated")
            return PollResult_Success(found["access_token"])
        match found.get("error", ""):
            case "authorization_pending" | "slow_down":
                return PollResult_Pending()
            case "expired_token":
                return PollResult_Expired()
            case error:
                return PollResult_Error(error or f"HTTP {status}")

    def get_token(self):
        token = storage.get("access_token")
        if token is None:
            raise Err("not authenticated")
        return token

    def logout(self):
        storage.delete("access_token")
