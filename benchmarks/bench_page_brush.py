"""From pointer to painted: frames of the brush on a query of 1024² voxels, from a trace of the browser."""

import json
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from browser import SIZE, Page, launched
from record import p95_of, record
from server import Server, vnc_project

STROKES = 12
RADII = 3  # presses of the key that makes the brush larger, between strokes
TRACED = ["devtools.timeline", "blink.user_timing", "disabled-by-default-devtools.timeline"]
HANDLED = ("pointermove", "pointerdown", "pointerrawupdate")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        project = vnc_project(Path(folder) / "vnc", query_shape=(1, 1024, 1024), downsample=(1, 1, 1))
        with Server(project) as server:
            browser = launched(playwright)
            page = Page(browser.new_context(viewport=SIZE), server.url)
            page.sign_in("ada")
            trace = Path(folder) / "trace.json"
            browser.start_tracing(page=page.tab, path=trace, categories=TRACED)
            _paint(page)
            browser.stop_tracing()
            frames = page.tab.evaluate(
                "() => performance.getEntriesByName('brush-frame').map(entry => entry.duration)"
            )
            handlers = _handlers(json.loads(trace.read_text())["traceEvents"])
    frames, handlers = np.array(frames), np.array(handlers)
    for name, values in (
        ("pointer event to painted frame", frames),
        ("pointer handler, with drawing", handlers),
    ):
        quantiles = np.percentile(values, [50, 95, 100])
        print(f"{name:34}{len(values):6}" + "".join(f"{value:9.2f}" for value in quantiles) + "  ms")
    record(
        "page-brush",
        {
            "brush_frame_ms": p95_of(
                frames,
                "p95 from the event's time stamp to the end of the frame's callbacks, 60 frames a second,"
                f" software rendering; the handler itself with drawing: median {np.median(handlers):.2f} ms, "
                f"p95 {np.percentile(handlers, 95):.2f} ms by the trace",
            )
        },
        [0],
    )


def _paint(page: Page) -> None:
    start, stop = page.box()
    rng = np.random.default_rng(0)
    page.tab.evaluate("() => performance.clearMeasures('brush-frame')")
    for stroke in range(STROKES):
        if stroke % 3 == 2:
            for _ in range(RADII):
                page.press("]")
        points = rng.uniform(0.15, 0.85, (5, 2)) * np.subtract(stop, start)[1:] + start[1:]
        page.drag(*[(float(y), float(x)) for y, x in points], steps=12)
    page.wait_saved()


def _handlers(events: list[dict]) -> list[float]:
    """Milliseconds in which the page dealt with each pointer event."""
    return [
        event["dur"] / 1000
        for event in events
        if event["name"] == "EventDispatch" and event["args"]["data"]["type"] in HANDLED and "dur" in event
    ]


if __name__ == "__main__":
    main()
