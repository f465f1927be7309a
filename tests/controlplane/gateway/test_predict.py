"""POST /v1/endpoints/{workspace}/{name}: the Hugging Face shape."""

import gzip
import http.client
import json
import time
from typing import Any

from tests.controlplane.gateway.door import Door


def test_it_answers_what_the_replica_says_and_names_the_version(field: Any, door: Door) -> None:
    field.endpoint()
    answer = door.predict("hello", X_Request_Id="abcdefgh-1")
    assert answer.status == 200
    assert answer.json == [[{"label": "good", "score": 0.9}]]
    assert answer.headers["x-model-version"] == "mood-model@1"
    assert answer.headers["x-revision"] == "1"
    assert answer.headers["x-request-id"] == "abcdefgh-1"
    assert int(answer.headers["x-ratelimit-remaining"]) > 0


def test_it_passes_the_body_through_unread(field: Any, door: Door) -> None:
    field.endpoint()
    raw = b'{"inputs":  "a",   "parameters": {}}'
    assert door.call("POST", "/v1/endpoints/acme/mood", raw=raw, Content_Type="application/json; charset=utf-8").status == 200
    assert field.replicas[0].seen[-1] == ("predict", "application/json", raw)


def test_it_knows_an_image_by_its_bytes_and_by_its_type(field: Any, door: Door) -> None:
    field.endpoint()
    png = b"\x89PNG\r\n\x1a\n" + bytes(20)
    assert door.call("POST", "/v1/endpoints/acme/mood", raw=png).json[0]["label"] == "image/png"
    assert door.call("POST", "/v1/endpoints/acme/mood", raw=png, Content_Type="application/octet-stream").json[0]["label"] == "image/png"
    assert door.call("POST", "/v1/endpoints/acme/mood", raw=b"x", Content_Type="audio/wav").json[0]["label"] == "audio/wav"


def test_A20_other_types_are_refused(field: Any, door: Door) -> None:
    field.endpoint()
    for kind in ("application/x-pickle", "application/vnd.bentoml+pickle", "text/html", "application/x-www-form-urlencoded"):
        answer = door.call("POST", "/v1/endpoints/acme/mood", raw=b"x", Content_Type=kind)
        assert (answer.status, answer.code) == (415, "unsupported_media_type"), kind
    assert door.call("POST", "/v1/endpoints/acme/mood", raw=b"\x80\x04pickle").status == 415


def test_an_error_of_the_replica_comes_as_a_problem_with_error(field: Any, door: Door) -> None:
    field.endpoint()
    answer = door.predict("status:422")
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["code"] == "made_up"
    assert answer.json["error"] == answer.json["detail"] == "as you wish"
    assert answer.json["errors"] == [{"loc": ["body", 0], "msg": "as you wish"}]
    assert answer.headers["x-revision"] == "1"


def test_I61_a_full_queue_says_when_to_come_again(field: Any, door: Door) -> None:
    field.endpoint()
    answer = door.predict("status:429")
    assert (answer.status, answer.headers["retry-after"]) == (429, "3")


def test_I62_no_replica_is_503_at_once(field: Any, door: Door) -> None:
    field.endpoint(replicas=0, reason={"code": "loading", "message": "Revision 1 is loading."})
    took = []
    for _ in range(8):
        began = time.perf_counter()
        answer = door.predict("x")
        took.append(time.perf_counter() - began)
    assert min(took) < 0.05  # of several: the first warms the caches, and a busy machine delays some
    assert (answer.status, answer.code) == (503, "model_loading")
    assert int(answer.headers["retry-after"]) >= 1
    assert "Revision 1 is loading." in answer.json["error"]


def test_a_stopped_and_a_failed_endpoint_say_so(field: Any, door: Door) -> None:
    field.endpoint("off", replicas=0)
    field.endpoint("bad", replicas=0, error={"message": "no such tensor"})
    from controlplane.serving.models import Endpoint

    Endpoint.objects.filter(name="off").update(state="stopped")
    Endpoint.objects.filter(name="bad").update(state="failed")
    assert door.predict("x", "acme/off").code == "endpoint_stopped"
    failed = door.predict("x", "acme/bad")
    assert failed.code == "endpoint_failed"
    assert "no such tensor" in failed.json["detail"]


def test_I46_a_body_over_the_limit_is_413(field: Any, door: Door) -> None:
    field.endpoint()
    connection = http.client.HTTPConnection(door.server.host, timeout=10)
    connection.putrequest("POST", "/v1/endpoints/acme/mood")
    connection.putheader("Authorization", f"Bearer {door.token}")
    connection.putheader("Content-Length", str(10**9))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read())["code"] == "too_large"
    connection.close()


def test_I46_a_compressed_body_is_counted_as_it_is_unpacked(field: Any, door: Door) -> None:
    field.endpoint()

    def call(body: bytes, encoding: str = "gzip") -> Any:
        return door.call("POST", "/v1/endpoints/acme/mood", raw=body, Content_Type="application/json", Content_Encoding=encoding)

    assert call(gzip.compress(b'{"inputs": "x"}')).json[0][0]["label"] == "good"
    bomb = call(gzip.compress(b'{"inputs": "' + bytes(64 << 20) + b'"}', 1))
    assert (bomb.status, bomb.code) == (413, "too_large")
    assert (call(b"x").status, call(b"x", "br").status) == (400, 415)


def test_A8_an_unknown_host_is_400(field: Any, door: Door) -> None:
    field.endpoint()
    assert door.predict("x", Host="evil.example").code == "unknown_host"


def test_other_methods_and_addresses(field: Any, door: Door) -> None:
    field.endpoint()
    assert door.call("GET", "/v1/endpoints/acme/mood").status == 405
    for path in ("/v1/endpoints/acme/mood/../x", "/v1/endpoints/acme//mood", "/v1/endpoints/acme;x/mood", "/v1/endpoints/ACME/mood"):
        assert door.call("POST", path, {"inputs": "x"}).status == 404, path


def test_health_and_info(field: Any, door: Door) -> None:
    field.endpoint()
    assert door.call("GET", "/v1/endpoints/acme/mood/health").status == 200
    assert door.call("GET", "/v1/endpoints/acme/mood/info").json["model_id"] == "mood-model@1"
