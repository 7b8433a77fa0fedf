/* Like the published discord: a channel over a web socket, with a webhook. */
#include "older.h"

static char TOKEN[256];
static int64_t socket_;
static int32_t sent, received;

static str token(void) {
  str found = storage_get(S("discord_bot_token"));
  if (!found.n) found = env_get(S("DISCORD_BOT_TOKEN"));
  if (found.n > (int32_t)sizeof TOKEN) return (str){ 0, 0 };
  memcpy(TOKEN, found.p, (size_t)found.n);
  return (str){ TOKEN, found.n };
}
static void put_message(out *o, str from, str user, str text) {
  if (o->n > 1) put(o, S(","));
  put(o, S("{\"conversation_id\":\"")), put(o, from), put(o, S("\",\"user_id\":\"")), put(o, user);
  put(o, S("\",\"text\":\"")), put(o, text), put(o, S("\",\"metadata_json\":\"{\\\"discord\\\":{}}\"}"));
  received++;
}

EXPORT(channel_info) int32_t channel_info(char *ret) {
  return say(ret, S("{\"description\":\"Discord interactions channel\",\"display_name\":\"Discord\",\"id\":\"discord\","
                    "\"supports_edits\":false,\"supports_streaming\":false}"));
}
EXPORT(channel_start) int32_t channel_start(void) { return log_info(S("discord channel plugin started")), 0; }
EXPORT(channel_stop) int32_t channel_stop(void) {
  if (socket_) ws_close_(socket_, RETURNED), socket_ = 0;
  return log_info(S("discord channel plugin stopped")), 0;
}
EXPORT(channel_auth_status) int32_t channel_auth_status(void) {
  if (!env_get(S("DISCORD_PUBLIC_KEY")).n) return 2;
  return token().n ? 1 : 2;
}
EXPORT(channel_auth_init) int32_t channel_auth_init(const char *p, int32_t n) {
  str given = json_text((str){ p, n }, S("\"bot_token\""));
  return given.n && storage_set(S("discord_bot_token"), given) ? 0 : -1;
}
EXPORT(channel_auth_logout) int32_t channel_auth_logout(void) { return storage_delete_(AT(S("discord_bot_token"))); }

/* What the socket has, up to 25 messages; it is opened when it is first asked. */
EXPORT(channel_poll) int32_t channel_poll(char *ret) {
  out o = { ret, 0 };
  put(&o, S("["));
  str url = env_get(S("DISCORD_GATEWAY"));
  if (!url.n) url = S("wss://gateway.discord.gg/?v=10&encoding=json");
  if (!socket_) {
    str headers = S("[]"), got = returned(ws_connect_(AT(url), AT(headers), RETURNED));
    if (find(got, S("\"ok\":true")) < 0) return log_error(S("gateway connect failed")), say(ret, S("[]"));
    socket_ = json_number(got, S("\"handle\""));
  }
  for (int32_t i = 0; i < 25; i++) {
    str got = returned(ws_recv_(socket_, 0, 65536, RETURNED));
    if (find(got, S("\"ok\":true")) < 0 || find(got, S("\"closed\":true")) >= 0) {
      ws_close_(socket_, RETURNED), socket_ = 0;
      break;
    }
    str text = json_text(got, S("\"message\""));
    if (!text.n) break;
    put_message(&o, S("channel-1"), S("user-1"), text);
  }
  put(&o, S("]"));
  return o.n;
}
EXPORT(channel_send) int32_t channel_send(const char *p, int32_t n, char *ret) {
  str asked = { p, n }, text = json_text(asked, S("\"text\"")), to = json_text(asked, S("\"conversation_id\""));
  if (!token().n) return say(ret, S("{\"success\":false,\"error\":\"no valid send token\"}"));
  out o = { ret, 0 };
  if (socket_) {
    str got = returned(ws_send_(socket_, AT(text), RETURNED));
    if (find(got, S("\"ok\":true")) < 0) return say(ret, S("{\"success\":false,\"error\":\"not sent\"}"));
  }
  sent++;
  put(&o, S("{\"success\":true,\"message_id\":\"")), put(&o, to), put(&o, S("-")), put_number(&o, sent);
  put(&o, S("\",\"error\":null}"));
  return o.n;
}
EXPORT(channel_handle_webhook) int32_t channel_handle_webhook(const char *p, int32_t n, char *ret) {
  str asked = { p, n };
  if (!eq(json_text(asked, S("\"method\"")), S("POST")))
    return say(ret, S("{\"status\":405,\"headers\":[[\"Allow\",\"POST\"]],\"body\":\"method not allowed\",\"messages\":[]}"));
  out o = { ret, 0 };
  put(&o, S("{\"status\":200,\"headers\":[[\"Content-Type\",\"application/json\"]],\"body\":\"{\\\"type\\\":5}\",\"messages\":"));
  out m = { ret + o.n, 0 };
  put(&m, S("[")), put_message(&m, S("channel-2"), S("user-2"), json_text(asked, S("\"body\""))), put(&m, S("]"));
  o.n += m.n;
  put(&o, S("}"));
  return o.n;
}
EXPORT(channel_handle_gateway_event) int32_t channel_handle_gateway_event(const char *p, int32_t n, char *ret) {
  out o = { ret, 0 };
  put(&o, S("[")), put_message(&o, S("channel-3"), S("user-3"), json_text((str){ p, n }, S("\"content\""))), put(&o, S("]"));
  return o.n;
}
EXPORT(channel_widget_state) int32_t channel_widget_state(char *ret) {
  out o = { ret, 0 };
  put(&o, socket_ ? S("{\"status\":\"connected\"") : S("{\"status\":\"disconnected\""));
  put(&o, S(",\"messages\":{\"sent\":")), put_number(&o, sent), put(&o, S(",\"received\":")), put_number(&o, received);
  put(&o, S("}}"));
  return o.n;
}
