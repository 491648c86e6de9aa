"""Progress goes out one at a time, the newest only, and never after the relay was closed."""

import threading

from studio.serve.relay import ProgressRelay

LONG_S = 30


class Line:
    """A slow connection: each message waits for a word before it has arrived."""

    def __init__(self):
        self.arrived: list[int] = []
        self.begun, self.go_on = threading.Semaphore(0), threading.Semaphore(0)

    def send(self, progress):
        self.begun.release()
        assert self.go_on.acquire(timeout=LONG_S)
        self.arrived.append(progress["percent"])


def test_while_one_is_on_its_way_only_the_newest_waits():
    line = Line()
    relay = ProgressRelay(line.send)
    relay.post({"percent": 1})
    line.begun.acquire(timeout=LONG_S)
    for percent in (2, 3, 4):
        relay.post({"percent": percent})
    line.go_on.release()
    line.begun.acquire(timeout=LONG_S)
    line.go_on.release()
    relay.close()
    assert line.arrived == [1, 4]


def test_close_waits_for_what_is_on_its_way_and_drops_the_rest():
    line = Line()
    relay = ProgressRelay(line.send)
    relay.post({"percent": 1})
    line.begun.acquire(timeout=LONG_S)
    relay.post({"percent": 2})
    closing = threading.Thread(target=relay.close)
    closing.start()
    while not relay._closed:
        threading.Event().wait(0.01)
    assert closing.is_alive() and line.arrived == []
    line.go_on.release()
    closing.join(LONG_S)
    relay.post({"percent": 3})
    assert line.arrived == [1]


def test_a_long_silence_is_filled_with_the_last_message():
    line = Line()
    relay = ProgressRelay(line.send, repeat_s=0.01)
    relay.post({"percent": 7})
    for _ in range(3):
        assert line.begun.acquire(timeout=LONG_S)
        line.go_on.release()
    line.go_on.release()
    relay.close()
    assert line.arrived[:3] == [7, 7, 7]


def test_closing_a_relay_that_was_never_used_returns():
    ProgressRelay(lambda progress: None).close()
