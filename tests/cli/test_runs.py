import pytest

from byoe.errors import InputError


def test_older_runs_are_removed_and_nothing_else(byoe, tmp_path):
    names = ["byoe-20240101-120000-aaaaaa", "byoe-tune-20240102-120000-bbbbbb", "byoe-20240103-120000-cccccc"]
    others = ["byoe-thesis", "byoe-20240101-120000-models", "data"]
    for name in [*names, *others]:
        (tmp_path / "jobs" / name / "model").mkdir(parents=True)
    (tmp_path / "jobs" / "byoe-20230101-120000-aaaaaa").touch()  # a file of that name is none of ours
    told = byoe("sagemaker", "prune", "jobs", "--keep", 1)
    assert told.splitlines() == [*(f"removed jobs/{name}" for name in names[:2]), "removed 2 of the folders in jobs"]
    left = {path.name for path in (tmp_path / "jobs").iterdir()}
    assert left == {names[2], *others, "byoe-20230101-120000-aaaaaa"}
    assert byoe("sagemaker", "prune", "jobs", "--keep", 5) == "removed 0 of the folders in jobs\n"
    byoe("sagemaker", "prune", "jobs", "--keep", 0)
    assert not (tmp_path / "jobs" / names[2]).exists()


def test_a_folder_that_is_not_there_is_told_of(byoe):
    with pytest.raises(InputError, match="there is no folder byoe-jobs"):
        byoe("sagemaker", "prune")
