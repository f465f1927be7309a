"""The pages of an endpoint: what each tab says in which state, roll back and resume, what its forms change."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from controlplane.gateway.meter import Counts, Meter, write
from controlplane.serving.models import Endpoint, UsageMinute
from controlplane.serving.usage import forget_old_minutes

from tests.controlplane.serving.conftest import Plane
from tests.people import People, Person

PAGE = "/w/acme/endpoints/mood"


def see(person: Person, path: str = PAGE) -> str:
    answer = person.in_browser().http.get(path)
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def send(person: Person, path: str, **form: Any) -> str:
    """Post a form as its page would; the text of the page that follows."""
    person.http.force_login(person.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = person.http.post(path, form, follow=True)
    return str(answer.content.decode())


@pytest.fixture
def mood(plane: Plane, people: People) -> Plane:
    """An endpoint `mood`: revision 1 took 80 %, revision 2 the rest."""
    plane.model()
    assert people.charlie.post("…/endpoints", {"name": "mood", "model": "clf@1"}).status == 201
    plane.ready()
    people.charlie.patch("…/endpoints/mood", {"model": "clf@2", "traffic": {"1": 80, "2": 20}})
    plane.ready()
    assert plane.see().state == "ready"
    return plane


def shares(people: People) -> dict[int, int]:
    found = people.alice.get("…/endpoints/mood").body["revisions"]
    return {row["revision"]: row["traffic"] for row in found if row["traffic"]}


def test_overview_shows_split_figures_and_the_way_back(mood: Plane, people: People) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    endpoint = Endpoint.objects.get()
    for revision, requests, bucket in ((1, 200, "90"), (2, 50, "80")):
        UsageMinute.objects.create(
            endpoint=endpoint, revision=revision, minute=now, requests=requests, errors=1, latency={bucket: requests}
        )
    text = see(people.charlie)
    assert "250 requests · 2 errors" in text
    assert "Roll back to v1" in text
    assert ">vs v1</th>" in text
    assert "ms, faster" in text
    assert "0.50" in text  # one error in 200 requests, in percent
    assert text.count('class="portion"') == 2
    assert "Roll back" not in see(people.member("vera", "viewer"))


def test_rolling_back_and_taking_it_back(mood: Plane, people: People) -> None:
    said = send(people.charlie, f"{PAGE}/roll-back", to="1")
    assert shares(people) == {1: 100}
    assert "Rolled back to v1. Newer versions get 0 %." in said
    assert mood.live() == {1: 1}
    mood.drained()
    send(people.charlie, f"{PAGE}/roll-back", resume="1")
    assert shares(people) == {1: 100}, "it answers until the other has loaded again"
    mood.ready()
    assert shares(people) == {1: 80, 2: 20}
    assert "Rolled back" not in see(people.alice)


def test_roll_back_by_the_api(mood: Plane, people: People) -> None:
    assert people.member("vera", "viewer").post("…/endpoints/mood/rollback").status == 403
    assert people.bob.post("/api/v1/workspaces/acme/endpoints/mood/rollback").status == 404
    rolled = people.charlie.post("…/endpoints/mood/rollback")
    assert rolled.status == 200
    assert rolled.body["traffic_before_rollback"] == {"1": 80, "2": 20}
    assert people.charlie.post("…/endpoints/mood/rollback").code == "nothing_earlier"
    assert people.charlie.post("…/endpoints/mood/rollback", {"revision": 9}).code == "nothing_earlier"
    assert people.charlie.post("…/endpoints/mood/resume").body["traffic_before_rollback"] is None
    assert people.charlie.post("…/endpoints/mood/resume").code == "not_rolled_back"
    people.charlie.patch("…/endpoints/mood", {"state": "stopped"})
    assert people.charlie.post("…/endpoints/mood/rollback").code == "stopped"


def test_a_new_version_ends_a_roll_back_and_takes_all(mood: Plane, people: People) -> None:
    people.charlie.post("…/endpoints/mood/rollback")
    people.charlie.patch("…/endpoints/mood", {"model": "clf@3"})
    mood.ready()
    assert shares(people) == {3: 100}
    assert people.alice.get("…/endpoints/mood").body["traffic_before_rollback"] is None


def test_the_split_is_saved_only_when_it_adds_up(mood: Plane, people: People) -> None:
    assert "add up to 90" in send(people.charlie, f"{PAGE}/change", **{"traffic-1": "50", "traffic-2": "40"})
    assert shares(people) == {1: 80, 2: 20}
    send(people.charlie, f"{PAGE}/change", **{"traffic-1": "35", "traffic-2": "65"})
    assert shares(people) == {1: 35, 2: 65}


def test_settings_change_capacity_limits_and_title(mood: Plane, people: People) -> None:
    form = {"tab": "settings", "title": "Stimmung 心情", "min": "1", "max": "3", "requests_per_minute": "60", "deadline_seconds": "2.5"}
    assert "Stimmung 心情" in send(people.charlie, f"{PAGE}/change", **form)
    shown = people.alice.get("…/endpoints/mood").body
    assert (shown["replicas"]["min"], shown["replicas"]["max"]) == (1, 3)
    assert shown["limits"] == {"requests_per_minute": 60, "deadline_seconds": 2.5}
    assert "Give a number from" in send(people.charlie, f"{PAGE}/change", **{**form, "deadline_seconds": "soon"})
    send(people.charlie, f"{PAGE}/change", **{**form, "requests_per_minute": "", "deadline_seconds": ""})
    assert people.alice.get("…/endpoints/mood").body["limits"] == {}


def test_settings_that_contradict_each_other_stay_as_they_were_typed(mood: Plane, people: People) -> None:
    form = {"tab": "settings", "title": "Stimmung", "min": "5", "max": "1", "requests_per_minute": "60", "deadline_seconds": ""}
    said = send(people.charlie, f"{PAGE}/change", **form)
    assert "At least 5 is more than at most 1." in said
    assert all(f'name="{name}"' in said and f'value="{value}"' in said for name, value in form.items() if value)
    assert people.alice.get("…/endpoints/mood").body["replicas"]["max"] == 1


def test_what_is_told_of_a_change_holds_and_what_is_on_its_way_is_told_by_the_state(mood: Plane, people: People) -> None:
    said = send(people.charlie, f"{PAGE}/change", model="clf@3")
    assert "is changing" not in said
    assert "Revision 3 (clf@3) is loading; revision 2 answers meanwhile." in said
    people.charlie.http.cookies["django_language"] = "zh-hans"
    assert "修订版本 3 正在加载，期间由版本 2 应答。" in send(people.charlie, f"{PAGE}/change", title="x")
    page = people.alice.in_browser().http
    assert "HX-Trigger" not in page.get(f"{PAGE}?was=deploying")
    mood.ready()
    assert page.get(f"{PAGE}?was=deploying")["HX-Trigger"] == "job-state"


def test_the_first_revision_has_nothing_to_roll_back_to_and_what_is_live_alone_is_not_offered(plane: Plane, people: People) -> None:
    plane.model(versions=2)
    people.charlie.post("…/endpoints", {"name": "mood", "model": "clf@1"})
    assert "Roll back" not in see(people.charlie)
    plane.ready()
    menu = see(people.charlie).split('id="update-menu"')[1].split("</form>")[0]
    assert 'value="clf@2"' in menu
    assert 'value="clf@1"' not in menu
    assert "takes 100 % when ready" in menu


def test_stopping_and_deleting_ask_and_a_stopped_one_is_started_first(mood: Plane, people: People) -> None:
    page = see(people.charlie)
    assert page.index('id="traffic-card"') < page.index('id="endpoint-code"') < page.index('id="monitor"')
    assert page.count('value="stopped"') == 1, "only the dialog stops"
    assert 'value="stopped"' in page.split('<dialog class="dialog" id="stop-endpoint"')[1].split("</dialog>")[0]
    assert "Requests get 503" in page
    stopped = send(people.charlie, f"{PAGE}/change", state="stopped")
    assert "Endpoint mood is stopped." in stopped
    assert "Traffic starts" not in stopped
    assert 'class="traffic"' not in stopped, "nothing is split while it is stopped"
    assert len(re.findall(r'<button class="btn primary" name="state" value="ready">', stopped)) == 1
    settings = see(people.charlie, f"{PAGE}/settings?ask=delete")
    assert settings.count(f'action="{PAGE}/delete"') == 1
    assert f'action="{PAGE}/delete"' in settings.split('id="delete-endpoint"')[1], "in a dialog"


def test_a_verdict_needs_enough_requests_and_tells_errors_first(mood: Plane, people: People) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    endpoint = Endpoint.objects.get()
    rows = [
        UsageMinute.objects.create(endpoint=endpoint, revision=n, minute=now, requests=k, errors=e, latency={str(b): k})
        for n, k, e, b in ((1, 200, 0, 90), (2, 3, 1, 80))
    ]
    few = see(people.charlie)
    assert "too few requests" in few
    assert "faster" not in few
    UsageMinute.objects.filter(pk=rows[1].pk).update(requests=40, errors=16, latency={"80": 40})
    told = see(people.charlie)
    assert "errors +40.0 points" in told
    assert told.index("errors +40.0 points") < told.index("ms, faster")
    assert 'tone-ok">↓' not in told


def test_home_shows_what_can_be_called_now(mood: Plane, people: People) -> None:
    text = see(people.alice, "/w/acme")
    card = text.split("Live endpoints")[1].split("</section>")[0]
    assert "/v1/endpoints/acme/mood" in card
    assert 'href="/w/acme/playground/mood"' in card
    assert 'data-copy="#address-mood"' in card
    people.charlie.patch("…/endpoints/mood", {"state": "stopped"})
    assert "Live endpoints" not in see(people.alice, "/w/acme")
    assert 'data-copy="#url-mood"' in see(people.alice, "/w/acme/endpoints")


def test_a_live_endpoint_is_deleted_once_its_name_was_typed(mood: Plane, people: People) -> None:
    assert "type mood" in see(people.charlie, f"{PAGE}/settings")
    said = send(people.charlie, f"{PAGE}/delete", confirm="mod")
    assert "Type the endpoint" in said
    assert Endpoint.objects.filter(name="mood").exists()
    send(people.charlie, f"{PAGE}/delete", confirm="mood")
    assert not Endpoint.objects.filter(name="mood").exists()


def test_logs_of_the_newest_living_replica_and_of_a_chosen_one(mood: Plane, people: People) -> None:
    text = see(people.alice, f"{PAGE}/logs")
    job = re.search(r'data-url="/api/v1/workspaces/acme/jobs/(\d+)/logs"', text)
    assert job
    assert f'data-socket="/ws/workspaces/acme/jobs/{job[1]}"' in text
    ids = re.findall(r'<option value="([0-9a-f]{16})"', text)
    assert len(ids) == 2
    other = see(people.alice, f"{PAGE}/logs?replica={ids[1]}")
    assert f"/jobs/{job[1]}/logs" not in other
    assert people.alice.get(f"…/jobs/{job[1]}/logs").status == 200


def test_errors_are_told_by_their_codes(mood: Plane, people: People) -> None:
    endpoint = Endpoint.objects.get()
    meter = Meter()
    for status, code in ((422, "bad_input"), (422, "bad_input"), (429, "rate_limited"), (200, ""), (422, "Drop Table")):
        meter.count(endpoint.pk, 1, status, 0.01, code=code)
    for n in range(40):
        meter.count(endpoint.pk, 2, 500, 0.01, code=f"strange_{n}")
    write(meter.take())
    total = people.alice.get("…/endpoints/mood/usage").body["total"]["error_codes"]
    assert (total["bad_input"], total["rate_limited"], total["other"]) == (2, 1, 1 + 20)
    for tab in ("usage", "logs"):
        card = see(people.alice, f"{PAGE}/{tab}").split('id="failed"')[1].split("</section>")[0]
        assert "The inputs are not what the model takes." in card
        assert "bad_input" in card


def test_seven_days_of_use_by_revision(mood: Plane, people: People) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    endpoint = Endpoint.objects.get()
    for day in range(9):
        counts = Counts(requests=10, latency=Counter({60: 10}), first_token=Counter({40: 10}))
        write({(endpoint.pk, 1, int((now - timedelta(days=day, hours=1)).timestamp()) // 60): counts})
    start = (now - timedelta(days=7)).isoformat().replace("+00:00", "Z")
    shown = people.alice.get(f"…/endpoints/mood/usage?from={start}&step=7200").body
    assert shown["total"]["requests"] == 70
    (row,) = shown["revisions"]
    assert [point["requests"] for point in row["over_time"]] == [10] * 7
    assert row["over_time"][0]["time_to_first_token_ms"]["p50"] is not None
    text = see(people.alice, f"{PAGE}/usage?span=7d")
    assert "<b>70</b>" in text
    assert 'data-hours="168"' in text


def test_minutes_are_let_go_of_and_hours_still_tell_of_them(mood: Plane, people: People) -> None:
    now = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
    endpoint = Endpoint.objects.get()
    for hours in (1, 20, 24 * 10, 24 * 10 + 1, 24 * 12):
        counts = Counts(requests=10, latency=Counter({60: 10}))
        write({(endpoint.pk, 1, int((now - timedelta(hours=hours)).timestamp()) // 60): counts})

    def asked(days: int, step: int, until: int = 0) -> list[int]:
        start, end = ((now - timedelta(days=days)).isoformat().replace("+00:00", "Z") for days in (days, until))
        return [
            point["requests"] for point in people.alice.get(f"…/endpoints/mood/usage?from={start}&to={end}&step={step}").body["over_time"]
        ]

    assert people.alice.get("/api/v1/limits").body["usage_minute_seconds"]["value"] == 8 * 86400
    before = [asked(11, 3600), asked(11, 1200), asked(1, 900), asked(13, 3600, 9)]
    assert before == [[10] * 4, [10] * 4, [10] * 2, [10] * 3]
    assert forget_old_minutes() == 3
    assert UsageMinute.objects.count() == 2
    assert [asked(11, 3600), asked(11, 1200), asked(1, 900), asked(13, 3600, 9)] == before
    assert forget_old_minutes() == 0
    assert "<b>20</b>" in see(people.alice, f"{PAGE}/usage?span=24h")


@pytest.mark.parametrize("tab", ["", "/usage", "/logs", "/revisions", "/settings"])
def test_every_tab_while_loading_failed_and_stopped(plane: Plane, people: People, tab: str) -> None:
    plane.model()
    people.charlie.post("…/endpoints", {"name": "mood", "model": "clf@1"})
    assert "Deploying" in see(people.charlie, PAGE + tab)
    plane.end(plane.starting()[0], {"code": "load_failed", "message": "no such tensor", "hint": "", "loc": {}})
    failed = see(people.charlie, PAGE + tab)
    assert "no such tensor" in failed
    assert "Deploy another version" in failed, "an alert has a door"
    people.charlie.patch("…/endpoints/mood", {"state": "stopped"})
    assert "Stopped" in see(people.charlie, PAGE + tab)
    assert people.alice.in_browser().http.get(f"{PAGE}/nothing").status_code == 404
