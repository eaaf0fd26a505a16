"""Take the picture of a report that the README shows: its head and its charts, without what lies between them.

python docs/images/take_report_picture.py runs/digits/report.html     (needs playwright and a Chromium browser)
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

if __name__ == "__main__":
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1200, "height": 1130})
        page.goto(Path(sys.argv[1]).resolve().as_uri())
        page.evaluate("document.querySelectorAll('#architecture').forEach(part => part.style.display = 'none')")
        page.wait_for_timeout(500)  # the charts are drawn by a script
        page.screenshot(path=Path(__file__).with_name("report.png"))
        browser.close()
