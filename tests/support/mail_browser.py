"""A mail in a real Chromium, without a network: pictures are answered with one local file, everything else is refused."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from playwright.sync_api import Browser, Page, Route

_STYLE = re.compile(r"<style\b.*?</style>", re.DOTALL | re.IGNORECASE)

# Runs in a page: how many pixels of two screenshots differ by more than 8 of 255 in any channel, and both sizes.
_COMPARE = """async ([one, two]) => {
  const pixels = async (png) => {
    const image = new Image(); image.src = 'data:image/png;base64,' + png; await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height);
  };
  const a = await pixels(one), b = await pixels(two);
  const width = Math.min(a.width, b.width), height = Math.min(a.height, b.height);
  let differing = 0;
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    const i = 4 * (y * a.width + x), j = 4 * (y * b.width + x);
    if (Math.abs(a.data[i] - b.data[j]) > 8 || Math.abs(a.data[i + 1] - b.data[j + 1]) > 8
        || Math.abs(a.data[i + 2] - b.data[j + 2]) > 8) differing++;
  }
  return { differing, pixels: width * height, sizes: [[a.width, a.height], [b.width, b.height]] };
}"""


@contextmanager
def shown(
    browser: Browser, html: str, *, width: int = 600, height: int = 900, dark: bool = False, pictures: bool = True
) -> Iterator[Page]:
    """The mail in a window `width` CSS pixels wide."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", device_scale_factor=1
    )
    try:
        page = context.new_page()
        page.route("**/*", _answer_pictures if pictures else lambda route: route.abort())
        page.set_content(html, wait_until="load")
        yield page
    finally:
        context.close()


def without_styles(html: str) -> str:
    """What readers with an account of another provider see in Gmail's app: no <style> at all."""
    return _STYLE.sub("", html)


def compare(page: Page, one: bytes, two: bytes) -> dict[str, object]:
    """Two screenshots: `differing` of `pixels`, and `sizes`."""
    found: dict[str, object] = page.evaluate(_COMPARE, [base64.b64encode(png).decode() for png in (one, two)])
    return found


def _answer_pictures(route: Route) -> None:
    if route.request.resource_type == "image":
        route.fulfill(body=gradient(), content_type="image/png")
    else:
        route.abort()


@cache
def gradient(width: int = 1200, height: int = 750) -> bytes:
    """A PNG in which every place has a colour of its own, so that a shift of one pixel shows."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        green = 255 * y // height
        for x in range(width):
            rows += bytes((255 * x // width, green, (x ^ y) & 0x80))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(bytes(rows)))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
