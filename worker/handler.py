"""Starts the worker: attached to the platform's queue, or as a server of its own (RUN_MODE)."""

import sys

from studio.logs import start_log
from studio.settings import Settings, SettingsError
from studio.warm_start import warm_start


def main() -> int:
    """Returns the exit code: 1 when the worker could not start."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    start_log(settings)
    warm_start(settings)
    # Each server is imported only in its mode: the other one's libraries cost seconds of a cold start.
    if settings.run_mode == "serverless":
        from studio.serve.serverless import serve
    else:
        from studio.serve.http import serve
    return serve(settings)


if __name__ == "__main__":
    sys.exit(main())
