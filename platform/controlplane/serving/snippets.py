"""How to call an endpoint, as code: exactly what the playground does."""

import json
from typing import Any

from controlplane.registry.example import request_of
from controlplane.serving.models import Endpoint, Revision
from controlplane.serving.schemas import base_url, endpoint_url


def example(revision: Revision | None) -> dict[str, Any]:
    """A request its version understands."""
    version = revision.model_version if revision else None
    return request_of(version.recipe, version.lineage) if version else {"inputs": "…"}


def snippets(endpoint: Endpoint, revision: Revision | None) -> list[tuple[str, str]]:
    """(language, code) for curl, Python and JavaScript."""
    inputs = example(revision)["inputs"]
    if endpoint.task == "text-generation":
        return _generation(f"{base_url()}/v1", f"{endpoint.workspace.slug}/{endpoint.name}", inputs)
    if endpoint.task.startswith("image"):
        return _image(endpoint_url(endpoint), endpoint.task.replace("-", "_"))
    return _text(endpoint_url(endpoint), endpoint.task.replace("-", "_"), inputs)


def _curl(url: str, kind: str, data: str) -> str:
    return f'curl {url} \\\n  -H "Authorization: Bearer $SLIPWAY_TOKEN" \\\n  -H "Content-Type: {kind}" \\\n  {data}'


def _text(url: str, method: str, inputs: Any) -> list[tuple[str, str]]:
    said = json.dumps(inputs, ensure_ascii=False)
    quoted = json.dumps({"inputs": inputs}, ensure_ascii=False).replace("'", "'\\''")
    return [
        ("curl", _curl(url, "application/json", f"-d '{quoted}'")),
        (
            "Python",
            "import os\nfrom huggingface_hub import InferenceClient\n\n"
            f'client = InferenceClient(model="{url}", token=os.environ["SLIPWAY_TOKEN"])\nprint(client.{method}({said}))',
        ),
        (
            "JavaScript",
            f'const answer = await fetch("{url}", {{\n  method: "POST",\n'
            '  headers: { Authorization: `Bearer ${process.env.SLIPWAY_TOKEN}`, "Content-Type": "application/json" },\n'
            f"  body: JSON.stringify({{ inputs: {said} }}),\n}});\nconsole.log(await answer.json());",
        ),
    ]


def _image(url: str, method: str) -> list[tuple[str, str]]:
    return [
        ("curl", _curl(url, "image/jpeg", "--data-binary @picture.jpg")),
        (
            "Python",
            "import os\nfrom huggingface_hub import InferenceClient\n\n"
            f'client = InferenceClient(model="{url}", token=os.environ["SLIPWAY_TOKEN"])\nprint(client.{method}("picture.jpg"))',
        ),
        (
            "JavaScript",
            f'import {{ readFile }} from "node:fs/promises";\n\nconst answer = await fetch("{url}", {{\n  method: "POST",\n'
            '  headers: { Authorization: `Bearer ${process.env.SLIPWAY_TOKEN}`, "Content-Type": "image/jpeg" },\n'
            '  body: await readFile("picture.jpg"),\n});\nconsole.log(await answer.json());',
        ),
    ]


def _generation(base: str, model: str, prompt: str) -> list[tuple[str, str]]:
    said = json.dumps(prompt, ensure_ascii=False)
    body = json.dumps({"model": model, "prompt": prompt, "max_tokens": 64}, ensure_ascii=False).replace("'", "'\\''")
    return [
        ("curl", _curl(f"{base}/completions", "application/json", f"-d '{body}'")),
        (
            "Python",
            f'import os\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="{base}", api_key=os.environ["SLIPWAY_TOKEN"])\n'
            f'stream = client.completions.create(model="{model}", prompt={said}, max_tokens=64, stream=True)\n'
            'for part in stream:\n    print(part.choices[0].text, end="")',
        ),
        (
            "JavaScript",
            f'import OpenAI from "openai";\n\nconst client = new OpenAI({{ baseURL: "{base}", apiKey: process.env.SLIPWAY_TOKEN }});\n'
            f'const stream = await client.completions.create({{ model: "{model}", prompt: {said}, max_tokens: 64, stream: true }});\n'
            'for await (const part of stream) process.stdout.write(part.choices[0]?.text ?? "");',
        ),
    ]
