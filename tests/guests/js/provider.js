// The provider plugin of plugins/openai-compat, in JavaScript.
import * as env from "tark:plugin/env";
import * as http from "tark:plugin/http";
import * as log from "tark:plugin/log";

const base = () => env.get("OPENAI_BASE_URL") ?? "https://api.openai.com";
const headers = () => [
  ["authorization", `Bearer ${env.get("OPENAI_API_KEY") ?? ""}`],
  ["content-type", "application/json"],
];
const why = (e) => String(e?.payload?.message ?? e?.payload ?? e?.message ?? e);

function models() {
  try {
    const answer = http.get(`${base()}/v1/models`, headers());
    return answer.status === 200 ? JSON.parse(answer.body).data.map((model) => model.id) : [];
  } catch (e) {
    log.warn(why(e));
    return [];
  }
}

function chat(messages, model) {
  const turns = messages.map(({ role, content }) => ({ role, content }));
  let answer;
  try {
    answer = http.post(`${base()}/v1/chat/completions`, JSON.stringify({ model, messages: turns }), headers());
  } catch (e) {
    throw why(e);
  }
  if (answer.status !== 200) throw `HTTP ${answer.status}: ${answer.body.slice(0, 200)}`;
  const { choices, usage } = JSON.parse(answer.body);
  return {
    text: choices[0].message.content,
    usage: usage && { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens },
  };
}

export const providerPlugin = { name: () => "openai-compat", models, chat };
