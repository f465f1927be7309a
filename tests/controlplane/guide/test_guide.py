"""The guide as pages: for everybody, in both languages, with no link or picture that leads nowhere."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from controlplane.guide.shelf import FOLDER, LANGUAGES, PAGES, leaf
from django.conf import settings
from django.test import Client

from tests.people import People

HTML = {"en": "en", "zh": "zh-Hans"}
CODE = re.compile(r"^```.*?^```", re.S | re.M)
BOTH = [(lang, name) for lang in LANGUAGES for name in PAGES]


def text_of(lang: str, name: str) -> str:
    return (FOLDER / lang / f"{name}.md").read_text()


@pytest.mark.parametrize(("lang", "name"), BOTH)
def test_every_page_is_there_for_everybody(client: Client, lang: str, name: str) -> None:
    answer = client.get(f"/guide/{lang}/{name}")
    html = answer.content.decode()
    assert answer.status_code == 200
    assert f'<html lang="{HTML[lang]}"' in html
    assert html.count("<h1") == 1
    assert f"<h1>{leaf(lang, name).title}</h1>" in html


def test_members_read_it_in_their_frame(people: People) -> None:
    browser = people.alice.in_browser()
    html = browser.http.get("/guide/en/quick-start").content.decode()
    assert 'class="side"' in html
    assert 'href="/w/alice/datasets"' in html  # with the workspace they were in
    assert 'name="next" value="/guide/quick-start"' in html  # another language: the same page in it


def test_an_address_without_language_leads_to_the_readers(client: Client) -> None:
    first = PAGES[0]
    assert client.get("/guide", headers={"Accept-Language": "zh-CN"}).headers["Location"] == f"/guide/zh/{first}"
    assert client.get(f"/guide/{first}", headers={"Accept-Language": "de"}).headers["Location"] == f"/guide/en/{first}"
    assert client.get("/guide/zh").headers["Location"] == f"/guide/zh/{first}"


@pytest.mark.parametrize("path", ["/guide/none", "/guide/en/none", "/guide/fr/quick-start", "/guide/en/..%2f..%2fREADME"])
def test_nothing_else_is_read(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def links(lang: str, name: str) -> Iterator[str]:
    html = str(leaf(lang, name).html)
    yield from re.findall(r'href="([^"]*)"', html)


@pytest.mark.parametrize(("lang", "name"), BOTH)
def test_links_and_pictures_lead_somewhere(lang: str, name: str) -> None:
    for link in links(lang, name):
        page, _, anchor = unquote(link).partition("#")
        if link.startswith(("http", "mailto:", "/api/v1/")):
            continue
        other = page.removeprefix(f"/guide/{lang}/") if page else name
        assert other in PAGES, link
        assert not anchor or f'id="{anchor}"' in str(leaf(lang, other).html), link
    html = str(leaf(lang, name).html)
    for picture in re.findall(r'<img src="([^"]*)"', html):
        assert (settings.PICTURES / picture.removeprefix("/static/pictures/")).is_file(), picture
    assert "<img" not in re.sub(r'<img src="[^"]*" alt="[^"]+" width="\d+" height="\d+" loading="lazy" />', "", html)


@pytest.mark.parametrize("name", PAGES)
def test_both_languages_say_the_same(name: str) -> None:
    """The same headings in depth and order, the same code but for its comments, the same pictures."""
    english, chinese = text_of("en", name), text_of("zh", name)

    def shape(text: str) -> list[str]:
        return re.findall(r"^#+(?= )", CODE.sub("", text), re.M)

    def code(text: str) -> list[str]:
        return [re.sub(r"\s*#.*", "", block) for block in CODE.findall(text)]

    def shown(text: str) -> list[str]:
        return re.findall(r"pictures/([\w-]+?)(?:-zh)?\.png", text)

    assert shape(english) == shape(chinese)
    assert code(english) == code(chinese)
    assert shown(english) == shown(chinese)
    assert len(shown(chinese)) == chinese.count("-zh.png")


@pytest.mark.parametrize(
    ("path", "chapter"),
    [
        ("/accounts/email/", "teams"),
        ("/accounts/sessions/", "teams"),
        ("/accounts/2fa/", "teams"),
        ("/workspaces/new", "teams"),
        ("/w/acme/limits", "operating"),
    ],
)
def test_every_page_leads_to_its_chapter_and_says_where_it_is(people: People, path: str, chapter: str) -> None:
    html = people.alice.in_browser().http.get(path).content.decode()
    assert f'href="/guide/{chapter}" aria-label="How this works"' in html
    assert 'aria-current="page"' in html.split('<ol class="crumb">')[1].split("</ol>")[0]
