"""What a rule is, and what comes of it."""

from __future__ import annotations

import unittest
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any, Literal

from threadpoolctl import ThreadpoolController

from ..engine._threads import limited, one_thread
from ..errors import PluginError

State = Literal["kept", "broken", "not supported"]


class BrokenPromiseError(Exception):
    """A promise is broken; the text says what came and what was expected."""


class NotSupportedError(Exception):
    """There is nothing to check, since nothing was promised; the text says what byoe does instead."""


@dataclass(frozen=True)
class Rule:
    """One promise of the contract, and what finds out whether it is kept.

    Attributes
    ----------
    name : str
    promise : str
    run : callable
        Gets the subject; raises `BrokenPromiseError` or `NotSupportedError`.
    """

    name: str
    promise: str
    run: Callable[[Any], None]


@contextmanager
def as_in_a_fit() -> Iterator[None]:
    """Give native thread pools what a task with one thread has."""
    with one_thread(), limited(ThreadpoolController(), 1):
        yield


def rule(book: list[Rule], name: str, promise: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Add a function to a list of rules."""

    def _add(run: Callable[[Any], None]) -> Callable[[Any], None]:
        book.append(Rule(name, promise, run))
        return run

    return _add


@dataclass(frozen=True)
class Result:
    """What came of one rule.

    Attributes
    ----------
    rule, promise : str
    state : {"kept", "broken", "not supported"}
    reason : str
        Why it is not kept.
    """

    rule: str
    promise: str
    state: State
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """One rule for one learner or blender: a test without arguments, for ``pytest.mark.parametrize``.

    Called, it raises a PluginError for a broken promise, and ``unittest.SkipTest`` where
    nothing was promised. Its text, for ``ids=str``, is the name of the rule.
    """

    subject: Any
    rule: Rule

    def __call__(self) -> None:
        result = self.result()
        if result.state == "not supported":
            raise unittest.SkipTest(result.reason)
        if result.state == "broken":
            raise PluginError(f"{self.subject} breaks a promise: {self.rule.promise}. {result.reason}")

    def __str__(self) -> str:
        return self.rule.name

    def result(self) -> Result:
        """Return what comes of the rule."""
        state: State = "kept"
        reason = ""
        try:
            # What it prints is looked at by a rule of its own.
            with as_in_a_fit(), redirect_stdout(StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a warning breaks no promise
                self.rule.run(self.subject)
        except NotSupportedError as error:
            state, reason = "not supported", str(error)
        except BrokenPromiseError as error:
            state, reason = "broken", str(error)
        except (Exception, SystemExit) as error:
            state, reason = "broken", f"{type(error).__name__}: {error}"
        return Result(self.rule.name, self.rule.promise, state, reason)


class Report(list[Result]):
    """The results of all rules, printed as a table.

    Attributes
    ----------
    subject : str
        The learner or blender, and where it comes from.
    """

    def __init__(self, subject: str, results: Iterable[Result]) -> None:
        super().__init__(results)
        self.subject = subject

    @property
    def broken(self) -> list[Result]:
        """The rules that are broken."""
        return [result for result in self if result.state == "broken"]

    def __repr__(self) -> str:
        width = max((len(result.rule) for result in self), default=0)
        lines = [f"{result.rule:{width}}  {result.state:13}  {_note(result)}".rstrip() for result in self]
        return "\n".join([self.subject, *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(result.rule)}</td><td>{result.state}</td><td>{escape(_note(result))}</td></tr>"
            for result in self
        )
        return f"<table><caption>{escape(self.subject)}</caption><tbody>{rows}</tbody></table>"


def _note(result: Result) -> str:
    if result.state == "broken":
        return f"{result.promise}. {result.reason}"
    return result.reason or result.promise


def report(subject: Any, book: Iterable[Rule]) -> Report:
    """Return what comes of all rules; after a breach of the first, which is what the others build on, of no other."""
    results: list[Result] = []
    for each in book:
        results.append(Check(subject, each).result())
        if len(results) == 1 and results[0].state == "broken":
            break
    return Report(str(subject), results)
