"""Opens every mail of a folder in headless Chromium and judges what is seen."""

import pathlib
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

mails, pictures, browser = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3] or None
pages = sorted(mails.glob("*.html"))
assert len(pages) == 22, pages
faults = []

with sync_playwright() as playwright:
    chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
    for scheme in ("light", "dark"):
        for width in (720, 360):
            view = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
            for file in pages:
                name = f"{file.stem}, {scheme}, {width}"
                page = view.new_page()
                asked = []
                page.on("request", lambda request, asked=asked: asked.append(request.url))
                page.on("dialog", lambda dialog: faults.append(f"{name}: a dialog"))
                page.goto(file.as_uri())
                if asked != [file.as_uri()]:
                    faults.append(f"{name}: asks for {asked}")
                over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
                if over > 0:
                    faults.append(f"{name}: runs {over} pixels over the edge")
                if page.locator("a, script, img, form, iframe").count():
                    faults.append(f"{name}: holds more than text")
                page.screenshot(path=pictures / f"{file.stem}-{scheme}-{width}.png", full_page=True)
                # Only now: it adds its own script. What it judges does not depend on the width.
                for violation in [] if width < 720 else Axe().run(page).response["violations"]:
                    faults.append(f"{name}: {violation['id']}: {violation['help']}")
                page.close()
            view.close()
    chromium.close()

for fault in faults:
    print(fault)
if faults:
    raise SystemExit(1)
print(f"{len(pages)} mails are seen as they should be, in two schemes and two widths")
