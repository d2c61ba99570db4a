"""Reader of a user's picture file: PNG, JPEG, GIF, BMP or WebP, by content and not by name.

A picture larger than there is use for is scaled down while it is read.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from logreg_tui.core.errors import UserError
from logreg_tui.core.files import open_regular
from logreg_tui.core.text import describe

LONGEST_SIDE = 800
"""Pixels of the longer side that are enough to see what is drawn."""
MOST_PIXELS = 100_000_000
"""Pixels of a phone's largest photo; what claims more is taken for a decompression bomb."""
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
"""Pillow's readers for pictures that people draw and take, none of which starts a program."""
LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue: ITU-R BT.601."""


def read_picture(path: Path) -> np.ndarray:
    """Return a picture upright as red, green and blue, shape (rows, columns, 3), float32 of 0..1.

    Transparent parts become white, or black if what is drawn is light. Raises UserError, naming
    the file, if it is no picture that can be read.
    """
    try:
        return _read(path)
    except OSError as error:
        if error.errno is None:
            raise UserError(f"{str(path)!r} is damaged: {describe(error)}; save it again") from error
        raise UserError(f"{str(path)!r} cannot be read: {describe(error)}") from error


def _read(path: Path) -> np.ndarray:
    if os.path.isdir(path):
        raise UserError(f"{str(path)!r} is a folder: name a picture file")
    with open_regular(path) as file, warnings.catch_warnings():
        # Its limit is ours: an image between the two would be warned of on the screen.
        warnings.simplefilter("ignore")
        try:
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise _too_large(path)
                # A phone's JPEG may hold a second picture, its map of depths: the first is the photo.
                if getattr(image, "is_animated", False) and image.format != "MPO":
                    raise UserError(f"{str(path)!r} is animated: save the one frame that is meant as PNG")
                # A JPEG is decoded at an eighth, a quarter or half of its size if that is enough.
                image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
                return _values(ImageOps.exif_transpose(image))
        except UnidentifiedImageError as error:
            raise UserError(f"{str(path)!r} is no picture: give a PNG or JPEG file") from error
        except Image.DecompressionBombError as error:
            raise _too_large(path) from error
        except (OSError, UserError):
            raise
        # A damaged file makes its decoder raise whatever it comes across.
        except Exception as error:
            raise UserError(f"{str(path)!r} is damaged: {describe(error)}; save it again") from error


def _too_large(path: Path) -> UserError:
    return UserError(f"{str(path)!r} has more than {MOST_PIXELS:,} pixels: scale it down first")


def _values(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):
        grey = np.asarray(_reduced(image.convert("I").convert("F")), np.float32)
        # A camera or a scanner may use 10 or 12 of the 16 bits.
        bits = max(8, int(grey.max()).bit_length())
        return np.repeat(grey[:, :, None] / (2**bits - 1), 3, axis=2)
    if not image.has_transparency_data:
        return np.asarray(_reduced(image.convert("RGB")), np.float32) / 255
    colors = np.asarray(_reduced(image.convert("RGBA")), np.float32) / 255
    alpha = colors[:, :, 3:]
    drawn = colors[:, :, :3] * alpha
    brightness = float((drawn @ np.array(LUMINANCE, np.float32)).sum() / max(alpha.sum(), 1e-9))
    return np.asarray(drawn + (1 - alpha) * (brightness < 0.5), np.float32)


def _reduced(image: Image.Image) -> Image.Image:
    """Return an image that is at most LONGEST_SIDE long."""
    share = LONGEST_SIDE / max(image.size)
    if share >= 1:
        return image
    return image.resize(
        (max(1, round(image.width * share)), max(1, round(image.height * share))), Image.Resampling.BOX
    )
