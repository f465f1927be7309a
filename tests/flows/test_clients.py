"""Other people's clients against the whole platform: `openai`, `huggingface_hub.InferenceClient`, `transformers.from_pretrained`."""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.flows.streaming import Reader
from tests.stack import Api, Stack

pytestmark = pytest.mark.torch

POEMS = [
    "床前明月光疑是地上霜",
    "举头望明月低头思故乡",
    "春眠不觉晓处处闻啼鸟",
    "夜来风雨声花落知多少",
    "白日依山尽黄河入海流",
    "欲穷千里目更上一层楼",
]
GOOD = ["房间很干净", "服务非常好", "早餐丰富可口", "位置方便", "值得推荐"]
BAD = ["房间又脏又旧", "服务太差", "早餐难吃", "位置偏僻", "后悔入住"]


@pytest.fixture(scope="module")
def api(stack: Stack) -> Api:
    return stack.client("clients@example.org", "clients")


@pytest.fixture(scope="module")
def poet(api: Api) -> str:
    """A language model of a few seconds, deployed."""
    rng = random.Random(0)
    text = "\n".join("，".join(rng.sample(POEMS, 3)) + "。" for _ in range(400))
    version = api.dataset("poems", "poems.txt", text.encode())
    assert version["state"] == "ready", version["error"]
    params = {"max_steps": 30, "hidden_size": 64, "layers": 1, "max_length": 32, "batch_size": 8}
    job = api.train(recipe="text-generation/pretrain", dataset="poems@1", params=params, model_name="poet", seconds=280)
    assert job["state"] == "succeeded", job["error"]
    endpoint = api.deploy("poet", job["model"])
    assert endpoint["state"] == "ready", endpoint["reason"]
    return "clients/poet"


@pytest.fixture(scope="module")
def mood(api: Api) -> dict[str, Any]:
    """A small classifier trained from scratch, deployed; its endpoint."""
    rng = random.Random(0)
    rows = [f"{rng.choice(GOOD)}，{rng.choice(GOOD)},好评" for _ in range(120)] + [
        f"{rng.choice(BAD)}，{rng.choice(BAD)},差评" for _ in range(120)
    ]
    rng.shuffle(rows)
    version = api.dataset("hotel", "hotel.csv", ("text,label\n" + "\n".join(rows)).encode())
    assert version["state"] == "ready", version["error"]
    params = {"epochs": 2}
    job = api.train(recipe="text-classification/finetune", dataset="hotel@1", params=params, model_name="mood", seconds=280)
    assert job["state"] == "succeeded", job["error"]
    endpoint = api.deploy("mood", job["model"])
    assert endpoint["state"] == "ready", endpoint["reason"]
    return dict(endpoint)


@pytest.fixture
def openai_client(api: Api) -> Any:
    from openai import OpenAI

    return OpenAI(base_url=f"{api.base}/v1", api_key=api.token, max_retries=0)


def test_openai_lists_the_models(openai_client: Any, poet: str) -> None:
    assert poet in [model.id for model in openai_client.models.list()]
    assert openai_client.models.retrieve(poet).id == poet


def test_openai_completes(openai_client: Any, poet: str) -> None:
    answer = openai_client.completions.create(model=poet, prompt="床前", max_tokens=8, temperature=0)
    assert answer.choices[0].text
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert 0 < answer.usage.completion_tokens <= 8
    assert answer.id.startswith("cmpl-")
    again = openai_client.completions.create(model=poet, prompt="床前", max_tokens=8, temperature=0)
    assert again.choices[0].text == answer.choices[0].text


def test_openai_streams_what_it_would_have_answered(openai_client: Any, poet: str) -> None:
    asked = {"model": poet, "prompt": "春眠", "max_tokens": 12, "temperature": 0}
    whole = openai_client.completions.create(**asked).choices[0].text
    pieces = [chunk.choices[0].text for chunk in openai_client.completions.create(**asked, stream=True) if chunk.choices]
    assert "".join(pieces) == whole


def test_openai_chats(openai_client: Any, poet: str) -> None:
    messages = [{"role": "system", "content": "你是诗人"}, {"role": "user", "content": "举头"}]
    answer = openai_client.chat.completions.create(model=poet, messages=messages, max_tokens=8)
    assert answer.choices[0].message.role == "assistant"
    chunks = list(
        openai_client.chat.completions.create(
            model=poet, messages=messages, max_completion_tokens=8, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].usage.completion_tokens > 0
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] in ("stop", "length")


def test_openai_raises_its_own_errors(openai_client: Any, api: Api, poet: str) -> None:
    import openai

    with pytest.raises(openai.NotFoundError):
        openai_client.chat.completions.create(model="clients/none", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(openai.NotFoundError):
        openai_client.embeddings.create(model=poet, input="x")
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        openai_client.completions.create(model=poet, prompt="x", n=3)
    assert refused.value.param == "n"
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{api.base}/v1", api_key="slw_wrong", max_retries=0).models.list()


def test_F23_twenty_streams_outlive_a_rollout(api: Api, poet: str) -> None:
    """While short answers are asked for beside them. Streams that began on the old revision end on it, whole."""
    readers = [*(Reader(api, poet, 600) for _ in range(20)), *(Reader(api, poet, 4, stream=False) for _ in range(2))]
    for reader in readers:
        reader.start()
    time.sleep(3)
    begun = time.monotonic()
    assert api.call("PATCH", "…/endpoints/poet", {"model": "poet@1"})[0] == 200
    assert api.wait("…/endpoints/poet", {"ready", "degraded", "failed"}, 60)["state"] == "ready"
    routed = time.monotonic()
    while api.get("…/endpoints/poet")["revisions"][0]["state"] != "stopped":
        assert time.monotonic() - routed < 30, "the old revision does not drain"
        time.sleep(0.2)
    drained = time.monotonic()
    time.sleep(1)
    for reader in readers:
        reader.done.set()
    for reader in readers:
        reader.join(60)
    answers = [seen for reader in readers for seen in reader.seen]
    streams = [seen for reader in readers[:20] for seen in reader.seen]
    crossed = [seen for seen in streams if seen.begun < routed < seen.ended and seen.revision == "1"]
    print(f"{len(streams)} streams, {len(answers) - len(streams)} short answers; {len(crossed)} streams crossed the change")
    print(f"ready after {routed - begun:.1f} s, drained {drained - routed:.1f} s later")
    assert [fault for reader in readers for fault in reader.faults] == []
    assert {seen.status for seen in answers} == {200}
    assert all(seen.whole for seen in answers)
    assert {seen.revision for seen in answers} == {"1", "2"}
    assert len(crossed) >= 5


@pytest.fixture
def hugging_face(api: Api, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client made for one endpoint; offline mode would refuse even this machine."""
    from huggingface_hub import InferenceClient, constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    return lambda endpoint: InferenceClient(model=f"{api.base}/v1/endpoints/{endpoint}", token=api.token)


def test_inference_client_classifies(hugging_face: Any, mood: dict[str, Any]) -> None:
    found = hugging_face("clients/mood").text_classification("房间很干净，服务非常好")
    assert {entry.label for entry in found} == {"好评", "差评"}
    assert abs(sum(entry.score for entry in found) - 1) < 0.01
    assert found[0].score >= found[1].score
    assert len(hugging_face("clients/mood").text_classification("服务太差", top_k=1)) == 1


def test_inference_client_generates(hugging_face: Any, poet: str) -> None:
    client = hugging_face(poet)
    text = client.text_generation("床前", max_new_tokens=8, do_sample=False)
    assert isinstance(text, str)
    assert client.text_generation("床前", max_new_tokens=8, do_sample=False, return_full_text=True) == "床前" + text
    assert "".join(client.text_generation("床前", max_new_tokens=8, do_sample=False, stream=True)) == text
    assert client.text_generation("床前", max_new_tokens=8, do_sample=False, details=True).generated_text == text


def test_inference_client_chats(hugging_face: Any, poet: str) -> None:
    client = hugging_face(poet)
    messages = [{"role": "user", "content": "白日"}]
    answer = client.chat_completion(messages, max_tokens=8)
    assert answer.choices[0].message.content is not None
    chunks = [chunk for chunk in client.chat_completion(messages, max_tokens=8, stream=True) if chunk.choices]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


@pytest.fixture(scope="module")
def colour(api: Api) -> str:
    """An image classifier of a few seconds, trained on an archive of class folders, deployed."""
    import io
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(60):
            name = ("red", "blue")[number % 2]
            archive.writestr(f"{name}/{number}.png", picture(name, number))
    version = api.dataset("colours", "colours.zip", packed.getvalue())
    assert version["state"] == "ready", version["error"]
    params = {"epochs": 4, "image_size": 32, "batch_size": 16}
    job = api.train(recipe="image-classification/finetune", dataset="colours@1", params=params, model_name="colour", seconds=280)
    assert job["state"] == "succeeded", job["error"]
    endpoint = api.deploy("colour", job["model"])
    assert endpoint["state"] == "ready", endpoint["reason"]
    return "clients/colour"


def picture(name: str, seed: int) -> bytes:
    """A PNG of 32 x 32 pixels, mostly red or mostly blue."""
    import io

    from PIL import Image

    rng = random.Random(seed)
    low, high = [rng.randrange(60) for _ in range(2)], 180 + rng.randrange(70)
    shown = (high, *low) if name == "red" else (*low, high)
    out = io.BytesIO()
    Image.new("RGB", (32, 32), shown).save(out, "PNG")
    return out.getvalue()


def test_inference_client_sees(hugging_face: Any, colour: str, api: Api, tmp_path: Path) -> None:
    client = hugging_face(colour)
    found = client.image_classification(picture("red", 1001))
    assert {entry.label for entry in found} == {"red", "blue"}
    path = tmp_path / "blue.png"
    path.write_bytes(picture("blue", 1002))
    assert client.image_classification(str(path))[0].label == "blue"
    assert len(client.image_classification(path.read_bytes(), top_k=1)) == 1
    status, problem = api.call("POST", f"/v1/endpoints/{colour}", raw=b"no picture", headers={"Content-Type": "image/png"})
    assert status in (415, 422)
    assert problem["error"]


def download(api: Api, reference: str, folder: Path) -> Path:
    """Every file by its exact name, as any client would."""
    import urllib.request

    name, number = reference.split("@")
    for file in api.get(f"…/models/{name}/versions/{number}/files")["items"]:
        path = folder / file["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        request = urllib.request.Request(api.base + file["url"], headers={"Authorization": f"Bearer {api.token}"})
        with urllib.request.urlopen(request) as answer:
            path.write_bytes(answer.read())
        assert path.stat().st_size == file["size"]
    return folder


def test_from_pretrained_opens_the_classifier_and_agrees(api: Api, mood: dict[str, Any], tmp_path: Path) -> None:
    from transformers import pipeline

    folder = download(api, mood["model"], tmp_path)
    here = pipeline("text-classification", model=str(folder), top_k=None)
    for text in ("房间很干净", "早餐难吃，后悔入住"):
        local = {entry["label"]: entry["score"] for entry in here([text])[0]}
        served = {entry["label"]: entry["score"] for entry in api.predict("mood", text)[0]}
        assert set(local) == set(served)
        assert all(abs(local[label] - served[label]) < 0.02 for label in local)


def test_from_pretrained_opens_the_language_model(api: Api, poet: str, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = download(api, "poet@1", tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForCausalLM.from_pretrained(folder)
    given = tokenizer("床前", return_tensors="pt")
    made = network.generate(**given, max_new_tokens=8, do_sample=False)
    text = tokenizer.decode(made[0][given["input_ids"].shape[1] :], skip_special_tokens=True)
    served = api.predict("poet", "床前", max_new_tokens=8, do_sample=False)[0]["generated_text"]
    assert text.replace(" ", "") == served.replace(" ", "")
