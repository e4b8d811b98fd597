"""Pictures for the registry's persons: drawn, not photographed, and the same for the same personal number."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache

WIDTH, HEIGHT = 700, 900
SKIN = ("#f1d3b8", "#e3b994", "#d2a07a", "#f5dcc8")
HAIR = ("#2b211c", "#5a3b25", "#7b5434", "#8a8a8a", "#1d1d24")
CLOTH = ("#27496d", "#5b2333", "#2e4d36", "#444444", "#6a4c93")
EYES = ("#3b2a1a", "#34546b", "#3d5a3a")


@lru_cache(maxsize=64)
def portrait(personal_number: str, sex: str) -> bytes:
    """A JPEG of 700 × 900 pixels (3.5 : 4.5)."""
    from PIL import Image, ImageDraw

    dice = hashlib.sha256(personal_number.encode()).digest()

    def pick(colours: tuple[str, ...], at: int) -> str:
        return colours[dice[at] % len(colours)]

    image = Image.new("RGB", (WIDTH, HEIGHT), "#e9edf1")
    draw = ImageDraw.Draw(image)
    skin, hair = pick(SKIN, 0), pick(HAIR, 1)
    half = 150 + dice[2] % 30
    top, chin = 210 + dice[3] % 30, 610 + dice[4] % 30
    middle = WIDTH // 2
    if sex == "F":
        draw.rounded_rectangle((middle - half - 45, top - 60, middle + half + 45, chin + 110), 150, fill=hair)
    draw.ellipse((60, 690, WIDTH - 60, HEIGHT + 320), fill=pick(CLOTH, 5))
    draw.rectangle((middle - 62, chin - 60, middle + 62, 740), fill=skin)
    draw.ellipse((middle - half, top, middle + half, chin), fill=skin)
    draw.pieslice((middle - half - 12, top - 50, middle + half + 12, top + 300), 180, 360, fill=hair)
    eye_line, apart = top + 195, 62 + dice[6] % 14
    for eye in (middle - apart, middle + apart):
        draw.ellipse((eye - 30, eye_line - 15, eye + 30, eye_line + 15), fill="white")
        draw.ellipse((eye - 13, eye_line - 13, eye + 13, eye_line + 13), fill=pick(EYES, 7))
        draw.arc((eye - 40, eye_line - 55, eye + 40, eye_line + 5), 200, 340, fill=hair, width=8)
    draw.line((middle, eye_line + 20, middle - 14, eye_line + 95, middle + 16, eye_line + 95), fill="#9c6b4c", width=5)
    mouth = 40 + dice[8] % 25
    draw.arc((middle - mouth, eye_line + 105, middle + mouth, eye_line + 165), 20, 160, fill="#a14b45", width=9)
    if sex == "M" and dice[9] % 3 == 0:
        draw.chord((middle - half + 22, chin - 190, middle + half - 22, chin + 6), 25, 155, fill=hair)
    written = io.BytesIO()
    image.save(written, "JPEG", quality=88)
    return written.getvalue()
