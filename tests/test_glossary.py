"""The glossary: every word is explained where it says, and means what the book says."""

import posixpath
import re
from pathlib import Path

import pages
import pytest
import tangle

ROOT = Path(__file__).parents[1]
TEXTS = tangle.read_documents(ROOT)
HOME = "course/glossary.md"
ENTRIES = {
    words.strip(): " ".join(text.split())
    for words, _, text in (
        part.partition("\n") for part in re.split(r"^## ", TEXTS[HOME], flags=re.M)[1:]
    )
}
WORDS = re.findall(
    r"^\| (\w+) \| (.+) \|$",
    TEXTS["mosaic.md"].partition("\n## Words and shapes\n")[2].partition("\n### ")[0],
    re.M,
)[1:]


def section(text: str, place: str) -> str:
    """The text under the heading of a place, with what is below it; all, if no place is named."""
    if not place:
        return text
    found = list(pages.headings(text))
    number = pages.slugs(text).index(place)
    first, level, _ = found[number]
    ends = [i for i, other, _ in found[number + 1 :] if other <= level]
    return "\n".join(text.split("\n")[first : ends[0] if ends else None])


def plain(words: str) -> str:
    """Words without marks and capitals, with single spaces."""
    return " ".join(re.sub("[*`]", "", words).lower().split())


@pytest.mark.parametrize("word", ENTRIES)
def test_every_word_is_used_where_its_link_leads(word: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", ENTRIES[word])
    assert len(links) == 1
    path, _, place = links[0].partition("#")
    document = posixpath.normpath(posixpath.join(posixpath.dirname(HOME), path))
    assert plain(word) in plain(section(TEXTS[document], place))


@pytest.mark.parametrize("word", ENTRIES)
def test_an_entry_is_one_sentence_or_a_few(word: str) -> None:
    said = ENTRIES[word].partition(" See ")[0]
    assert 1 <= len(re.findall(r"[.;](?=\s|$)", said)) <= 4
    assert len(said.split()) <= 50


@pytest.mark.parametrize(("word", "meaning"), WORDS)
def test_a_word_means_what_the_table_of_the_book_says(word: str, meaning: str) -> None:
    assert plain(ENTRIES[word.capitalize()]).startswith(plain(meaning))


def test_the_glossary_has_about_thirty_words_and_those_of_the_book() -> None:
    assert 25 <= len(ENTRIES) <= 45
    assert {word.capitalize() for word, _ in WORDS} <= set(ENTRIES)
    assert len(WORDS) >= 9
