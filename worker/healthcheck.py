"""Says whether the worker in this container is well: exit code 0 or 1. For the image's HEALTHCHECK."""

import sys
import urllib.request

from studio.settings import Settings

TIMEOUT_S = 8


def main() -> int:
    """A serverless worker has no port: the platform looks after it by its own means."""
    settings = Settings.from_environment()
    if settings.run_mode == "serverless":
        return 0
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    request = urllib.request.Request(f"http://{host}:{settings.port}/health")
    if settings.auth_token:
        request.add_header("Authorization", f"Bearer {settings.auth_token}")
    # Never through a proxy: it could not reach this container, and would see the token.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as reply:
            # 503 while it starts, 200 with the word unhealthy when it could not.
            return 0 if b'"status":"healthy"' in reply.read() else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
