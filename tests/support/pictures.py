"""`make pictures`: the sample issue as readers see it, in docs/pictures/: light, dark, on a phone, without pictures, without
styles, and as plain text. A real Chromium draws it, with the project's own media and no network.

A picture is written with a palette of 160 colours, without dithering, so that it stays small and differences can be seen.
"""

from __future__ import annotations

import base64
import html
import struct
import sys
import zlib
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Route, sync_playwright

from tests.support.letters import Letter, letters
from tests.support.mail_browser import without_styles
from tests.support.rendering import PROJECT

FOLDER = PROJECT / "docs" / "pictures"
CHROMIUM = Path("/usr/bin/chromium")
COLOURS = 160

_PLAIN = """<!doctype html><html lang="en"><head><title>Plain text</title></head><body style="margin:0;background:#fff">
<pre style="margin:0;padding:24px;color:#222;font:13px/19px 'DejaVu Sans Mono',monospace">{}</pre></body></html>"""

# Runs in a page: a PNG becomes a palette (median cut over colours of 5 bits a channel) and one index for each pixel.
_REDUCE = """async ([png, most]) => {
  const image = new Image(); image.src = 'data:image/png;base64,' + png; await image.decode();
  const { width, height } = image;
  const context = new OffscreenCanvas(width, height).getContext('2d');
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, width, height).data;
  const count = new Uint32Array(32768), sums = [0, 1, 2].map(() => new Float64Array(32768));
  const cell = i => (pixels[i] >> 3) << 10 | (pixels[i + 1] >> 3) << 5 | pixels[i + 2] >> 3;
  for (let i = 0; i < pixels.length; i += 4) {
    const at = cell(i); count[at]++;
    for (let c = 0; c < 3; c++) sums[c][at] += pixels[i + c];
  }
  const part = (at, c) => at >> (10 - 5 * c) & 31;
  let boxes = [[...count.keys()].filter(at => count[at])];
  const spread = box => [0, 1, 2].map(c => { const v = box.map(at => part(at, c)); return Math.max(...v) - Math.min(...v); });
  while (boxes.length < most) {
    const worth = boxes.map(box => box.length < 2 ? -1 : Math.max(...spread(box)) * Math.log(1 + box.reduce((n, at) => n + count[at], 0)));
    const pick = worth.indexOf(Math.max(...worth));
    if (worth[pick] <= 0) break;
    const [box] = boxes.splice(pick, 1), wide = spread(box), c = wide.indexOf(Math.max(...wide));
    box.sort((a, b) => part(a, c) - part(b, c));
    const half = box.reduce((n, at) => n + count[at], 0) / 2;
    let seen = 0, cut = 0;
    while (cut < box.length - 1 && seen < half) seen += count[box[cut++]];
    cut = Math.min(Math.max(cut, 1), box.length - 1);
    boxes.push(box.slice(0, cut), box.slice(cut));
  }
  const index = new Uint8Array(32768), palette = boxes.map((box, number) => {
    box.forEach(at => index[at] = number);
    const all = box.reduce((n, at) => n + count[at], 0);
    return [0, 1, 2].map(c => Math.round(box.reduce((n, at) => n + sums[c][at], 0) / all));
  });
  const lines = new Uint8Array(width * height);
  for (let i = 0, p = 0; i < pixels.length; i += 4, p++) lines[p] = index[cell(i)];
  let text = '';
  for (let p = 0; p < lines.length; p += 32768) text += String.fromCharCode(...lines.subarray(p, p + 32768));
  return { width, height, palette, pixels: btoa(text) };
}"""


def main() -> None:
    """Draw and write them, and say how large they are."""
    if not CHROMIUM.exists():
        sys.exit(f"{CHROMIUM} is not installed, and nothing else draws these pictures")
    FOLDER.mkdir(exist_ok=True)
    free = next(one for one in letters() if one.name.endswith("-free"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for name, shot in _shots(browser, free).items():
            page = browser.new_page()
            reduced = page.evaluate(_REDUCE, [base64.b64encode(shot).decode(), COLOURS])
            page.close()
            path = (FOLDER / f"{name}.png").resolve()
            path.write_bytes(_png(reduced))
            print(
                f"{path.relative_to(PROJECT)}: {reduced['width']} x {reduced['height']}, {path.stat().st_size // 1024} KiB"
            )
        browser.close()


def _shots(browser: Browser, letter: Letter) -> dict[str, bytes]:
    plain = _PLAIN.format(html.escape(letter.text))
    return {
        "light": _shot(browser, letter.html, width=640),
        "dark": _shot(browser, letter.html, width=640, dark=True),
        "phone": _shot(browser, letter.html, width=375),
        "images-off": _shot(browser, letter.html, width=640, pictures=False),
        "styles-removed": _shot(browser, without_styles(letter.html), width=375),
        "plain-text": _shot(browser, plain, width=700),
        "../issue": _shot(browser, letter.html, width=640, whole=False),  # for README.md: what a first look shows
    }


def _shot(
    browser: Browser, page_html: str, *, width: int, dark: bool = False, pictures: bool = True, whole: bool = True
) -> bytes:
    context = browser.new_context(viewport={"width": width, "height": 1500}, color_scheme="dark" if dark else "light")
    page: Page = context.new_page()
    page.route("**/*", _own_media if pictures else lambda route: route.abort())
    page.set_content(page_html, wait_until="load")
    shot = page.screenshot(full_page=whole)
    context.close()
    return shot


def _own_media(route: Route) -> None:
    """The project's media by their file names; whatever else a mail asks for is refused."""
    path = PROJECT / "content" / "media" / Path(urlsplit(route.request.url).path).name
    route.fulfill(path=path) if path.is_file() else route.abort()


def _png(reduced: dict[str, object]) -> bytes:
    width, height = int(str(reduced["width"])), int(str(reduced["height"]))
    pixels = base64.b64decode(str(reduced["pixels"]))
    rows = b"".join(b"\0" + pixels[y * width : (y + 1) * width] for y in range(height))
    palette = bytes(channel for colour in reduced["palette"] for channel in colour)  # type: ignore[attr-defined]
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


if __name__ == "__main__":
    main()
