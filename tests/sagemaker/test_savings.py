"""What one job for all members saves."""

import pytest

from byoe.errors import JobError, ParameterError
from byoe.sagemaker.shared._savings import Savings, fitted_line, savings

LOG = f"[byoe] read 3 rows\n[byoe] {fitted_line(3, 40)}\nvalidation:rmse=1;"


def test_what_is_done_once_for_all():
    found = savings(LOG, billable=100, seconds=100, instances=1, size=1000, price_per_hour=0.36)
    assert found == Savings(members=3, seconds=120, bytes=2000, money=pytest.approx(0.012))
    assert savings(LOG, billable=100, seconds=100, instances=1, size=1000, price_per_hour=None).money is None


def test_every_instance_does_so():
    assert savings(LOG, billable=200, seconds=100, instances=2, size=10, price_per_hour=None) == Savings(3, 240, 40)


def test_spare_capacity_is_paid_for_in_part():
    found = savings(LOG, billable=30, seconds=100, instances=1, size=10, price_per_hour=None)
    assert found.seconds == pytest.approx(2 * 30 * 0.6)
    again = f"[byoe] read 3 rows\n{LOG}"
    with pytest.raises(JobError, match="was interrupted and has begun anew"):
        savings(again, billable=30, seconds=100, instances=1, size=10, price_per_hour=None)


def test_a_single_member_saves_nothing():
    log = f"[byoe] {fitted_line(1, 2.5)}"
    assert savings(log, billable=100, seconds=100, instances=1, size=9, price_per_hour=1) == Savings(1, 0, 0, 0)


def test_what_is_not_known_is_told():
    with pytest.raises(JobError, match="does not say how long it has fitted"):
        savings("", billable=1, seconds=1, instances=1, size=1, price_per_hour=None)
    with pytest.raises(ParameterError, match="price_per_hour is -1, expected a price"):
        savings(LOG, billable=1, seconds=1, instances=1, size=1, price_per_hour=-1)
