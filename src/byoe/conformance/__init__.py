"""The conformance kit: whether a learner or a blender keeps the promises of the contract.

What is not declared is not supported, which is no fault; what is declared must hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ..errors import ParameterError, PluginError

if TYPE_CHECKING:
    from ._rules import Check, Report

__all__ = ["check_blender", "check_learner", "checks"]


def check_learner(learner: Any, *, on_fail: Literal["raise", "report"] = "raise", n_rows: int = 120) -> Report:
    """Check that a learner keeps the promises of the contract.

    Parameters
    ----------
    learner : str, Learner, or scikit-learn estimator
        A registered name, or an object; a class or a function is called without arguments.
    on_fail : {"raise", "report"}, default="raise"
        Whether broken promises are an error, or told in the report alone.
    n_rows : int, default=120
        Rows of the tables that it is checked on, for a learner that needs many; at least 120.

    Returns
    -------
    Report
        A list of results: ``rule``, ``promise``, ``state`` and ``reason``.

    Raises
    ------
    PluginError
        Names every broken promise.
    ParameterError
        When ``n_rows`` is less.

    Examples
    --------
    >>> from byoe.plugins import check_learner
    >>> report = check_learner("ridge")
    >>> [result.rule for result in report if result.state == "not supported"][:2]
    ['frames', 'missing cells']
    """
    from ._subjects import learner_subject

    return _told(learner_subject(learner, n_rows), _learner_book(), on_fail)


def check_blender(blender: Any, *, on_fail: Literal["raise", "report"] = "raise") -> Report:
    """Check that a blender keeps the promises of the contract.

    Parameters
    ----------
    blender : str, Blender, or scikit-learn estimator
        A registered name, or an object; a class or a function is called without arguments.
    on_fail : {"raise", "report"}, default="raise"

    Returns
    -------
    Report

    Raises
    ------
    PluginError
        Names every broken promise.

    Examples
    --------
    >>> from byoe.plugins import check_blender
    >>> {result.state for result in check_blender("mean")}
    {'kept'}
    """
    from ._subjects import blender_subject

    return _told(blender_subject(blender), _blender_book(), on_fail)


def checks(plugin: Any, *, n_rows: int = 120) -> list[Check]:
    """Return one test for every rule of a learner or a blender, for a plugin's own test suite.

    Parameters
    ----------
    plugin : str, Learner, Blender, or a class of one of these
        A name that both a learner and a blender have means the learner.
    n_rows : int, default=120
        Rows of the tables that a learner is checked on; at least 120.

    Returns
    -------
    list of Check
        Callables without arguments, for ``pytest.mark.parametrize("check", checks(…), ids=str)``:
        a broken promise raises a PluginError, and what is not declared is skipped.

    Examples
    --------
    >>> from byoe.plugins import checks
    >>> for check in checks("mean"):
    ...     check()
    """
    from ._rules import Check
    from ._subjects import blender_subject, is_blender, learner_subject

    if is_blender(plugin):
        return [Check(blender_subject(plugin), rule) for rule in _blender_book()]
    return [Check(learner_subject(plugin, n_rows), rule) for rule in _learner_book()]


def _learner_book() -> list[Any]:
    from . import _capability_rules, _learner_rules, _parameter_rules, _rights_rules

    return [*_learner_rules.BOOK, *_capability_rules.BOOK, *_parameter_rules.BOOK, *_rights_rules.LEARNER_BOOK]


def _blender_book() -> list[Any]:
    from . import _blender_rules, _rights_rules

    return [*_blender_rules.BOOK, *_rights_rules.BLENDER_BOOK]


def _told(subject: Any, book: Any, on_fail: str) -> Report:
    from ._rules import report

    if on_fail not in ("raise", "report"):
        raise ParameterError(f"on_fail is {on_fail!r}, expected 'raise' or 'report'")
    found = report(subject, book)
    if on_fail == "raise" and found.broken:
        faults = "\n".join(f"- {one.rule}: {one.promise}. {one.reason}" for one in found.broken)
        raise PluginError(f"{subject} breaks {len(found.broken)} of {len(book)} promises:\n{faults}")
    return found
