// The auth plugin of plugins/device-auth, in JavaScript: the OAuth device flow.
import * as env from "tark:plugin/env";
import * as http from "tark:plugin/http";
import * as log from "tark:plugin/log";
import * as storage from "tark:plugin/storage";

const FORM = [
  ["content-type", "application/x-www-form-urlencoded"],
  ["accept", "application/json"],
];
const GRANT = "urn:ietf:params:oauth:grant-type:device_code";

const encoded = (form) =>
  Object.entries(form)
    .map((pair) => pair.map(encodeURIComponent).join("="))
    .join("&");
const why = (e) => String(e?.payload?.message ?? e?.payload ?? e?.message ?? e);

function post(path, form) {
  const base = env.get("DEVICE_AUTH_URL") ?? "https://auth.example.com";
  const client = env.get("DEVICE_AUTH_CLIENT_ID") ?? "tark-cli";
  const answer = http.post(base + path, encoded({ client_id: client, ...form }), FORM);
  return [answer.status, JSON.parse(answer.body)];
}

function startDeviceFlow() {
  let status, found;
  try {
    [status, found] = post("/device/code", { scope: "openid" });
  } catch (e) {
    throw why(e);
  }
  if (status !== 200) throw `device endpoint answered ${status}`;
  return {
    deviceCode: found.device_code,
    userCode: found.user_code,
    verificationUrl: found.verification_uri,
    expiresIn: found.expires_in,
    interval: found.interval ?? 5,
  };
}

function poll(deviceCode) {
  let status, found;
  try {
    [status, found] = post("/token", { device_code: deviceCode, grant_type: GRANT });
  } catch (e) {
    return { tag: "error", val: why(e) };
  }
  if (status === 200) {
    storage.set("access_token", found.access_token);
    log.info("authenticated");
    return { tag: "success", val: found.access_token };
  }
  if (found.error === "authorization_pending" || found.error === "slow_down") return { tag: "pending" };
  if (found.error === "expired_token") return { tag: "expired" };
  return { tag: "error", val: found.error ?? `HTTP ${status}` };
}

export const authPlugin = {
  displayName: () => "Device Flow (JavaScript)",
  status: () => (storage.get("access_token") == null ? "not-authenticated" : "authenticated"),
  startDeviceFlow,
  poll,
  getToken() {
    const token = storage.get("access_token");
    if (token == null) throw "not authenticated";
    return token;
  },
  logout() {
    storage["delete"]("access_token");
  },
};
