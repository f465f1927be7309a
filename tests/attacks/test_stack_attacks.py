"""Attacks on the running platform, worker included: what listens, what poisoned files do, what bad predictions get, what is written."""

import base64
import http.client
import http.cookiejar
import json
import os
import pickle
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.attacks import outside
from tests.stack import ROOT, Api, Stack
from tests.workers.prepare.makers import csv, model, zipped

PROMPT = "canary-prompt-3f9c1d77"
PASSWORD = "canary-password-88ad1c20"


@pytest.fixture(scope="module")
def api(stack: Stack) -> Api:
    return stack.client("attacks@example.org", "attacks")


@pytest.fixture(scope="module")
def endpoint(api: Api) -> str:
    """A majority classifier that answers."""
    assert api.dataset("reviews", "reviews.csv", csv(40))["state"] == "ready"
    job = api.train(recipe="text-classification/majority", dataset="reviews@1", model_name="base")
    assert job["state"] == "succeeded", job["error"]
    assert api.deploy("target", job["model"])["state"] == "ready"
    return f"/v1/endpoints/{api.workspace}/target"


def upload(api: Api, name: str, data: bytes) -> str:
    """A finished upload's id."""
    named = base64.b64encode(name.encode()).decode()
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data)), "Upload-Metadata": f"filename {named}"}
    status, body = api.call("POST", "…/uploads", raw=data, headers={**headers, "Content-Type": "application/offset+octet-stream"})
    assert status == 201, body
    return str(body["id"])


def brought(api: Api, name: str, files: dict[str, bytes]) -> Any:
    """How the import of a model archive ends."""
    body = {"name": name, "task": "text-classification", "uploads": [upload(api, f"{name}.zip", zipped(files))]}
    version = api.post("…/models", body)
    return api.wait(f"…/models/{name}/versions/{version['version']}", {"ready", "failed"}, 90)


@contextmanager
def listener() -> Iterator[tuple[str, list[Any]]]:
    """An address on this machine and the calls it got."""
    calls: list[Any] = []
    with socket.socket() as ear:
        ear.bind(("127.0.0.1", 0))
        ear.listen()

        def hear() -> None:
            while True:
                try:
                    line, peer = ear.accept()
                except OSError:
                    return
                calls.append(peer)
                line.close()

        threading.Thread(target=hear, daemon=True).start()
        yield f"http://127.0.0.1:{ear.getsockname()[1]}", calls


# What listens ------------------------------------------------------------------------------------------------------------


def family(stack: Stack) -> list[psutil.Process]:
    assert stack.process
    parent = psutil.Process(stack.process.pid)
    return [parent, *parent.children(recursive=True)]


def test_A7_only_the_web_listens_and_only_on_this_machine(stack: Stack, endpoint: str) -> None:
    heard = set()
    for process in family(stack):
        try:
            heard |= {(c.laddr.ip, c.laddr.port) for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN}
        except psutil.NoSuchProcess:
            continue
    assert heard == {("127.0.0.1", stack.port)}


def test_A7_a_scan_from_another_network_finds_nothing(stack: Stack, tmp_path: Path) -> None:
    """From a second network namespace; where the kernel grants none, at this machine's own outer addresses, which binds treat alike."""
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode:
        ours = {c.laddr.port for process in family(stack) for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN}
        addresses = [a.address for found in psutil.net_if_addrs().values() for a in found if a.family in (socket.AF_INET, socket.AF_INET6)]
        outer = [address for address in addresses if not address.startswith("127.") and address.split("%")[0] != "::1"]
        assert outer, "the kernel grants no namespace and this machine has no outer address: nothing can be scanned from outside"
        assert [(address, port) for address in outer for port in ours if outside.accepts(address, port)] == []
        return
    command = ["unshare", "-rn", sys.executable, "-m", "tests.attacks.outside", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT}/platform:{ROOT}"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    outer, every = found["decoys"]
    assert set(found["outside"]) == {outer, every}  # the scan sees what is open, and nothing of ours is
    assert set(found["loopback"]) == {found["web"], every}


def test_A7_redis_and_replicas_lie_behind_the_users_own_folder_and_a_password(stack: Stack, endpoint: str) -> None:
    code = "from workers.contract.home import runtime_dir; print(runtime_dir())"
    env = {**stack.env, "PYTHONPATH": str(ROOT)}
    folder = Path(subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout.strip())
    assert folder.stat().st_mode & 0o077 == 0
    assert (stack.home / "secrets").stat().st_mode & 0o077 == 0
    for path in (stack.home / "secrets").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5)
        line.connect(str(folder / "redis.sock"))
        line.sendall(b"KEYS *\r\n")
        assert line.recv(200).startswith(b"-NOAUTH")


def test_A8_the_running_gateway_knows_its_hosts(stack: Stack, api: Api) -> None:
    for path in ("/v1/models", "/api/v1/me", "/health", "/"):
        line = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=10)
        line.request("GET", path, headers={"Host": "rebound.example", "Authorization": f"Bearer {api.token}"})
        assert line.getresponse().status == 400, path
        line.close()


# Poisoned files ----------------------------------------------------------------------------------------------------------


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.canary,)


def test_A6_A15_a_pickle_is_refused_and_never_run(api: Api, tmp_path: Path) -> None:
    canary = tmp_path / "opened"
    bomb = pickle.dumps(Bomb(canary))
    disguised = brought(api, "disguised", model(model_safetensors=bomb))
    assert (disguised["state"], disguised["error"]["code"]) == ("failed", "damaged_file")
    hidden = brought(api, "hidden", {**model(), "training_args.bin": bomb})
    assert (hidden["state"], hidden["error"]["code"]) == ("failed", "unsafe_format")
    assert "training_args.bin" in hidden["error"]["message"]
    assert "safetensors" in hidden["error"]["hint"]
    table = api.dataset("pickles", "rows.pkl", bomb)
    assert table["state"] == "failed", table
    assert not canary.exists()


def test_A16_a_config_cannot_bring_code(api: Api, tmp_path: Path) -> None:
    canary = tmp_path / "imported"
    code = f"import os; os.mkdir({str(canary)!r})\nclass X: pass\n".encode()
    config = {"model_type": "bert", "auto_map": {"AutoModel": "modeling_x.X", "AutoConfig": "modeling_x.X"}}
    named = brought(api, "remote", model(config_json=json.dumps(config).encode()))
    assert (named["state"], named["error"]["code"]) == ("failed", "forbidden_key")
    assert "auto_map" in named["error"]["message"]
    carried = brought(api, "carried", {**model(config_json=json.dumps(config).encode()), "modeling_x.py": code})
    assert (carried["state"], carried["error"]["code"]) == ("failed", "unsafe_format")
    kernel = {"model_type": "bert", "_attn_implementation": "someone/kernel"}
    assert brought(api, "kernel", model(config_json=json.dumps(kernel).encode()))["error"]["code"] == "forbidden_key"
    assert not canary.exists()
    import importlib.util

    assert importlib.util.find_spec("kernels") is None, "the package that fetches compiled code must not be there"


CELLS = [
    "=1+1",
    "'=1+1",
    "''-",
    "+49 30",
    "@home",
    "-5.5",
    "-",
    "\ttab",
    "\rreturn",
    "it's",
    "'quoted'",
    'a,"b"',
    "two\nlines",
    " spaced ",
    "",
    "好",
]


def test_A12_what_is_exported_is_imported_as_it_was(api: Api) -> None:
    """Every cell that a spreadsheet might run goes out with an apostrophe and comes back without; nothing else is changed."""
    rows = [{"=cell": text, "n": -number if number % 3 else None, "kind": f"k{number % 2}"} for number, text in enumerate(CELLS * 4)]
    sent = "".join(json.dumps(row) + "\n" for row in rows).encode()
    options = {"columns": {"=cell": "text"}, "split": {"train": 1.0, "method": "ordered"}}
    first = api.dataset("cells", "cells.jsonl", sent, options)
    assert first["state"] == "ready", first["error"]
    status, exported = api.call("GET", "…/datasets/cells/versions/1/download?format=csv&split=train", headers={"Accept": "*/*"})
    assert status == 200
    assert "'=1+1" in exported.decode()
    second = api.dataset("cells-again", "cells.csv", exported, options)
    assert second["state"] == "ready", second["error"]
    assert second["features"] == first["features"]
    values = [
        [row["values"] for row in api.get(f"…/datasets/{name}/versions/1/rows?limit=200")["items"]] for name in ("cells", "cells-again")
    ]
    assert values[0] == rows
    assert values[1] == rows


def test_A12_a_file_with_bare_formulas_keeps_its_apostrophes(api: Api) -> None:
    """Such a file is no export: what begins with an apostrophe was written so."""
    options = {"columns": {"text": "text"}, "split": {"train": 1.0, "method": "ordered"}}
    made = api.dataset("tweets", "tweets.csv", b"text,n\n'@you said',1\n@me,2\n'-',3\n", options)
    assert made["state"] == "ready", made["error"]
    found = [row["values"]["text"] for row in api.get("…/datasets/tweets/versions/1/rows?limit=9")["items"]]
    assert found == ["'@you said'", "@me", "'-'"]


def test_A17_A18_scripts_and_keras_files_are_refused(api: Api) -> None:
    script = api.dataset("scripts", "data.zip", zipped({"train/a.csv": csv(10), "load.py": b"import os"}))
    assert (script["state"], script["error"]["code"]) == ("failed", "unsafe_format")
    assert "load.py" in script["error"]["message"]
    for number, name in enumerate(("model.keras", "model.h5", "saved_model.pb")):
        ended = brought(api, f"keras-{number}", {"config.json": model()["config.json"], name: b"\x89HDF\r\n\x1a\n" + bytes(64)})
        assert ended["state"] == "failed", name


def test_A23_a_file_that_kills_its_reader_harms_nobody_else(api: Api) -> None:
    """A Parquet file whose footer is noise, and one that ends in the middle."""
    for number, data in enumerate((b"PAR1" + os.urandom(300) + b"\x20\x01\x00\x00PAR1", b"PAR1" + bytes(40))):
        version = api.dataset(f"damaged-{number}", "rows.parquet", data)
        assert (version["state"], version["error"]["code"]) == ("failed", "damaged_file"), version["error"]
        assert api.get("/health")["status"] == "ok"


# Addresses in the place of data --------------------------------------------------------------------------------------------


def test_A19_A20_nothing_is_fetched_from_an_address_and_no_path_is_opened(api: Api, endpoint: str) -> None:
    with listener() as (address, calls):
        for body in (
            {"hub_id": f"{address}/model"},
            {"path": "/etc"},
            {"url": address},
            {"uploads": [address]},
            {"uploads": ["/etc/passwd"]},
        ):
            status, problem = api.call("POST", "…/models", {"name": "fetched", "task": "text-classification", **body})
            assert status in {404, 422}, (body, problem)
        for body in ({"uploads": [address]}, {"uploads": ["../../etc/passwd"]}, {"url": address}, {"files": [{"path": "/etc/passwd"}]}):
            status, problem = api.call("POST", "…/datasets/reviews/versions", body)
            assert status in {404, 422}, (body, problem)
        assert api.call("POST", endpoint, {"inputs": address})[0] == 200, "an address is a text like any other"
        assert api.call("POST", endpoint, {"inputs": {"url": address}})[0] == 422
        assert api.call("POST", endpoint, raw=b"<x/>", headers={"Content-Type": "application/xml"})[0] == 415
        assert api.call("POST", endpoint, raw=pickle.dumps(1), headers={"Content-Type": "application/vnd.bentoml+pickle"})[0] == 415
        time.sleep(0.2)
        assert calls == []


# Bad predictions -----------------------------------------------------------------------------------------------------------


def test_I58_a_bad_row_is_named_with_an_example(api: Api, endpoint: str) -> None:
    for inputs, said in (
        (5, "a number"),
        ([1.5], "a number"),
        (["fine", {"text": "x"}], "an object"),
        ([["x"]], "a list"),
        (None, "null"),
        ([True], "true"),
    ):
        status, problem = api.call("POST", endpoint, {"inputs": inputs})
        assert status == 422, inputs
        assert said in problem["detail"], problem
        assert '"inputs"' in problem["hint"], "an example of what is expected"
        row = len(inputs) - 1 if isinstance(inputs, list) else 0
        assert {"row": row, "field": "inputs"} == problem["errors"][0]["loc"] or str(row) in map(str, problem["errors"][0]["loc"])
        assert problem["error"] == problem["detail"]
    for body in ({}, {"input": "x"}, [], "x", {"inputs": "x", "parameters": {"top_q": 1}}, {"inputs": "x", "parameters": {"top_k": 0}}):
        status, problem = api.call("POST", endpoint, body)
        assert status == 422, body
    for raw in (b'{"inputs": NaN}', b'{"inputs": "x"', b"\xff\xfe{", b'{"inputs": "\\ud800"}'):
        status, problem = api.call("POST", endpoint, raw=raw)
        assert (status, problem["code"]) == (400, "bad_json"), raw


def test_I59_nothing_to_predict(api: Api, endpoint: str) -> None:
    for inputs in ([], "", "  \n", ["x", ""]):
        status, problem = api.call("POST", endpoint, {"inputs": inputs})
        assert (status, problem["code"]) == (422, "empty"), inputs


def test_I60_too_much_at_once_names_the_limit(api: Api, endpoint: str) -> None:
    status, problem = api.call("POST", endpoint, {"inputs": ["x"] * 10**6})
    assert (status, problem["code"]) == (413, "too_large")
    assert "1024" in problem["detail"]
    status, problem = api.call("POST", endpoint, {"inputs": "x" * 10**7})
    assert (status, problem["code"]) == (413, "too_large")
    assert "1000000" in problem["detail"]
    assert api.call("POST", endpoint, {"inputs": "still here"})[0] == 200


# What is written down ------------------------------------------------------------------------------------------------------


def sign_in(stack: Stack, password: str) -> int:
    """A browser's attempt to sign in."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    page = opener.open(stack.base + "/accounts/login/", timeout=30).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = {"login": "attacks@example.org", "password": password, "csrfmiddlewaretoken": token[1]}
    request = urllib.request.Request(stack.base + "/accounts/login/", urllib.parse.urlencode(form).encode(), {"Referer": stack.base})
    try:
        return int(opener.open(request, timeout=30).status)
    except urllib.error.HTTPError as error:
        return error.code


def written(stack: Stack) -> Iterator[tuple[Path, bytes]]:
    """Every file of the installation but its secrets: logs, database, broker, runs, store."""
    for path in stack.home.rglob("*"):
        if path.is_file() and "secrets" not in path.parts and path.stat().st_size < 1 << 28:
            try:
                yield path, path.read_bytes()
            except OSError:
                continue


def test_A26_secrets_and_prompts_are_written_nowhere(stack: Stack, api: Api, endpoint: str) -> None:
    secret = stack.client("attacks@example.org", "attacks")
    assert secret.call("POST", endpoint, {"inputs": PROMPT})[0] == 200
    assert secret.call("POST", endpoint, {"inputs": [PROMPT, 5]})[0] == 422
    assert secret.call("POST", endpoint, {"inputs": PROMPT, "parameters": {"x": PROMPT}})[0] == 422
    status, answer = secret.call("GET", f"/api/v1/me?token={secret.token}")
    assert (status, answer["code"]) == (400, "token_in_url")
    assert secret.call("GET", f"/v1/models?api_key={secret.token}")[0] == 400
    assert secret.token not in json.dumps(answer)
    for address in (f"/nothing/{secret.token}", f"/api/v1/{secret.token}", f"/files/{secret.token}", f"/signin/{secret.token}"):
        assert secret.call("GET", address)[0] in {400, 403, 404}, address
    assert sign_in(stack, PASSWORD) == 200, "the page says that it was wrong"
    time.sleep(1.5)
    planted = {"token": secret.token, "password": PASSWORD, "prompt": PROMPT}
    everything = list(written(stack))
    assert {"up.log", "db.sqlite3"} <= {path.name for path, _ in everything}
    assert any("redis" in path.parts for path, _ in everything)
    found = [(name, str(path)) for path, data in everything for name, value in planted.items() if value.encode() in data]
    assert found == []


def test_A26_our_own_secrets_leave_their_folder_only_as_hashes(stack: Stack, endpoint: str) -> None:
    kept = {path.name: path.read_bytes().strip() for path in (stack.home / "secrets").iterdir()}
    assert {"secret_key", "redis_password", "join_token", "signing_key"} <= set(kept)
    found = [(name, str(path)) for path, data in written(stack) for name, value in kept.items() if value in data]
    assert found == []


@pytest.mark.torch
def test_A20_an_address_in_an_image_field_is_not_fetched() -> None:
    from workers.contract.recipe import UserError
    from workers.recipes.image_classification_finetune.serve import picture

    with listener() as (address, calls):
        for value in (
            address,
            f"{address}/x.png",
            f"data:image/png;base64,{address}",
            "file:///etc/passwd",
            "/etc/passwd",
            {"url": address},
        ):
            with pytest.raises(UserError):
                picture(value, 0)
        time.sleep(0.2)
        assert calls == []
