"""Where rooms hand in what the frame draws: counts beside the sidebar's entries, stops of the lineage line, cards of the home page.

A room registers at import of its `nav.py`; the frame asks at drawing time. So the frame knows no room, and a lower room none above it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Count(NamedTuple):
    """total: beside the entry, "" for none · live: something is turning."""

    total: int | str
    live: bool = False


class Stop(NamedTuple):
    """One stop of the life cycle. url: empty where it does not exist yet (then `text` says when it will)."""

    label: Any
    text: Any
    url: str = ""


@dataclass
class Thread:
    """What is known of one life cycle, as references: dataset and model `name@n`, job number, endpoint name.

    A page fills in its own; finders fill in the rest, each from what stands before it. here: the page's own stop.
    """

    workspace: Any
    here: str
    dataset: str = ""
    job: int | None = None
    model: str = ""
    endpoint: str = ""
    stops: dict[str, Stop] = field(default_factory=dict)


class Command(NamedTuple):
    """A line of the palette. url: where it goes, or `theme:dark`, `language:en`, `keys:` · keys: shown beside it · also: other words."""

    group: Any
    name: Any
    url: str
    icon: str = ""
    keys: str = ""
    also: str = ""


class Card(NamedTuple):
    """A card of the home page. side: stands in the narrow column."""

    template: str
    context: dict[str, Any]
    side: bool = False


# name of a limit → request → how much of it this workspace or this person has taken
quotas: dict[str, Callable[[Any], int]] = {}
# name of a job's tab → (request, job) → Card: what a room above knows of a job
panels: dict[str, Callable[[Any, Any], Card]] = {}


class Use(NamedTuple):
    """Something that was made from a dataset version. thing: has a state."""

    kind: Any
    name: str
    url: str
    thing: Any
    at: Any


ORDER = ("dataset", "job", "model", "endpoint")
counters: dict[str, Callable[[Any], Count]] = {}
finders: dict[str, Callable[[Thread], Stop]] = {}
cards: dict[str, Callable[[Any], Card | None]] = {}
first_steps: dict[str, Callable[[Any], dict[str, Any]]] = {}
# workspace, `name@3` of a dataset → what was made from it; in the order of the rooms
uses: list[Callable[[Any, str], list[Use]]] = []
# kind → (workspace, references such as `name@3`) → those that still exist
standing: dict[str, Callable[[Any, list[str]], set[str]]] = {}
# workspace, text → (title of the group, [(name, note, address)]); in the order of the rooms
searches: list[Callable[[Any, str], tuple[Any, list[tuple[str, Any, str]]]]] = []


# request → [{slug, title, role}]: the workspaces of the person; one room knows them
switchers: list[Callable[[Any], list[dict[str, Any]]]] = []
# request → what the palette offers without a search
commands: list[Callable[[Any], list[Command]]] = []
# request → the workspace the person was in last; sets it on the request
places: list[Callable[[Any], Any]] = []
# request → how many news of the person are unread
inboxes: list[Callable[[Any], int]] = []
# person, workspace or None for all of theirs → [(language, code)]: a call that a token with `predict` can make now
calls: list[Callable[[Any, Any], list[tuple[str, str]]]] = []


def counter(entry: str) -> Callable[[Callable[[Any], Count]], Callable[[Any], Count]]:
    """Registers the count of a sidebar entry: workspace → Count."""

    def register(count: Callable[[Any], Count]) -> Callable[[Any], Count]:
        counters[entry] = count
        return count

    return register


def finder(kind: str) -> Callable[[Callable[[Thread], Stop]], Callable[[Thread], Stop]]:
    """Registers who draws a stop of the lineage line; it may write what it found into the thread."""

    def register(find: Callable[[Thread], Stop]) -> Callable[[Thread], Stop]:
        finders[kind] = find
        return find

    return register


def card(name: str) -> Callable[[Callable[[Any], Card | None]], Callable[[Any], Card | None]]:
    """Registers a card of the home page: request → Card, or None when there is nothing to say."""

    def register(make: Callable[[Any], Card | None]) -> Callable[[Any], Card | None]:
        cards[name] = make
        return make

    return register


def panel(tab: str) -> Callable[[Callable[[Any, Any], Card]], Callable[[Any, Any], Card]]:
    """Registers who fills a tab of a job's page: request, job → Card."""

    def register(make: Callable[[Any, Any], Card]) -> Callable[[Any, Any], Card]:
        panels[tab] = make
        return make

    return register


def first_step(kind: str) -> Callable[[Callable[[Any], dict[str, Any]]], Callable[[Any], dict[str, Any]]]:
    """Registers a stop of the first run: workspace → {done, live, text, url, action, fields, also, percent}.

    live: it is under way · fields: the action is a form with these, else a link · also: [(words, address)] beside it.
    """

    def register(step: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
        first_steps[kind] = step
        return step

    return register


def quota(limit: str) -> Callable[[Callable[[Any], int]], Callable[[Any], int]]:
    """Registers how much of a named limit is taken: request → amount in the limit's unit."""

    def register(used: Callable[[Any], int]) -> Callable[[Any], int]:
        quotas[limit] = used
        return used

    return register


def stops(thread: Thread) -> list[tuple[str, Stop]]:
    """The four stops in order. Backwards first from the page's own, so that what lies before is known to what follows."""
    at = ORDER.index(thread.here)
    for kind in [*reversed(ORDER[: at + 1]), *ORDER[at + 1 :]]:
        if kind in finders:
            thread.stops[kind] = finders[kind](thread)
    return [(kind, thread.stops[kind]) for kind in ORDER if kind in thread.stops]
