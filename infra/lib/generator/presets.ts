import type { Key } from './keys';

type Preset = Partial<Record<Extract<Key, `openai${string}`>, string | boolean | object>>;

/**
 * Default values of the `openai*` keys for known servers and providers: only settings, no behaviour of its own. A key in
 * the context wins. Each row has the public source of what it sets; docs/GENERATORS.md has them in a table, with what is
 * not verified. Servers of one's own have no address here: the worker reaches none at localhost.
 */
export const presets = {
  openai: {
    openaiBaseUrl: 'https://api.openai.com/v1', // https://platform.openai.com/docs/api-reference/chat
  },
  azure: {
    // Both /openai/v1 and deployments take it: https://learn.microsoft.com/en-us/azure/foundry/openai/api-version-lifecycle
    openaiKeyHeader: 'api-key',
  },
  openrouter: {
    openaiBaseUrl: 'https://openrouter.ai/api/v1', // https://openrouter.ai/docs/api-reference/overview
    // Many endpoints advertise only this name, and the next setting leaves out the others:
    // https://github.com/openstory-so/openstory/pull/1318
    openaiTokenLimit: 'max_tokens',
    // Only providers that honour the schema: https://openrouter.ai/docs/features/provider-routing
    openaiExtraBody: { provider: { require_parameters: true } },
  },
  groq: {
    // The default format, a strict schema without limits, for the models that have it, which
    // https://console.groq.com/docs/structured-outputs lists. minItems is refused:
    // https://github.com/i-am-bee/beeai-framework/issues/1215
    openaiBaseUrl: 'https://api.groq.com/openai/v1', // https://console.groq.com/docs/openai
  },
  deepseek: {
    openaiBaseUrl: 'https://api.deepseek.com/v1', // https://api-docs.deepseek.com
    openaiTokenLimit: 'max_tokens', // https://api-docs.deepseek.com/api/create-chat-completion
    // json_schema is refused: https://github.com/dzhng/deep-research/issues/22
    openaiResponseFormat: 'json_object', // https://api-docs.deepseek.com/guides/json_mode
  },
  gemini: {
    openaiBaseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai', // https://ai.google.dev/gemini-api/docs/openai
  },
  mistral: {
    openaiBaseUrl: 'https://api.mistral.ai/v1', // https://ai-sdk.dev/v5/providers/ai-sdk-providers/mistral
    // max_completion_tokens is refused with 422: https://github.com/editor-code-assistant/eca/issues/231
    openaiTokenLimit: 'max_tokens', // https://docs.mistral.ai/capabilities/structured-output/custom_structured_output
  },
  ollama: {
    openaiTokenLimit: 'max_tokens', // https://docs.ollama.com/api/openai-compatibility
  },
  vllm: {}, // The defaults: https://docs.vllm.ai/en/stable/serving/openai_compatible_server
  llamacpp: {
    openaiSchemaLimits: true, // https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
  },
  lmstudio: {
    // The default format: https://lmstudio.ai/docs/advanced/structured-output
    openaiTokenLimit: 'max_tokens', // https://github.com/lmstudio-ai/docs/pull/34
  },
  litellm: {}, // The defaults: https://docs.litellm.ai/docs/proxy/docker_quick_start
} as const satisfies Record<string, Preset>;

/** The usual addresses of the presets without one. */
export const addressForms: Partial<Record<PresetName, string>> = {
  azure: 'https://<resource>.openai.azure.com/openai/v1',
  ollama: 'http://<host>:11434/v1',
  vllm: 'http://<host>:8000/v1',
  llamacpp: 'http://<host>:8080/v1',
  lmstudio: 'http://<host>:1234/v1',
  litellm: 'http://<host>:4000/v1',
};

export type PresetName = keyof typeof presets;
export const presetNames = Object.keys(presets) as PresetName[];
