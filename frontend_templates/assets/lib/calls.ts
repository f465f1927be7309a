// One call of an endpoint: how it is made, and the same call as curl, Python and JavaScript.

export interface PlayConfig {
  kind: "chat" | "completion" | "text" | "image";
  task: string;
  endpoint: string;
  url: string;
  path: string;
  base: string;
  model: string;
  token: string;
  renew: string;
  presets: string;
  saved: { id: string; name: string; values: Values }[];
  example: string;
  pair: { name: string; label: string; value: string }[]; // fields of an input that is no single text
  revisions: { revision: number; name: string; title: string; traffic: number }[];
}
export type Value = string | number | string[];
export type Values = Record<string, Value>;
export type Inputs = string | Record<string, string>;
export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

/** What is asked. text: the newest input · inputs: the same as the model takes it · messages: the chat with it · file: a picture · revision: "" as traffic goes. */
export interface Asked {
  text: string;
  inputs: Inputs;
  messages: Message[];
  file: File | null;
  values: Values;
  revision: string;
}

export interface Call {
  path: string;
  body: Record<string, unknown> | File;
  stream: boolean;
  headers: Record<string, string>;
}

/** The request as it goes out. A picture travels as it is; with parameters, which only JSON can carry, in base64. */
export async function callOf(config: PlayConfig, asked: Asked): Promise<Call> {
  const headers: Record<string, string> = asked.revision ? { "X-Revision": asked.revision } : {};
  if (config.kind === "image" && asked.file && !Object.keys(asked.values).length)
    return { path: config.path, body: asked.file, stream: false, headers: { ...headers, "Content-Type": asked.file.type || "application/octet-stream" } };
  const stream = config.kind === "chat" || config.kind === "completion";
  const inputs = asked.file ? await base64(asked.file) : asked.inputs;
  const path = config.kind === "chat" ? "/v1/chat/completions" : config.kind === "completion" ? "/v1/completions" : config.path;
  return { path, body: bodyOf(config, asked, inputs), stream, headers: { ...headers, "Content-Type": "application/json" } };
}

function bodyOf(config: PlayConfig, asked: Asked, inputs: Inputs): Record<string, unknown> {
  const { system, ...values } = asked.values;
  if (config.kind === "chat") {
    const lead: Message[] = system ? [{ role: "system", content: String(system) }] : [];
    return { model: config.model, messages: [...lead, ...asked.messages], ...values, stream: true, stream_options: { include_usage: true } };
  }
  if (config.kind === "completion") return { model: config.model, prompt: inputs, ...values, stream: true, stream_options: { include_usage: true } };
  return Object.keys(values).length ? { inputs, parameters: values } : { inputs };
}

async function base64(file: File): Promise<string> {
  let text = "";
  for (const byte of new Uint8Array(await file.arrayBuffer())) text += String.fromCharCode(byte);
  return btoa(text);
}

// ---- the same as code -------------------------------------------------------------------------------------------
type Languages = Record<"curl" | "Python" | "JavaScript", string>;

const js = (value: unknown): string => JSON.stringify(value);
const py = (value: unknown): string => {
  if (value === true || value === false) return value ? "True" : "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map(py).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value as object).map(([key, each]) => `${js(key)}: ${py(each)}`).join(", ")}}`;
  return js(value);
};
const shell = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export function codeOf(config: PlayConfig, asked: Asked): Languages {
  if (config.kind === "chat" || config.kind === "completion") return openai(config, asked);
  return hub(config, asked);
}

function curl(url: string, type: string, revision: string, data: string, flags = ""): string {
  const lines = [`curl ${flags}${js(url)}`, '-H "Authorization: Bearer $SLIPWAY_TOKEN"', `-H "Content-Type: ${type}"`];
  if (revision) lines.push(`-H "X-Revision: ${revision}"`);
  return [...lines, data].join(" \\\n  ");
}

function openai(config: PlayConfig, asked: Asked): Languages {
  const chat = config.kind === "chat";
  const body = bodyOf(config, asked, asked.inputs);
  const { model: _model, messages, prompt, ...values } = body;
  const call = chat ? "chat.completions" : "completions";
  const input: [string, unknown] = chat ? ["messages", messages] : ["prompt", prompt];
  const python = [["model", config.model], input, ...Object.entries(values)] as [string, unknown][];
  const pinned = asked.revision ? { "X-Revision": asked.revision } : null;
  return {
    curl: curl(`${config.base}/${chat ? "chat/completions" : "completions"}`, "application/json", asked.revision, `-d ${shell(js(body))}`, "-N "),
    Python: [
      "import os\nfrom openai import OpenAI\n",
      `client = OpenAI(\n  base_url=${js(config.base)},\n  api_key=os.environ["SLIPWAY_TOKEN"],${pinned ? `\n  default_headers=${py(pinned)},` : ""}\n)`,
      `stream = client.${call}.create(`,
      ...python.map(([name, value]) => `  ${name}=${py(value)},`),
      ")\nfor part in stream:",
      `  if part.choices:\n    print(part.choices[0].${chat ? 'delta.content or ""' : "text"}, end="")`,
    ].join("\n"),
    JavaScript: [
      'import OpenAI from "openai";\n',
      `const client = new OpenAI({\n  baseURL: ${js(config.base)},\n  apiKey: process.env.SLIPWAY_TOKEN,${pinned ? `\n  defaultHeaders: ${js(pinned)},` : ""}\n});`,
      `const stream = await client.${call}.create({`,
      ...python.map(([name, value]) => `  ${name}: ${js(value)},`),
      "});\nfor await (const part of stream)",
      `  process.stdout.write(part.choices[0]?.${chat ? "delta.content" : "text"} ?? "");`,
    ].join("\n"),
  };
}

function hub(config: PlayConfig, asked: Asked): Languages {
  const image = config.kind === "image";
  const name = image ? (asked.file?.name ?? "picture.jpg") : "";
  const some = Object.keys(asked.values).length > 0;
  const raw = image && !some;
  const type = raw ? asked.file?.type || "image/jpeg" : "application/json";
  const parameters = js(asked.values);
  const data = raw
    ? `--data-binary ${shell(`@${name}`)}`
    : image
      ? `-d "{\\"inputs\\": \\"$(base64 -w0 ${shell(name)})\\", \\"parameters\\": ${parameters.replaceAll('"', '\\"')}}"`
      : `-d ${shell(js(bodyOf(config, asked, asked.inputs)))}`;
  const given = [py(image ? name : asked.inputs), ...Object.entries(asked.values).map(([key, value]) => `${key}=${py(value)}`)];
  const pinned = asked.revision ? `, headers=${py({ "X-Revision": asked.revision })}` : "";
  const headers = [`Authorization: \`Bearer \${process.env.SLIPWAY_TOKEN}\``, `"Content-Type": ${js(type)}`];
  if (asked.revision) headers.push(`"X-Revision": ${js(asked.revision)}`);
  const file = `await readFile(${js(name)}${raw ? "" : ', "base64"'})`;
  const body = raw ? file : image ? `JSON.stringify({ inputs: ${file}, parameters: ${parameters} })` : `JSON.stringify(${js(bodyOf(config, asked, asked.inputs))})`;
  return {
    curl: curl(config.url, type, asked.revision, data),
    Python: [
      "import os\nfrom huggingface_hub import InferenceClient\n",
      `client = InferenceClient(\n  model=${js(config.url)},\n  token=os.environ["SLIPWAY_TOKEN"]${pinned},\n)`,
      `print(client.${config.task.replaceAll("-", "_")}(${given.join(", ")}))`,
    ].join("\n"),
    JavaScript: [
      ...(image ? ['import { readFile } from "node:fs/promises";\n'] : []),
      `const answer = await fetch(${js(config.url)}, {\n  method: "POST",`,
      `  headers: { ${headers.join(", ")} },`,
      `  body: ${body},\n});\nconsole.log(await answer.json());`,
    ].join("\n"),
  };
}
