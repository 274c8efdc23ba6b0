"""Open GraphiQL in Chromium, run every tab's document, and report what happened.

Reads {"chromium", "url", "key"} as JSON, prints a report as JSON. The browser can resolve no
name: only 127.0.0.1 is within its reach.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from playwright.sync_api import Page, sync_playwright

OFFLINE = [
    "--no-sandbox",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
RESULT = ".result-window .CodeMirror"


def value(page: Page, selector: str) -> str:
    return page.evaluate(f"document.querySelector({selector!r}).CodeMirror.getValue()")


def fill(page: Page, selector: str, text: str) -> None:
    page.evaluate(
        "([selector, text]) => document.querySelector(selector).CodeMirror.setValue(text)",
        [selector, text],
    )


def run_tab(page: Page, index: int, key: str) -> dict[str, Any]:
    page.locator(".graphiql-tab-button").nth(index).click()
    document = value(page, ".graphiql-query-editor .CodeMirror")
    if "mutation" in document:
        headers = json.dumps({"Authorization": f"Bearer {key}"})
        fill(page, ".graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror", headers)
    with page.expect_response(lambda response: response.request.method == "POST") as posted:
        page.locator(".graphiql-execute-button").click()
    sent = posted.value.request.headers.get("authorization", "")
    page.wait_for_function(
        f"document.querySelector({RESULT!r})?.CodeMirror.getValue().includes('{{')"
    )
    return {"document": document, "answer": json.loads(value(page, RESULT)), "sent_key": sent}


def browse(chromium: str, url: str, key: str, screenshot: str | None = None) -> dict[str, Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=OFFLINE)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(90_000)  # milliseconds; machines of CI are slow at times
        requests: list[str] = []
        complaints: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        page.goto(f"{url}/graphql")
        page.locator(".graphiql-execute-button").wait_for()
        page.wait_for_load_state("networkidle")
        count = page.locator(".graphiql-tab-button").count()
        tabs = [run_tab(page, index, key) for index in range(count)]
        if screenshot:
            page.screenshot(path=screenshot)
        stored = page.evaluate("JSON.stringify(Object.entries(localStorage))")
        browser.close()
    return {"tabs": tabs, "requests": requests, "complaints": complaints, "stored": stored}


if __name__ == "__main__":
    json.dump(browse(**json.load(sys.stdin)), sys.stdout)
