"""Names of files that every system accepts."""

import re
import unicodedata

LENGTH = 50
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')
_EXTENSION = re.compile(r"\.(jpe?g|png|webp|gif|bmp|tiff?)$", re.IGNORECASE)
# Names of devices on Windows, with any extension.
_RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$", re.IGNORECASE)


def file_name(filename: str | None, prompt: str) -> str:
    """A name without extension: the given one, else the first 50 characters of the prompt, made safe."""
    wanted = _EXTENSION.sub("", filename) if filename and filename.strip() else prompt.strip()[:LENGTH]
    text = unicodedata.normalize("NFC", wanted)
    text = "".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text)
    text = _FORBIDDEN.sub("_", text)
    text = re.sub(r"\s+", " ", text).strip(" .")
    if not text.strip("_"):
        return "image"
    return f"_{text}" if _RESERVED.match(text) else text
