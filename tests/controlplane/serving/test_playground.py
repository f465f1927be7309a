"""The playground's page and what it keeps: fields from the recipe's request schema, presets, its short-lived key."""

import html
import json
import re
from typing import Any

from controlplane import catalog
from controlplane.serving.fields import fields

from tests.controlplane.serving.conftest import Plane
from tests.people import People, Person


def config(person: Person, path: str = "/w/acme/playground/mood") -> dict[str, Any]:
    answer = person.in_browser().http.get(path)
    assert answer.status_code == 200
    found = re.search(r'<script id="play-config" type="application/json">(.*?)</script>', answer.content.decode(), re.S)
    assert found
    return dict(json.loads(found[1]))


def test_the_fields_are_those_of_the_request_schema() -> None:
    generation = {f["name"]: f for f in fields(catalog.recipe("text-generation/pretrain"), openai=True, chat=True)}
    assert set(generation) == {"system", "temperature", "top_p", "max_tokens", "seed", "stop"}
    assert (generation["temperature"]["kind"], generation["temperature"]["high"], generation["temperature"]["value"]) == ("range", 2.0, 0.8)
    assert generation["stop"]["kind"] == "lines"
    classes = {f["name"]: f for f in fields(catalog.recipe("text-classification/finetune"), openai=False, chat=False)}
    assert classes["top_k"]["kind"] == "number"
    assert classes["function_to_apply"]["options"] == ["softmax", "sigmoid", "none"]


def test_the_page_knows_what_can_be_asked(plane: Plane, people: People) -> None:
    plane.model()
    people.charlie.post("…/endpoints", {"name": "mood", "model": "clf@1"})
    assert config(people.alice)["revisions"] == []
    plane.ready()
    viewer = people.member("vera", "viewer")
    shown = config(viewer)
    assert shown["kind"] == "text"
    assert [(row["revision"], row["name"], row["traffic"]) for row in shown["revisions"]] == [(1, "v1", 100)]
    assert shown["token"].startswith("slw_")
    assert people.bob.in_browser().http.get("/w/acme/playground/mood").status_code == 404


def test_a_model_of_pairs_is_asked_for_both_in_its_own_words(plane: Plane, people: People) -> None:
    version = plane.model()[0]
    pair = {"text": "屏幕碎了", "text_pair": "能换吗"}
    version.lineage = {"columns": {"text": "问题", "text_pair": "回答", "label": "like"}, "example": pair}
    version.save()
    people.charlie.post("…/endpoints", {"name": "mood", "model": "clf@1"})
    fields = [{"name": "text", "label": "问题", "value": "屏幕碎了"}, {"name": "text_pair", "label": "回答", "value": "能换吗"}]
    assert (config(people.alice)["pair"], config(people.alice)["example"]) == (fields, "")
    page = html.unescape(people.alice.in_browser().http.get("/w/acme/endpoints/mood").content.decode())
    assert '{"inputs": {"text": "屏幕碎了", "text_pair": "能换吗"}}' in page
    assert 'text_classification({"text": "屏幕碎了", "text_pair": "能换吗"})' in page


def test_a_new_token_comes_with_a_call_it_may_make(plane: Plane, people: People) -> None:
    def made(*scopes: str) -> tuple[str, list[str]]:
        person = people.charlie
        person.http.force_login(person.user, backend="allauth.account.auth_backends.AuthenticationBackend")
        page = html.unescape(person.http.post("/tokens", {"name": "ci", "scopes": scopes, "days": "90"}).content.decode())
        text = re.search(r'id="token-text">(.*?)<', page)
        assert text
        return text[1], re.findall(r'id="try-\d">(.*?)</pre>', page, re.S)

    token, codes = made("read", "predict")
    assert len(codes) == 3, "no endpoint answers yet: who one is, is asked"
    assert all(token in code and "/api/v1/me" in code for code in codes)
    assert made("predict")[1] == [], "there is nothing it could call"
    plane.model()
    people.charlie.post("…/endpoints", {"name": "mood", "model": "clf@1"})
    plane.ready()
    token, codes = made("predict")
    assert all(token in code and "/v1/endpoints/acme/mood" in code for code in codes)
    assert all("/api/v1/me" in code for code in made("read")[1])


def test_presets_are_each_persons_own(people: People) -> None:
    task, values = "text-generation", {"temperature": "0.7", "system": '答得简短 "quoted"'}
    made = people.charlie.post("…/presets", {"task": task, "name": "Support tone", "values": values})
    assert made.status == 201
    again = people.charlie.post("…/presets", {"task": task, "name": "Support tone", "values": {"temperature": 0.1}})
    assert again.body["id"] == made.body["id"]
    listed = people.charlie.get(f"…/presets?task={task}").body["items"]
    assert listed == [{"id": made.body["id"], "task": task, "name": "Support tone", "values": {"temperature": 0.1}}]
    assert people.charlie.get("…/presets?task=image-classification").body["items"] == []
    assert people.alice.get("…/presets").body["items"] == []
    assert people.alice.delete(f"…/presets/{made.body['id']}").status == 404
    assert people.bob.get("/api/v1/workspaces/acme/presets").status == 404
    assert people.charlie.post("…/presets", {"task": task, "name": "", "values": {}}).status == 422
    assert people.charlie.post("…/presets", {"task": task, "name": "x", "values": {"a": "b" * 30_000}}).status == 422
    assert people.charlie.delete(f"…/presets/{made.body['id']}").status == 204
    assert people.charlie.get("…/presets").body["items"] == []


def test_a_key_cannot_renew_itself(people: People) -> None:
    assert people.charlie.post("…/playground").code == "session_only"
    person = people.charlie.in_browser()
    page = person.http.get("/w/acme/endpoints").content.decode()
    token = re.search(r'name="csrf-token" content="([^"]+)"', page)
    assert token
    fresh = person.http.post("/api/v1/workspaces/acme/playground", headers={"X-CSRFToken": token[1]})
    assert fresh.status_code == 201
    assert fresh.json()["token"].startswith("slw_")
    assert person.http.post("/api/v1/workspaces/acme/playground").status_code == 403
