"""Renders hand-outs in Chromium, prints them, and has axe-core look for what would shut somebody out."""

import pathlib
import shutil
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, sync_playwright

files = sorted(pathlib.Path(sys.argv[1]).glob("*.html"))
shots = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] else None
assert files, "no hand-outs"

with sync_playwright() as playwright:
    try:
        there = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
        installed = pathlib.Path(playwright.chromium.executable_path).exists()
        browser = playwright.chromium.launch(executable_path=None if installed else there, args=["--no-sandbox"])
    except Error:
        print("not run: chromium")
        sys.exit(0)
    # axe is put into the page by the test, which the page's own policy would forbid.
    context = browser.new_context(bypass_csp=True, viewport={"width": 900, "height": 1270})
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: sys.exit(f"a script ran: {dialog.message}"))
    for file in files:
        asked.clear()
        page.goto(file.as_uri())
        assert asked == [file.as_uri()], f"{file.name} loads {asked}"
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not wide, f"{file.name} is wider than the window"
        found = Axe().run(page).response["violations"]
        assert not found, f"{file.name}: " + "; ".join(f"{one['id']}: {one['help']}" for one in found)
        printed = page.pdf(format="A4", print_background=True)
        pages = printed.count(b"/Type /Page\n") or printed.count(b"/Type/Page\n")
        sheets = page.locator(".sheet").count()
        if shots:
            page.screenshot(path=shots / f"{file.stem}.png", full_page=True)
            (shots / f"{file.stem}.pdf").write_bytes(printed)
        print(f"{file.name}: nothing found; {sheets} sheets, {pages} pages")
    browser.close()
