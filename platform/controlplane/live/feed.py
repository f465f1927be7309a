"""One reader of a job's events in this process: looks when the doorbell rings, else every two seconds, and keeps the newest frames."""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

Frame = tuple[int, str]
Read = Callable[[int, int], Awaitable[list[Frame]]]  # (after, limit) -> frames with a cursor above `after`, in order

LOOK_SECONDS = 2.0
PAGE = 500
KEPT_FRAMES = 4000
KEPT_CHARACTERS = 4 * 1024 * 1024
KEPT_PAGES = 16


class Feed:
    """The newest frames of one job, without a gap, up to `cursor`; readers that are further behind get pages from the store."""

    def __init__(self, job: int, cursor: int, read: Read) -> None:
        self.job, self.cursor, self.read = job, cursor, read
        self.watchers = 0
        self._frames: deque[Frame] = deque()
        self._size = 0
        self._pages: OrderedDict[int, list[Frame]] = OrderedDict()
        self._reading: dict[int, asyncio.Task[list[Frame]]] = {}
        self._bell = asyncio.Event()
        self._news = asyncio.Event()

    def ring(self) -> None:
        """There is news in the store."""
        self._bell.set()

    async def run(self) -> None:
        """Looks for news until cancelled. A store that does not answer is asked again at the next look."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._bell.wait()
            except TimeoutError:
                pass
            self._bell.clear()
            try:
                while await self._look() == PAGE:
                    pass
            except Exception as error:
                log.warning("events of job %s cannot be read: %s", self.job, error)

    async def _look(self) -> int:
        found = await self.read(self.cursor, PAGE)
        if found:
            self._keep(found)
            self.cursor = found[-1][0]
            news, self._news = self._news, asyncio.Event()
            news.set()
        return len(found)

    def _keep(self, found: list[Frame]) -> None:
        self._frames.extend(found)
        self._size += sum(len(text) for _, text in found)
        while self._frames and (len(self._frames) > KEPT_FRAMES or self._size > KEPT_CHARACTERS):
            self._size -= len(self._frames.popleft()[1])

    async def after(self, cursor: int) -> list[Frame]:
        """The next frames above `cursor`, at most a page; waits until there are some."""
        while cursor >= self.cursor:
            await self._news.wait()
        if self._frames and cursor >= self._frames[0][0] - 1:
            first = cursor - self._frames[0][0] + 1
            if 0 <= first < len(self._frames) and self._frames[first][0] == cursor + 1:
                return [self._frames[at] for at in range(first, min(first + PAGE, len(self._frames)))]
        return await self._page(cursor)

    async def _page(self, cursor: int) -> list[Frame]:
        """A page of old frames. Many sockets that open at once ask for the same ones: each is read once."""
        if cursor in self._pages:
            self._pages.move_to_end(cursor)
            return self._pages[cursor]
        task = self._reading.get(cursor)
        if task is None:
            task = self._reading[cursor] = asyncio.ensure_future(self.read(cursor, PAGE))
            task.add_done_callback(lambda _: self._reading.pop(cursor, None))
        page = await asyncio.shield(task)
        if len(page) == PAGE:
            self._pages[cursor] = page
            while len(self._pages) > KEPT_PAGES:
                self._pages.popitem(last=False)
        return page
