// Vercel's AI SDK 7 with its integration for OpenTelemetry.
//
// Without an argument it prints the names of its scenarios; with one it runs it and prints, as JSON, what the
// application knows and no provider can. NODE_PATH names the folder of the modules.

const { createAnthropic } = require("@ai-sdk/anthropic");
const { createOpenAI } = require("@ai-sdk/openai");
const { OpenTelemetry } = require("@ai-sdk/otel");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const { NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");
const ai = require("ai");
const { z } = require("zod");

const system = "You are a terse assistant.";
const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL, apiKey: "unused" });
const anthropic = createAnthropic({ baseURL: `${process.env.ANTHROPIC_BASE_URL}/v1`, apiKey: "unused" });
const mini = () => openai.chat("gpt-4o-mini");

const generate = (prompt, options = {}) =>
  ai.generateText({ model: mini(), system, prompt, maxRetries: 0, ...options });

async function read(prompt, options = {}) {
  const start = performance.now();
  const first = [];
  let failure;
  const onError = ({ error }) => (failure = error);
  const result = ai.streamText({ model: mini(), system, prompt, maxRetries: 0, onError, ...options });
  for await (const _ of result.textStream) {
    if (!first.length) first.push(Math.round(performance.now() - start) / 1000);
  }
  if (failure) throw failure;
  return { first_chunks_s: first };
}

const weather = ai.tool({
  description: "Return the weather of a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async () => ({ temp_c: 21, sky: "sunny" }),
});

const scenarios = {
  chat: () => generate("[chat] What is the capital of France?", { temperature: 0.2 }),
  stream: () => read("[stream] Count for me."),
  tools: () => generate("[tool] Weather in Paris?", { tools: { get_weather: weather }, stopWhen: ai.isStepCount(3) }),
  cached_reasoning: () => generate("[cached] Think hard.", { model: openai.chat("o3-mini"), system: undefined }),
  responses: () => generate("[chat] What is the capital of France?", { model: openai.responses("gpt-4o-mini") }),
  anthropic_cached: () => generate("[written] Go on.", { model: anthropic("claude-sonnet-4-5") }),
  anthropic_stream: () => read("[stream] Count for me.", { model: anthropic("claude-sonnet-4-5") }),
  embeddings: () =>
    ai.embedMany({ model: openai.embedding("text-embedding-3-small"), values: ["first text to embed", "second text"] }),
  err429: () => generate("[err429] boom"),
  err500_stream: () => read("[err500] boom"),
};

async function main() {
  const name = process.argv[2];
  if (!name) return console.log(Object.keys(scenarios).join(" "));
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ "service.name": "capture" }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  ai.registerTelemetry(new OpenTelemetry());
  const packages = ["ai", "@ai-sdk/otel", "@ai-sdk/openai", "@ai-sdk/anthropic"];
  const said = { versions: Object.fromEntries(packages.map((each) => [each, require(`${each}/package.json`).version])) };
  try {
    const { first_chunks_s } = await scenarios[name]();
    if (first_chunks_s) said.first_chunks_s = first_chunks_s;
  } catch (error) {
    said.client_exception = error.name;
  }
  await provider.shutdown();
  console.log(JSON.stringify(said));
}

main();
