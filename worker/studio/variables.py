"""Reads values out of variables, with a sentence for each value that cannot be used. Pure."""

from collections.abc import Mapping
from pathlib import Path


class SettingsError(Exception):
    """A variable has a value that cannot be used. The text names variable, value and remedy."""


class Reader:
    """Values by the name of their variable. Raises SettingsError for one that cannot be used."""

    def __init__(self, environ: Mapping[str, str]):
        self._environ = environ

    def text(self, name: str) -> str | None:
        # Templates of the platform pass unset variables as empty text.
        return (self._environ.get(name) or "").strip() or None

    def path(self, name: str) -> Path | None:
        value = self.text(name)
        return Path(value).expanduser().absolute() if value else None

    def switch(self, name: str, default: bool = False) -> bool:
        value = (self.text(name) or str(default)).lower()
        if value in ("1", "true", "yes", "on"):
            return True
        if value in ("0", "false", "no", "off"):
            return False
        raise SettingsError(f"{name} is '{value}'. It is a switch: set 1 or 0.")

    def choice(self, name: str, allowed: tuple[str, ...], default: str, upper: bool = False) -> str:
        value = self.text(name) or default
        value = value.upper() if upper else value.lower()
        if value not in allowed:
            raise SettingsError(f"{name} is '{value}'. Set one of {', '.join(allowed)}, or remove it for {default}.")
        return value

    def names(self, name: str, default: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
        value = self.text(name)
        if value is None:
            return default
        chosen = [] if value.lower() == "none" else [part.strip().lower() for part in value.split(",")]
        if set(chosen) - set(known):
            raise SettingsError(
                f"{name} is '{value}'. Set none, or names out of {', '.join(known)} with commas between, "
                f"or remove it for {','.join(default)}."
            )
        return tuple(name for name in known if name in chosen)

    def number(self, name: str, default, low, high, whole: bool = False):
        value = self.text(name)
        if value is None:
            return default
        kind = "a whole number" if whole else "a number"
        try:
            number = int(value) if whole else float(value)
        except ValueError:
            number = None
        if number is None or not low <= number <= high:
            raise SettingsError(f"{name} is '{value}'. Set {kind} from {low} to {high}, or remove it for {default}.")
        return number
