"""OpenAI's shape: models, completions, chat, whole and streamed."""

from typing import Any

import pytest

from tests.controlplane.gateway.door import Door


@pytest.fixture
def poet(field: Any) -> Any:
    return field.endpoint("poet", "text-generation")


def test_models_are_the_endpoints_this_key_can_call(poet: Any, field: Any, door: Door, as_person: Any, people: Any) -> None:
    field.endpoint("mood")
    listed = door.call("GET", "/v1/models").json
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["acme/mood", "acme/poet"]
    assert door.call("GET", "/v1/models/acme/poet").json["object"] == "model"
    assert door.call("GET", "/v1/models/acme%2Fpoet").json["id"] == "acme/poet"
    assert as_person(people.bob.token).call("GET", "/v1/models").json["data"] == []
    missing = as_person(people.bob.token).call("GET", "/v1/models/acme/poet")
    assert (missing.status, missing.json["error"]["type"]) == (404, "not_found_error")
    assert as_person("").call("GET", "/v1/models").status == 401


def test_a_chat(poet: Any, field: Any, door: Door) -> None:
    answer = door.chat("hi", max_tokens=2, temperature=0, stop="x", seed=3)
    assert answer.status == 200
    said = answer.json
    assert said["id"].startswith("chatcmpl-")
    assert said["object"] == "chat.completion"
    assert said["model"] == "acme/poet"
    assert said["choices"][0]["message"] == {"role": "assistant", "content": "<hi>", "refusal": None}
    assert said["choices"][0]["finish_reason"] == "length"
    assert said["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert answer.headers["x-model-version"] == "poet-model@1"
    import json

    sent = json.loads(field.replicas[0].seen[-1][2])
    assert sent["inputs"] == [{"role": "user", "content": "hi"}]
    assert sent["parameters"] == {"return_full_text": False, "max_new_tokens": 2, "do_sample": False, "stop": ["x"], "seed": 3}


def test_a_completion_of_several_prompts(poet: Any, door: Door) -> None:
    answer = door.call("POST", "/v1/completions", {"model": "acme/poet", "prompt": ["a", "b"]})
    assert [choice["text"] for choice in answer.json["choices"]] == ["<a>", "<b>"]
    assert answer.json["usage"]["total_tokens"] == 10
    assert answer.json["object"] == "text_completion"
    assert answer.json["choices"][0]["finish_reason"] == "stop"


def test_a_chat_as_a_stream(poet: Any, door: Door) -> None:
    answer = door.chat("one two", stream=True, stream_options={"include_usage": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.events
    assert events[-1] == "[DONE]"
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events[:-2]) == "onetwo"
    assert events[-3]["choices"][0]["finish_reason"] == "stop"
    assert events[-2]["choices"] == []
    assert events[-2]["usage"]["completion_tokens"] == 2
    assert all(event["usage"] is None for event in events[:-2])


def test_a_completion_as_a_stream(poet: Any, door: Door) -> None:
    answer = door.call("POST", "/v1/completions", {"model": "acme/poet", "prompt": "a b", "stream": True, "max_tokens": 2})
    assert [event["choices"][0]["text"] for event in answer.events[:-1]] == ["a", "b", ""]
    assert answer.events[-2]["choices"][0]["finish_reason"] == "length"


def test_a_stream_that_is_lost_ends_with_an_error(poet: Any, door: Door) -> None:
    events = door.chat("one die", stream=True).events
    assert events[-1]["error"]["code"] == "replica_lost"


def test_what_cannot_be_obeyed_is_refused_by_name(poet: Any, door: Door) -> None:
    for more, name in (
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"surprise": 1}, "surprise"),
        ({"frequency_penalty": 1.5}, "frequency_penalty"),
    ):
        answer = door.chat("hi", **more)
        assert answer.status == 422, more
        assert answer.json["error"]["param"] == name
        assert answer.json["error"]["type"] == "invalid_request_error"


def test_neutral_values_are_taken(poet: Any, door: Door) -> None:
    more = {"n": 1, "logprobs": False, "tools": [], "presence_penalty": 0, "frequency_penalty": 0.0, "user": "me", "stop": None}
    assert door.chat("hi", **more).status == 200


def test_bad_json_is_400(poet: Any, door: Door) -> None:
    for raw in (b"{", b"", b'{"model": NaN}', b"\xff"):
        answer = door.call("POST", "/v1/chat/completions", raw=raw, Content_Type="application/json")
        assert (answer.status, answer.code) == (400, "bad_json"), raw


def test_an_unknown_model_and_a_route_that_is_not_there(poet: Any, door: Door) -> None:
    assert door.chat("x", "acme/none").status == 404
    assert door.chat("x", "nonsense").json["error"]["code"] == "endpoint_not_found"
    for path in ("/v1/embeddings", "/v1/audio/speech", "/v1/images/generations", "/v1/nothing", "/v1"):
        answer = door.call("POST", path, {})
        assert answer.status == 404, path
        assert answer.json["error"]["code"] == "unknown_url"


def test_a_classifier_does_not_chat(field: Any, door: Door) -> None:
    field.endpoint()
    assert door.chat("x", "acme/mood").code == "wrong_task"


def test_the_endpoints_own_address_serves_what_clients_append(poet: Any, door: Door) -> None:
    body = {"model": "dummy", "messages": [{"role": "user", "content": "hi"}]}
    assert door.call("POST", "/v1/endpoints/acme/poet/v1/chat/completions", body).json["choices"][0]["message"]["content"] == "<hi>"


def test_the_hugging_face_stream(poet: Any, door: Door) -> None:
    body = {"inputs": "one two", "parameters": {"details": True, "watermark": False, "top_k": None}, "stream": True}
    events = door.call("POST", "/v1/endpoints/acme/poet", body).events
    assert "".join(event["token"]["text"] for event in events) == "onetwo"
    assert events[-1]["generated_text"] == "onetwo"
    assert events[-1]["details"]["generated_tokens"] == 2


def test_missing_key_in_openai_shape(poet: Any, as_person: Any) -> None:
    answer = as_person("").chat("hi")
    assert answer.status == 401
    assert answer.json["error"]["type"] == "authentication_error"
