"""One allocation from claim to end: fetch, fork, watch, report, store, and never leave a process behind.

Forked by the zygote into a session of its own, so that neither a broker, a web process nor the zygote itself can disturb the training.
The main thread watches the child; `Reporter` talks to the door, `CheckpointUploader` stores what is made on the way.
"""

import contextlib
import logging
import os
import select
import signal
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from workers import groups, inputs, launch, sandbox, storage, uploads
from workers.contract.events import End
from workers.contract.names import POLITE_STOP_SECONDS, REPLICA_DRAIN_SECONDS, REPLICA_LOAD_SECONDS
from workers.contract.orders import FileRef, Order
from workers.contract.recipe import UserError
from workers.door import AttemptDoor, Away, DoorError, HostDoor, Refused, Stale, backoff, patiently
from workers.folder import RunFolder, all_folders, read_json, write_json
from workers.host import memory_share
from workers.outcome import Ending, error, judge
from workers.reporter import Reporter

log = logging.getLogger(__name__)
CLAIM_SECONDS = 10.0  # then the control plane will hint again
DRAIN_SECONDS = REPLICA_DRAIN_SECONDS + 5.0  # a replica finishes what it has
LOAD_SECONDS = REPLICA_LOAD_SECONDS
TICK_SECONDS = 0.25
MEMORY_SECONDS = 1.0
CPU_WINDOW = 61  # looks, a second apart: what is told of the processors is the mean of a minute


def main(allocation: str, door: HostDoor) -> None:
    """Everything for one allocation; returns when nothing of it is left running."""
    started = time.monotonic()
    try:
        claimed = patiently(lambda: door.claim(allocation), lambda: time.monotonic() - started > CLAIM_SECONDS)
    except DoorError as refusal:
        log.info("allocation %s not claimed: %s", allocation, refusal)
        return
    finally:
        door.close()
    shepherd = Shepherd(allocation, claimed.order, AttemptDoor(allocation, claimed.token))
    try:
        shepherd.run()
    except Exception as fault:
        log.exception("the shepherd of allocation %s failed", allocation)
        shepherd.say_end(End(outcome="lost", error=error("worker_fault", f"the worker failed: {type(fault).__name__}: {fault}")))


def end_older(order: Order) -> None:
    """Kill whatever an older attempt of the same job has left on this host, its shepherd first."""
    for _, record in all_folders():
        same = (record.get("workspace"), record.get("job")) == (order.workspace, order.job)
        if same and int(record.get("attempt", 0)) < order.attempt:
            end_recorded(record)


def end_recorded(record: dict[str, Any]) -> None:
    """SIGKILL the shepherd and the session that a keeper's record names, if they are still they."""
    shepherd = str(record.get("shepherd", ""))
    if groups.alive(shepherd) and int(shepherd.split(":")[1]) != os.getpid():
        with contextlib.suppress(ProcessLookupError):  # it ends just now
            os.kill(int(shepherd.split(":")[1]), signal.SIGKILL)
    groups.kill_all([groups.session_of(str(record.get("child", "")))])


class Shepherd:
    """State of one attempt on this host."""

    def __init__(self, allocation: str, order: Order, door: AttemptDoor) -> None:
        self.allocation, self.order, self.door = allocation, order, door
        self.kind = order.work.kind
        self.limit = order.resources.memory_bytes or memory_share()
        self.ending = Ending(self.kind, 0, limit_bytes=self.limit, max_seconds=order.resources.max_seconds)
        self.give_up = threading.Event()  # stale, or the whole platform stops
        self.leaving = False
        self.cpu_looks: deque[tuple[float, float]] = deque(maxlen=CPU_WINDOW)

    def run(self) -> None:
        sandbox.adopt_orphans()
        signal.signal(signal.SIGTERM, self._leave)
        end_older(self.order)
        order = self.order
        self.folder = RunFolder.create(f"{order.workspace}-{order.job}-{order.attempt}-{order.rank}")
        self.child = launch.start(self.folder, order)  # before any thread
        self._record()
        self.reporter = Reporter(self.door, self.folder, order.rank, lambda data: self.uploader.submit(data))
        self.carrier = uploads.Carrier(self.door.again(), self.give_up, self.reporter.note)
        beside = uploads.Carrier(self.door.again(), self.give_up, self.reporter.note)  # a connection belongs to one thread
        self.uploader = uploads.CheckpointUploader(beside, self.folder, self.reporter)
        self.reporter.start()
        self.uploader.start()
        try:
            end = self._work()
            if end:
                self.say_end(end)
        finally:
            groups.kill_all([self.child.pid])
            self.folder.trim()

    def _leave(self, *_: object) -> None:
        """The platform stops: no polite stop, the attempt resumes at the next start."""
        self.leaving = True
        self.give_up.set()

    def _record(self) -> None:
        order = self.order
        about = {"workspace": order.workspace, "job": order.job, "attempt": order.attempt, "rank": order.rank}
        who = {"allocation": self.allocation, "shepherd": groups.name_of(os.getpid()), "child": self.child.name}
        write_json(self.folder.keeper, about | who)

    # Until the child has ended ------------------------------------------------------------------------------------------

    def _work(self) -> End | None:
        """The child's whole life. None when nobody is to be told."""
        try:
            local = self._fetch_inputs()
        except UserError as problem:
            groups.kill_all([self.child.pid])
            self._reap()
            return self._finish(End(outcome="failed", error=problem.as_dict()))
        if local:
            self.folder.order.write_text(local.model_dump_json(indent=1), encoding="utf-8")
            self.child.go()
        self._watch()
        if self.reporter.stale.is_set():
            log.warning("allocation %s: stale; its group is killed", self.allocation)
            return None
        self.ending.error = read_json(self.folder.error)
        self.ending.last_words = self._last_words()
        return self._finish(judge(self.ending))

    def _last_words(self) -> str:
        with open(self.folder.log, "rb") as file:
            file.seek(max(0, self.folder.log.stat().st_size - 2000))
            return file.read().decode("utf-8", "replace")

    def _fetch_inputs(self) -> Order | None:
        """The localised order; None when the attempt was given up meanwhile."""
        door = self.door.again()

        def renew(uri: str) -> FileRef:
            links = patiently(lambda: door.renew([uri]), self._unwanted)[uri]
            return FileRef(name=uri, uri=uri, url=links.get("url"), path=links.get("path"))

        def fetch(ref: FileRef) -> Path:
            tries = 0
            while True:
                try:
                    return storage.fetch(ref, renew, self.folder.inputs)
                except (Away, storage.DiskFull, storage.Expired) as trouble:
                    if self._unwanted():
                        raise Away("given up") from trouble
                    if tries in (3, 30):
                        self.reporter.note(f"waiting for {ref.name}: {trouble}", "warning")
                    time.sleep(backoff(tries))
                    tries += 1

        try:
            return inputs.localise(self.order, self.folder, fetch, self.reporter.note)
        except DoorError as refusal:
            if not self._unwanted():
                raise UserError(
                    "input_absent", f"an input of this job cannot be read: {refusal}", "Check that it still exists."
                ) from refusal
            return None
        finally:
            door.close()

    def _unwanted(self) -> bool:
        if self.reporter.stale.is_set():
            self.give_up.set()
        return self.give_up.is_set() or self.reporter.desired.stop is not None

    def _watch(self) -> None:
        """Until the child has ended by itself or by our hand."""
        poll = select.poll()
        poll.register(self.child.pidfd, select.POLLIN)
        kernel_kills, begun, sampled, deadline = groups.oom_kills(), time.monotonic(), 0.0, None
        while not poll.poll(TICK_SECONDS * 1000):
            now = time.monotonic()
            if self.leaving or self.reporter.stale.is_set() or self.reporter.desired.stop == "kill":
                self._kill("stop")
            elif self.reporter.desired.stop and not self.ending.stop:
                deadline = self._ask_to_stop(self.reporter.desired.stop)
            elif self.ending.max_seconds and now - begun > self.ending.max_seconds and not self.ending.killed_by_us:
                self.ending.killed_by_us = "timeout"
                deadline = self._polite("keep")
            elif self.kind == "serve" and now - begun > LOAD_SECONDS and not self.reporter.ready.is_set():
                self._kill("loading")
            elif deadline and now > deadline:
                self._kill(self.ending.killed_by_us or "stop")
            if now - sampled > MEMORY_SECONDS:
                sampled = now
                self._sample()
        self._sample()
        self._reap()
        self.ending.kernel_oom = groups.oom_kills() > kernel_kills

    def _ask_to_stop(self, how: str) -> float:
        self.ending.stop = how
        self.reporter.note("asked to stop: finishing the step" + (" and keeping a checkpoint" if how == "keep" else ""))
        return self._polite(how)

    def _polite(self, how: str) -> float:
        """Flag file and SIGTERM; until when it may take."""
        self.folder.ask_to_stop(how)
        self.child.terminate()
        return time.monotonic() + (DRAIN_SECONDS if self.kind == "serve" else POLITE_STOP_SECONDS)

    def _kill(self, why: str) -> None:
        self.ending.killed_by_us = self.ending.killed_by_us or why
        if self.reporter.desired.stop and not self.ending.stop:
            self.ending.stop = self.reporter.desired.stop
        groups.kill_all([self.child.pid])

    def _sample(self) -> None:
        used = groups.resident_bytes(self.child.pid, self.limit, self.child.inherited)
        self.reporter.rss, self.reporter.cpu = used, self._busy()
        self.ending.peak_bytes = max(self.ending.peak_bytes, used)
        if used > self.limit and not self.ending.killed_by_us:
            self._kill("memory")

    def _busy(self) -> float | None:
        """Processors the child's family kept busy over the past minute; None before the second look."""
        self.cpu_looks.append((time.monotonic(), groups.processor_seconds(self.child.pid)))
        (since, before), (until, after) = self.cpu_looks[0], self.cpu_looks[-1]
        return round(max(0.0, after - before) / (until - since), 3) if until > since else None

    def _reap(self) -> None:
        """The child's status, and the end of whatever it left in its session."""
        _, status = os.waitpid(self.child.pid, 0)
        self.ending.status = os.waitstatus_to_exitcode(status)
        groups.kill_all([self.child.pid])
        while True:  # orphans we adopted
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    return
            except ChildProcessError:
                return

    # Afterwards ---------------------------------------------------------------------------------------------------------

    def _finish(self, end: End) -> End | None:
        """Store what was made, send the last events. None when the attempt went stale meanwhile."""
        if self.leaving:
            return End(outcome="lost", error=error("platform_stopped", "the platform was stopped"), peak_bytes=self.ending.peak_bytes)
        self.reporter.rss = 0
        self.reporter.child_ended()
        if end.outcome == "succeeded":
            end = self._store_result(end)
        self._drain()
        if self.reporter.failed.is_set() and end.outcome == "succeeded":
            end.outcome, end.error = "failed", error("refused", "the control plane refused what this job reported; see the worker's log")
        return None if self.reporter.stale.is_set() else end

    def _store_result(self, end: End) -> End:
        """The files of the result into storage, and their URIs into the result."""
        try:
            end.result = uploads.store_result(self.carrier, self.kind, self.folder)
        except (ValueError, FileNotFoundError, Refused) as problem:
            hint = "This is a fault of the recipe; the log's last lines may say more."
            return End(outcome="failed", error=error("bad_result", str(problem), hint), peak_bytes=end.peak_bytes)
        except (uploads.GivenUp, Stale):
            self.give_up.set()
        return end

    def _drain(self) -> None:
        """Let uploader and reporter send what they have; a stale token ends both."""
        while not self.reporter.read_out.wait(TICK_SECONDS) and self.reporter.is_alive() and not self.leaving:
            pass
        self.uploader.finish()
        self._join(self.uploader)
        self.reporter.close()
        self._join(self.reporter)

    def _join(self, thread: threading.Thread) -> None:
        while thread.is_alive() and not self.leaving:
            thread.join(TICK_SECONDS)
            if self.reporter.stale.is_set():
                self.give_up.set()

    def say_end(self, end: End) -> None:
        """The last word, for as long as it takes; once, when the platform stops."""
        door = self.door.again()
        if self.leaving:
            door.answer_seconds = 2.0
        try:
            patiently(lambda: door.end(end), lambda: self.leaving)
        except DoorError as refusal:
            log.warning("allocation %s: its end was not taken: %s", self.allocation, refusal)
        finally:
            door.close()
