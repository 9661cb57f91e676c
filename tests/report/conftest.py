"""Ensembles that are fitted once, and pages that are read as a browser would."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from byoe import EnsembleClassifier, EnsembleRegressor

ROWS = 120
EVIL = "</td><script>alert('x')</script>"


@pytest.fixture(scope="session")
def X():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(ROWS, 2)), columns=["size", EVIL])
    table["price_$_in_$"] = rng.integers(1, 5, ROWS)
    table["town"] = rng.choice(["Bonn", "Köln & Ulm", "<b>"], ROWS)
    table["day"] = pd.date_range("2024-01-01", periods=ROWS)
    return table.mask(rng.random(table.shape) < 0.03)


@pytest.fixture(scope="session")
def y(X):
    return (3 * X["size"].fillna(0) + np.random.default_rng(1).normal(size=ROWS)).rename("cost")


@pytest.fixture(scope="session")
def regression(X, y):
    return EnsembleRegressor(("ridge", "elastic_net", "knn"), "weighted", cv=4, random_state=0).fit(X, y)


@pytest.fixture(scope="session")
def binary(X, y):
    return EnsembleClassifier(("ridge", "knn"), "greedy", cv=4, random_state=0).fit(X, np.where(y > 0, "yes", "no"))


class Page(HTMLParser):
    """What is on a page: its tags, its addresses, and its tables by section."""

    EMPTY = frozenset({"meta", "link", "br", "path", "rect", "use", "image"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.addresses, self.attributes = [], [], [], [], []
        self.tables, self.words, self.section = {}, {}, ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        attrs = dict(attrs)
        self.attributes.append(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.addresses += [value for key, value in attrs.items() if key in ("href", "src", "xlink:href", "action")]
        if tag == "section":
            self.section = attrs["id"]
        if tag == "table":
            self.tables.setdefault(self.section, []).append([])
        if tag == "tr":
            self.tables[self.section][-1].append([])
        if tag in ("td", "th"):
            self.tables[self.section][-1][-1].append("")
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.EMPTY:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in self.EMPTY:
            return
        assert self.open.pop() == tag, f"</{tag}> in {self.open}"
        if tag == "section":
            self.section = ""

    def handle_data(self, data):
        self.words[self.section] = self.words.get(self.section, "") + data
        if "td" in self.open[-3:] or "th" in self.open[-3:]:
            self.tables[self.section][-1][-1][-1] += data

    def table(self, section, place=0):
        """Return the cells of a table below its headings, by row and heading."""
        head, *rows = self.tables[section][place]
        return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


@pytest.fixture
def page(tmp_path):
    """Write a report and return what is on its page."""

    def write(ensemble, *args, **kwargs):
        file = ensemble.report(tmp_path / "report.html", *args, **kwargs)
        read = Page(file.read_text(encoding="utf-8"))
        assert not read.open
        return read

    return write
