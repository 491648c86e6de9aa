"""Links of a job: which addresses are never turned to, and what a server may send."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from studio.failures import Cancelled, StudioFailure
from studio.media import addresses
from studio.media.addresses import AddressRefused, check_address
from studio.media.fetch import NotReached, TooLarge, fetch
from studio.media.source import read_sources

INNER = ["127.0.0.1", "10.0.0.5", "172.16.3.4", "192.168.1.1", "100.64.0.1", "[::1]", "[fc00::1]", "localhost"]
INNER += ["2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"]
NEVER = ["169.254.169.254", "[fe80::1]", "0.0.0.0", "224.0.0.1", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"]


class Files:
    """A server of files at the process border; each path does what its name says."""

    def __init__(self):
        files = self
        self.paths: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *values):
                pass

            def do_GET(self):
                files.paths.append(self.path)
                name, _, value = self.path.partition("?")[0].strip("/").partition("/")
                if name == "to":
                    self.send_response(302)
                    self.send_header("location", value)
                    return self.end_headers()
                if name == "status":
                    self.send_response(int(value))
                    return self.end_headers()
                self.send_response(200)
                if name == "announced":
                    self.send_header("content-length", value)
                    return self.end_headers()
                if name == "short":
                    self.send_header("content-length", "150")
                self.end_headers()
                self.wfile.write(b"x" * int(value or 3))

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def files():
    made = Files()
    yield made
    made.close()


@pytest.mark.parametrize("host", INNER + NEVER)
def test_inner_addresses_are_refused_in_every_spelling(host):
    with pytest.raises(AddressRefused, match="leads into a network that the worker keeps out of"):
        check_address(f"http://{host}/a.png", allow_private=False)


def test_with_permission_the_own_network_is_open_and_the_cloud_credentials_are_not():
    for host in INNER:
        check_address(f"http://{host}/a.png", allow_private=True)
    for host in NEVER:
        with pytest.raises(AddressRefused):
            check_address(f"http://{host}/a.png", allow_private=True)


def test_public_addresses_are_allowed_and_other_schemes_are_not():
    for address in ("https://1.1.1.1/a.png", "http://[2606:4700::1111]:8080/"):
        check_address(address, allow_private=False)
    for address in (
        "ftp://1.1.1.1/",
        "file:///etc/passwd",
        "https://user:word@1.1.1.1/",
        "http://1.1.1.1:99999/",
        "http://",
    ):
        with pytest.raises(AddressRefused):
            check_address(address, allow_private=True)


def test_one_inner_address_among_others_is_enough_to_refuse(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("1.1.1.1", "10.0.0.1")]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *values, **options: found)
    with pytest.raises(AddressRefused):
        check_address("http://two.example/", allow_private=False)


def test_a_name_that_changes_between_check_and_connection_leads_nowhere(monkeypatch, files):
    answers = iter(["1.1.1.1", "127.0.0.1"])
    port = int(files.url.rsplit(":", 1)[1])

    def changing(host, asked, **options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", changing)
    before = len(files.paths)
    with pytest.raises(AddressRefused):
        fetch(f"http://changing.example:{port}/ok", 10, allow_private=False)
    assert len(files.paths) == before


def test_a_file_is_fetched_through_redirects(files):
    assert fetch(f"{files.url}/ok/7", 7, allow_private=True) == b"x" * 7
    assert fetch(f"{files.url}/to//ok/5", 7, allow_private=True) == b"x" * 5


def test_every_redirect_is_checked(files):
    with pytest.raises(AddressRefused, match="169.254.169.254"):
        fetch(f"{files.url}/to/http://169.254.169.254/latest/meta-data", 100, allow_private=True)
    with pytest.raises(AddressRefused, match="must begin with https"):
        fetch(f"{files.url}/to/file:///etc/passwd", 100, allow_private=True)
    with pytest.raises(NotReached, match="redirected more than 3 times"):
        fetch(f"{files.url}/to//to//to//to//ok", 100, allow_private=True)


@pytest.mark.parametrize(("path", "size"), [("announced/5000001", 5_000_001), ("ok/300", None)])
def test_too_much_is_refused_by_what_is_announced_and_by_what_comes(files, path, size):
    with pytest.raises(TooLarge) as refused:
        fetch(f"{files.url}/{path}", 200, allow_private=True)
    assert refused.value.size == size if size else 200 < refused.value.size <= 300


@pytest.mark.parametrize(("path", "sentence"), [("status/404", "answered 404"), ("short/10", "the connection failed")])
def test_a_file_that_does_not_come_whole_is_none(files, path, sentence):
    with pytest.raises(NotReached, match=sentence):
        fetch(f"{files.url}/{path}?signature=hush", 200, allow_private=True)


def test_a_cancelled_job_stops_fetching(files):
    def stop():
        raise Cancelled("a")

    with pytest.raises(Cancelled):
        fetch(f"{files.url}/ok/100", 200, allow_private=True, check=stop)


@pytest.mark.parametrize(
    ("raised", "text"),
    [
        (
            AddressRefused("it must begin with https:// or http://"),
            "INVALID_INPUT: The link of image 1 is not followed",
        ),
        (TooLarge(6_100_000), "IMAGE_TOO_LARGE: Image 1 is 6.1 MB; the limit is 5 MB"),
        (NotReached("the server answered 404"), "NETWORK: Image 1 could not be fetched: the server answered 404."),
    ],
)
def test_what_goes_wrong_names_the_image_and_not_the_link(raised, text):
    def fail(link, most_bytes):
        raise raised

    with pytest.raises(StudioFailure) as failed:
        read_sources(["https://example.com/a.png?signature=hush"], fetch=fail)
    assert str(failed.value).startswith(text) and "hush" not in str(failed.value)
