"""Captiv's HTTP shapes in pod mode, on the demo captioner."""

from io import BytesIO

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from studio.contract.caption_texts import MODELS, MODES, OPTIONS
from studio.process import PROCESS
from studio.serve.http import PodServer
from studio.settings import Settings

DEMO = "blip-studio-demo"


@pytest.fixture(scope="module")
def client():
    with TestClient(PodServer(Settings(model_set="demo", device="cpu", allow_no_auth=True)).app) as running:
        assert PROCESS.ready.wait(60)
        yield running


def form(**values):
    return {"data": {"model_variant": DEMO} | values, "files": {"image": ("a.png", picture(), "image/png")}}


def picture() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (64, 64), (240, 90, 90)).save(buffer, "PNG")
    return buffer.getvalue()


def test_models_and_modes_are_listed(client):
    listed = client.get("/api/models").json()
    # Beside the caption models what draws: the field 'Model' of the node reads it.
    assert listed["default_model"] == listed["checkpoints"][0]["name"] == "studio-demo"
    assert listed["checkpoints"][0]["usable"] is True and listed["loras"] == []
    models = listed["models"]
    assert list(models) == list(MODELS)
    assert models["blip"]["installed"] == [DEMO] and models["blip"]["variants"] == ["blip-base", "blip-large", DEMO]
    assert (models["joycaption"]["modes"], models["joycaption"]["prompt_options"]) == (list(MODES), list(OPTIONS))
    assert (models["blip"]["prompt_options"], models["kosmos"]["modes"]) == ([], ["default", "detailed", "ocr"])
    joy = {"model": "joycaption", "modes": MODES, "prompt_options": OPTIONS}
    assert client.get("/api/modes/joycaption").json() == joy
    assert client.get("/api/modes/kosmos-2.5").json()["modes"] == {"default": "<md>", "ocr": "<ocr>"}
    unknown = client.get("/api/modes/florence")
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "Model not found"})


@pytest.mark.slow
def test_an_image_in_a_form_gets_its_caption(client):
    reply = client.post("/api/caption", **form(generation_params='{"temperature": 0}', prompt="a picture of"))
    assert reply.status_code == 200
    told = reply.json()
    assert list(told) == ["caption", "model_variant", "mode", "prompt"]
    assert (told["model_variant"], told["mode"], told["prompt"]) == (DEMO, "default", "a picture of")
    assert told["caption"].startswith("a picture of") and "red background" in told["caption"]


@pytest.mark.parametrize(
    ("values", "status", "text"),
    [
        ({"generation_params": "{temperature"}, 400, "Invalid generation_params JSON"),
        ({"generation_params": "[]"}, 400, "Invalid generation_params JSON"),
        ({"generation_params": '{"temperature": -1}'}, 400, "INVALID_INPUT: 'generation_params.temperature' is -1"),
        ({"mode": "poetic"}, 400, f"INVALID_INPUT: 'mode' is 'poetic'; {DEMO} has 'default'."),
        ({"model_variant": "joycaption-beta-one"}, 503, "MODEL_NOT_FOUND: Model not found: 'joycaption'"),
    ],
)
def test_refusals_tell_why(client, values, status, text):
    reply = client.post("/api/caption", **form(**values))
    assert (reply.status_code, list(reply.json())) == (status, ["detail"])
    assert reply.json()["detail"].startswith(text)


def test_a_form_without_an_image_or_with_something_else_is_refused(client):
    assert client.post("/api/caption", data={"mode": "default"}).json() == {
        "detail": "'image' is missing; it must be a file."
    }
    text = {"data": {"model_variant": DEMO}, "files": {"image": ("a.txt", b"hello", "text/plain")}}
    reply = client.post("/api/caption", **text)
    assert (reply.status_code, reply.json()["detail"][:26]) == (400, "UNSUPPORTED_IMAGE: Image 1")


def test_nobody_captions_without_the_token():
    app = PodServer(Settings(model_set="demo", device="cpu", auth_token="secret")).app
    assert TestClient(app).post("/api/caption", **form()).status_code == 401
    right = {"Authorization": "Bearer secret"}
    assert TestClient(app).get("/api/modes/blip", headers=right).status_code == 200
