// Talks to kvasir through OpenAI's own client, which knows nothing of kvasir: only the base URL is another one.
// It ends with an error if an answer is not what the client's documentation promises.
//
//   npm ci && node main.mjs http://127.0.0.1:8080/v1
import assert from "node:assert/strict";
import OpenAI from "openai";

const [baseURL] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: process.env.OPENAI_API_KEY ?? "none" });
const asking = (content, more = {}) => ({
  model: "gpt-4o-mini",
  messages: [{ role: "user", content }],
  max_completion_tokens: 100,
  ...more,
});
const question = "What is the capital of Niger?";
const city = {
  type: "object",
  properties: { city: { type: "string", enum: ["Paris", "Niamey"] } },
  required: ["city"],
  additionalProperties: false,
};

const steps = {
  async models() {
    const models = await client.models.list();
    assert.equal(models.data.length, 1);
    await client.models.retrieve(models.data[0].id);
  },

  async chat() {
    const first = await client.chat.completions.create(asking(question));
    const second = await client.chat.completions.create(asking(question));
    assert.equal(first.choices[0].message.content, second.choices[0].message.content);
    assert.equal(first.choices[0].finish_reason, "stop");
    assert.ok(first.usage.total_tokens > 0);
  },

  // A stream says what a whole answer says.
  async stream() {
    const whole = await client.chat.completions.create(asking(question));
    const chunks = client.chat.completions.stream(asking(question, { stream_options: { include_usage: true } }));
    const all = await chunks.finalChatCompletion();
    assert.equal(all.choices[0].message.content, whole.choices[0].message.content);
    assert.equal(all.choices[0].finish_reason, whole.choices[0].finish_reason);
    assert.equal(all.usage.total_tokens, whole.usage.total_tokens);
  },

  // The model calls a function, and is told what came of that.
  async tools() {
    const request = asking("How is the weather in Paris?", {
      tools: [{ type: "function", function: { name: "weather", description: "Tells the weather of a city.", parameters: city } }],
      tool_choice: { type: "function", function: { name: "weather" } },
    });
    const { message, finish_reason } = (await client.chat.completions.create(request)).choices[0];
    assert.equal(finish_reason, "tool_calls");
    assert.ok(JSON.parse(message.tool_calls[0].function.arguments).city);
    request.messages.push(message, { role: "tool", tool_call_id: message.tool_calls[0].id, content: "sunny" });
    request.tool_choice = "none";
    assert.ok((await client.chat.completions.create(request)).choices[0].message.content);
  },

  async "streamed tools"() {
    const chunks = client.chat.completions.stream(
      asking("How is the weather in Paris?", {
        tools: [{ type: "function", function: { name: "weather", parameters: city } }],
        tool_choice: "required",
        parallel_tool_calls: false,
      }),
    );
    const { message } = (await chunks.finalChatCompletion()).choices[0];
    assert.ok(JSON.parse(message.tool_calls[0].function.arguments).city);
  },

  async schema() {
    const answer = await client.chat.completions.create(
      asking("Name a city as JSON.", { response_format: { type: "json_schema", json_schema: { name: "city", strict: true, schema: city } } }),
    );
    assert.ok(JSON.parse(answer.choices[0].message.content).city);
  },

  async errors() {
    await assert.rejects(client.chat.completions.create(asking(question, { logprobs: true })), (e) => {
      return e instanceof OpenAI.BadRequestError && e.param === "logprobs" && e.type === "invalid_request_error";
    });
    await assert.rejects(client.models.retrieve("no-such-model"), (e) => e instanceof OpenAI.NotFoundError && e.code === "model_not_found");
  },

  // Leaves a stream at its first chunk, and asks something else.
  async cancellation() {
    const chunks = await client.chat.completions.create(asking("Tell me a long story.", { stream: true }));
    for await (const _ of chunks) break;
    await client.chat.completions.create(asking("And now something else."));
  },

  async completion() {
    const answer = await client.completions.create({ model: "gpt-3.5-turbo-instruct", prompt: "Once upon a time", max_tokens: 5 });
    assert.ok(answer.usage.completion_tokens > 0);
  },

  // Without an encoding_format the client asks for base64, and unpacks it.
  async embeddings() {
    const found = await client.embeddings.create({ model: "text-embedding-3-small", input: ["a", "b"] });
    assert.equal(found.data.length, 2);
    assert.ok(found.data[0].embedding.every((x) => typeof x === "number"));
  },
};

for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
  } catch (e) {
    console.error(`${name}:`, e);
    process.exit(1);
  }
  console.log(name, "ok");
}
