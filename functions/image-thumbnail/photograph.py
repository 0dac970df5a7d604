"""Write a picture as a telephone does: lying on its side, with the place where it was taken.

python photograph.py FILE.jpg
"""

import math
import sys

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 800, 600
ORIENTATION, GPS = 0x0112, 0x8825
LATITUDE, LONGITUDE = 48.8584, 2.2945


def landscape() -> Image.Image:
    """Draw a sun, a sky and hills, upright."""
    image = Image.new("RGB", (HEIGHT, WIDTH))
    draw = ImageDraw.Draw(image)
    for y in range(WIDTH):
        share = y / WIDTH
        draw.line([(0, y), (HEIGHT, y)], (int(90 + 150 * share), int(140 + 70 * share), 220))
    draw.ellipse([380, 110, 500, 230], (255, 236, 160))
    for step, colour in enumerate([(120, 140, 150), (80, 115, 105), (45, 80, 60)]):
        ridge = [
            (x, 475 + 90 * step + 35 * math.sin(x / (85 - 15 * step) + 2 * step))
            for x in range(HEIGHT + 1)
        ]
        draw.polygon([(0, WIDTH), *ridge, (HEIGHT, WIDTH)], colour)
    return image


def degrees(angle: float) -> tuple[float, float, float]:
    """Return degrees, minutes and seconds, as EXIF has them."""
    minutes, seconds = divmod(angle * 3600, 60)
    return *divmod(minutes, 60), seconds


if __name__ == "__main__":
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be turned by 90 degrees clockwise to be upright
    place = exif.get_ifd(GPS)
    place.update({1: "N", 2: degrees(LATITUDE), 3: "E", 4: degrees(LONGITUDE)})
    lying = landscape().transpose(Image.Transpose.ROTATE_90)
    lying.save(sys.argv[1], "JPEG", quality=80, exif=exif)
    print(f"{lying.width} x {lying.height} pixels, taken at {LATITUDE} N, {LONGITUDE} E")
