"""The page in a real browser: it asks for nothing, complains of nothing, fits a phone, and shows the numbers."""

import json
import shutil
import subprocess

import pytest

from byoe.tools._listing import shown

from .conftest import EVIL, Page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PHONE = 390  # pixels

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def written(regression, X, y, tmp_path_factory):
    return regression.report(tmp_path_factory.mktemp("browser") / "report.html", X[:80].assign(size=9.0), y[:80])


def opened(file, *options):
    """Return the document as it is once a browser has read it, and what the browser has logged."""
    log = file.with_suffix(".netlog")
    done = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--no-first-run"),
            *("--disable-background-networking", f"--user-data-dir={file.parent / 'profile'}"),
            *(f"--log-net-log={log}", *options, "--dump-dom", file.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    text = log.read_text(encoding="utf-8").rstrip().rstrip(",")
    events = json.loads(text if text.endswith("}") else text + "]}")["events"]
    asked = {event["params"]["url"] for event in events if "url" in event.get("params", {})}
    return done.stdout, done.stderr, asked


def test_it_asks_for_nothing_complains_of_nothing_and_shows_the_numbers(written, regression):
    document, log, asked = opened(written)
    assert "CONSOLE" not in log
    own = [address for address in asked if "google" not in address and "gvt" not in address]  # the browser's own
    assert set(own) <= {written.as_uri(), "data:,"}, own
    page = Page(document)
    for row in regression.diagnose():
        assert page.table("scores")[row["member"]]["rmse"] == shown(row["rmse"])
    assert list(page.table("columns")) == list(regression.feature_names_in_)
    assert EVIL in page.words["columns"]


def test_a_complaint_would_be_seen(tmp_path):
    """What the test above stands on: a page with faults is told from one without."""
    file = tmp_path / "faulty.html"
    file.write_text("<script>console.error('oh')</script><img src='http://127.0.0.1:9/picture.png'>")
    _, log, asked = opened(file)
    assert "CONSOLE" in log
    assert "http://127.0.0.1:9/picture.png" in asked


def test_it_fits_a_phone(written, tmp_path):
    """A browser without a window is never narrower than 500 pixels; a frame is."""
    frame = tmp_path / "frame.html"
    script = (
        "onload = () => { const page = document.querySelector('iframe').contentDocument.documentElement;"
        " document.title = page.scrollWidth + ' ' + page.scrollHeight }"
    )
    text = written.read_text(encoding="utf-8").replace("&", "&amp;").replace('"', "&quot;")
    frame.write_text(
        f'<title></title><script>{script}</script><iframe style="border:0;width:{PHONE}px;height:800px" srcdoc="{text}">',
        encoding="utf-8",
    )
    document, _, _ = opened(frame)
    width, height = map(int, document.split("<title>")[1].split("</title>")[0].split())
    assert width <= PHONE
    assert height > 2_000
