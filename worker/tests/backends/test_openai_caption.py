"""Captions by a server with an OpenAI-compatible API: a small real HTTP server stands at the border."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from studio.context import JobContext
from studio.contract.caption import CaptionInput, CaptionOutput
from studio.failures import Cancelled, StudioFailure
from studio.routes import caption
from studio.settings import CaptionServer, Settings, SettingsError

LARGE = 200


class FakeServer(ThreadingHTTPServer):
    """A fake of the API: answers `replies` by the brightness of the image, notes what it was sent."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list = []
        self.replies = [(200, "a dark picture"), (200, "a bright picture")]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def settings(self) -> Settings:
        url = f"http://127.0.0.1:{self.server_address[1]}/v1/"
        return Settings(model_set="demo", device="cpu", caption_server=CaptionServer(url, "joy", "s3cret"))


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        link = body["messages"][1]["content"][1]["image_url"]["url"]
        data = base64.b64decode(link.removeprefix("data:image/jpeg;base64,"))
        bright = np.asarray(Image.open(BytesIO(data))).mean() > 128
        self.server.seen.append((self.path, self.headers["Authorization"], body))
        status, text = self.server.replies[int(bright)]
        choices = {"model": "joy-8b", "choices": [{"message": {"content": f" {text}\n"}}]}
        told = choices | {"usage": {"completion_tokens": 4}} if status == 200 else {"error": {"message": text}}
        raw = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with FakeServer() as running:
        yield running
        running.shutdown()


def picture(brightness: int) -> str:
    buffer = BytesIO()
    Image.new("RGB", (32, 24), (brightness,) * 3).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def ask(settings, images, context=None, **values):
    asked = CaptionInput(route="caption", images=images, **{"seed": 5} | values)
    output = caption.run(asked, context or JobContext("job-1", settings))
    CaptionOutput.model_validate(output | {"meta": {"job_id": "job-1", "duration_ms": 1}})
    return output


def test_the_server_is_asked_with_the_prompt_the_image_and_the_parameters(server):
    output = ask(server.settings, [picture(10)], mode="concise", generation_params={"top_k": 5, "num_beams": 2})
    path, token, body = server.seen[0]
    assert (path, token, body["model"]) == ("/v1/chat/completions", "Bearer s3cret", "joy")
    assert body["messages"][0] == {"role": "system", "content": "You caption images accurately."}
    assert body["messages"][1]["content"][0]["text"] == "Describe this image in as few words as will do."
    sent = {"max_tokens": 512, "temperature": 0.6, "top_p": 0.9, "top_k": 5}
    assert sent | {"seed": 5} == {name: body[name] for name in (*sent, "seed")} and "min_tokens" not in body
    assert (output["caption"], output["model_variant"]) == ("a dark picture", "joy-8b")
    assert output["metadata"]["backend"] == "openai" and output["metadata"]["generation_params"] == sent
    assert output["hints"] == ["'num_beams' was not sent: the caption server does not take it."]
    assert output["captions"][0]["tokens"] == 4


def test_results_stand_in_the_order_of_the_images_and_one_failure_does_not_stop_the_rest(server):
    server.replies[1] = (500, "out of cake")
    output = ask(server.settings, [picture(10), picture(LARGE), picture(20)])
    assert [entry.get("caption") for entry in output["captions"]] == ["a dark picture", None, "a dark picture"]
    assert output["captions"][1]["error"] == {
        "code": "JOB_FAILED",
        "message": "Job failed: the caption server answered 500: out of cake. Look at the cause and the worker's log.",
    }
    assert output["summary"] == {"ok": 2, "failed": 1}


def test_a_caption_that_repeats_itself_is_asked_for_again_with_other_seeds(server):
    server.replies[0] = (200, "on and on and on and on and on")
    output = ask(server.settings, [picture(10)])
    assert len({body["seed"] for _, _, body in server.seen}) == 3
    assert (output["captions"][0]["retries"], output["captions"][0]["repetitive"]) == (2, True)


def test_a_cancelled_job_gives_nothing(server):
    with pytest.raises(Cancelled):
        ask(
            server.settings, [picture(10), picture(20)], JobContext("job-1", server.settings, is_cancelled=lambda: True)
        )


def test_a_server_that_is_not_there_is_named(server):
    gone = CaptionServer("http://127.0.0.1:9/v1/", "joy")
    with pytest.raises(StudioFailure, match="BACKEND_NOT_READY.*http://127.0.0.1:9/v1/"):
        ask(Settings(model_set="demo", device="cpu", caption_server=gone), [picture(10)])


@pytest.mark.parametrize("values", [{"model": "blip"}, {"model_variant": "joycaption-alpha-two"}])
def test_another_model_than_the_servers_is_not_answered_by_it(server, values):
    with pytest.raises(StudioFailure, match="MODEL_NOT_FOUND"):
        ask(server.settings, [picture(10)], **values)
    assert server.seen == []


def test_settings_name_the_server_and_hide_its_key():
    variables = {"ALLOW_NO_AUTH": "1", "CAPTION_BACKEND": "openai", "CAPTION_OPENAI_KEY": "s3cret"}
    with pytest.raises(SettingsError, match="CAPTION_OPENAI_URL"):
        Settings.from_environment(variables)
    read = Settings.from_environment(
        variables | {"CAPTION_OPENAI_URL": "http://127.0.0.1:8080/v1", "CAPTION_OPENAI_MODEL": "joy"}
    )
    assert read.caption_server == CaptionServer("http://127.0.0.1:8080/v1/", "joy", "s3cret")
    assert "s3cret" not in json.dumps(read.public()) and "s3cret" not in read.redact("key s3cret")
    assert Settings.from_environment({"ALLOW_NO_AUTH": "1"}).caption_server is None
