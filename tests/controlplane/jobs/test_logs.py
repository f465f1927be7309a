"""Reading a log: by line, from its end, by search; the same lines whatever way, also after the chunks are merged."""

from concurrent.futures import ThreadPoolExecutor

from controlplane.jobs import logs, store
from controlplane.jobs.models import EventChunk, Job

from tests.controlplane.jobs.conftest import Host, Team, log_event, place

LINES = ["start", 'He said "STOP" now', "进度 50 %", "Größe ÄRGER", "back\\slash", "stop again", "finished"]


def logged(team: Team, host: Host) -> Job:
    job = team.job()
    token = host.claim(place(job))[1]["token"]
    for seq, text in enumerate(LINES, 1):
        host.attempt(place(job), token, "events", {"events": [log_event(seq, text)]})
    return Job.objects.get(pk=job.pk)


def found(job: Job, **query: object) -> list[str]:
    return [row["text"] for row in logs.page(job, limit=50, **query)["items"]]  # type: ignore[arg-type]


def test_a_search_finds_any_case_and_any_script(team: Team, host: Host) -> None:
    job = logged(team, host)
    assert found(job, q="stop") == [LINES[1], LINES[5]]
    assert found(job, q='"Stop" n') == [LINES[1]]
    assert found(job, q="进度") == [LINES[2]]
    assert found(job, q="ärger") == [LINES[3]]
    assert found(job, q="k\\S") == [LINES[4]]
    assert found(job, q="nothing like this") == []
    assert logs.count(job, "STOP") == 2


def test_pages_tail_and_merged_chunks_give_the_same_lines(team: Team, host: Host) -> None:
    job = logged(team, host)
    before = store.read_events(job.pk, 0)
    assert found(job) == LINES
    assert found(job, tail=2) == LINES[-2:]
    assert [row["line"] for row in logs.page(job, after=2, limit=3)["items"]] == [3, 4, 5]
    assert store.fold(job.pk) > 0
    assert EventChunk.objects.filter(job=job).count() <= 2
    assert found(job) == LINES
    assert store.read_events(job.pk, 0) == before
    assert b"".join(logs.text(job)).decode().splitlines() == LINES


def test_threads_pack_and_unpack_at_once() -> None:
    lines = [f'{{"line":{number},"text":"step {number * 7919}"}}'.encode() for number in range(5000)]

    def there_and_back(_turn: int) -> bool:
        return store.frames_of(store.pack(lines)) == lines

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(there_and_back, range(100)))
