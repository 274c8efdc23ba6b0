"""Let a page in Chromium ask the same twice by GET, and once more after an edit.

Reads {"chromium", "url", "key", "path", "edit"} as JSON: the path of the question, and the body of
the edit. Prints the statuses that came over the wire, and how long the answers are that the page
got.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from playwright.sync_api import sync_playwright

ASK = "path => fetch(path).then(answer => answer.text()).then(text => text.length)"
EDIT = """([key, body]) => fetch("/graphql", {
  method: "POST",
  headers: {"Content-Type": "application/json", "Authorization": `Bearer ${key}`},
  body,
}).then(answer => answer.text())"""


def run(chromium: str, url: str, key: str, path: str, edit: str) -> dict[str, Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        # A page that may ask the server; its own questions are over when it begins.
        page.goto(f"{url}/graphql", wait_until="networkidle")
        asked: set[str] = set()  # not the icon, which the browser asks for by itself
        statuses: list[tuple[str, int]] = []

        def note_request(event: dict[str, Any]) -> None:
            if "/graphql" in event["request"]["url"]:
                asked.add(event["requestId"])

        def note_status(event: dict[str, Any]) -> None:
            # It may be told before its request is.
            statuses.append((event["requestId"], event["statusCode"]))

        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", note_request)
        session.on("Network.responseReceivedExtraInfo", note_status)
        lengths = [page.evaluate(ASK, path), page.evaluate(ASK, path)]
        edited = page.evaluate(EDIT, [key, edit])
        lengths.append(page.evaluate(ASK, path))
        page.wait_for_timeout(500)
        browser.close()
    wire = [status for request, status in statuses if request in asked]
    return {"wire": wire, "lengths": lengths, "edited": json.loads(edited)}


if __name__ == "__main__":
    json.dump(run(**json.load(sys.stdin)), sys.stdout)
