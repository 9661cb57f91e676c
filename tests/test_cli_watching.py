"""``byoe predict`` tells of rows that are not like those of the training."""

import subprocess
import sys

from byoe import EnsembleRegressor


def test_predict_tells_of_rows_outside_in_one_line(diabetes_frame, tmp_path):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    EnsembleRegressor(("ridge",), cv=3, random_state=0).fit(X, y).save(tmp_path / "model")
    rows = X.head(9).copy()
    rows.loc[2:3, "bmi"] = 500.0
    rows.to_csv(tmp_path / "rows.csv", index=False)
    words = [
        sys.executable,
        "-c",
        "from byoe.cli import main; main()",
        "predict",
        "model",
        "rows.csv",
        "--out",
        "out.csv",
    ]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == "note: 2 rows have values outside of what training held: bmi (2 above)\n"
    assert done.stdout == "wrote 9 predictions to out.csv\n"
