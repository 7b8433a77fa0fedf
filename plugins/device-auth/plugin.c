/* device-auth: the OAuth 2.0 device authorization grant (RFC 8628) against one server. */
#define TARK_AUTH
#include "tark.h"

#define GRANT "&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code="

typedef struct { uint16_t status; str doc, why; } answer; /* doc is empty when why says what went wrong */

static str env_or(str name, str otherwise) {
  opt_str value = env_get(name);
  return value.some ? value.val : otherwise;
}

static answer post(str path, str extra) {
  static const header HEADERS[] = {
    { S("content-type"), S("application/x-www-form-urlencoded") }, { S("accept"), S("application/json") },
  };
  buf body = { 0 };
  puts_(&body, S("client_id=")), put_form(&body, env_or(S("DEVICE_AUTH_CLIENT_ID"), S("tark-cli")));
  puts_(&body, extra);
  str url = cat(env_or(S("DEVICE_AUTH_URL"), S("https://auth.example.com")), path);
  http_result r = http_post(url, done(&body), HEADERS, 2);
  if (r.err) return (answer){ 0, J_NONE, r.error.message };
  return (answer){ r.ok.status, j_parse(r.ok.body), S("the answer is not JSON") };
}

str plugin_display_name(void) { return S("Device Flow (example)"); }

int plugin_status(void) {
  return storage_get(S("access_token")).some ? AUTH_AUTHENTICATED : AUTH_NOT_AUTHENTICATED;
}

device_code_result plugin_start_device_flow(void) {
  device_code code = { 0 };
  answer a = post(S("/device/code"), S("&scope=openid"));
  if (!a.doc.len) return (device_code_result){ true, .error = a.why };
  if (a.status != 200 || !j_str(j_get(a.doc, S("device_code")), &code.device_code) ||
      !j_str(j_get(a.doc, S("user_code")), &code.user_code) ||
      !j_str(j_get(a.doc, S("verification_uri")), &code.verification_url) ||
      !j_u64(j_get(a.doc, S("expires_in")), &code.expires_in))
    return (device_code_result){ true, .error = S("unexpected answer from the device endpoint") };
  if (!j_u64(j_get(a.doc, S("interval")), &code.interval)) code.interval = 5; /* RFC 8628, section 3.2 */
  return (device_code_result){ false, .ok = code };
}

poll_result plugin_poll(str code) {
  str token, error;
  buf extra = { 0 };
  puts_(&extra, S(GRANT)), put_form(&extra, code);
  answer a = post(S("/token"), done(&extra));
  if (!a.doc.len) return (poll_result){ POLL_ERROR, a.why };
  if (a.status == 200 && j_str(j_get(a.doc, S("access_token")), &token)) {
    res_str saved = storage_set(S("access_token"), token);
    if (saved.err) return (poll_result){ POLL_ERROR, saved.val };
    log_info(S("authenticated"));
    return (poll_result){ POLL_SUCCESS, token };
  }
  if (!j_str(j_get(a.doc, S("error")), &error))
    return (poll_result){ POLL_ERROR, S("unexpected answer from the token endpoint") };
  if (eq(error, S("authorization_pending")) || eq(error, S("slow_down")))
    return (poll_result){ POLL_PENDING, S("") };
  if (eq(error, S("expired_token"))) return (poll_result){ POLL_EXPIRED, S("") };
  return (poll_result){ POLL_ERROR, error };
}

res_str plugin_get_token(void) {
  opt_str token = storage_get(S("access_token"));
  return token.some ? (res_str){ false, token.val } : (res_str){ true, S("not authenticated") };
}

res_str plugin_logout(void) { return storage_delete(S("access_token")); }
