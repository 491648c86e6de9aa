"""Captions by a server with an OpenAI-compatible API, such as vLLM, llama.cpp or a hosted one.

One request per image: servers of this kind batch for themselves. The images never leave by any other way
than this one address, which the worker's settings name.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import numpy as np

from studio.contract.caption_texts import SYSTEM_TEXT
from studio.failures import StudioFailure
from studio.media.images import encode_image, to_base64
from studio.settings import CaptionServer

# A long caption on a busy server; a server that answers nothing at all is noticed by the first of them.
TIMEOUT = httpx.Timeout(300, connect=10)
AT_ONCE = 4
# What every server takes. The others are this API's usual extensions and go only where a job asks for them.
_USUAL = {"max_new_tokens": "max_tokens", "temperature": "temperature", "top_p": "top_p"}
_EXTENSIONS = {"min_new_tokens": "min_tokens", "top_k": "top_k", "repetition_penalty": "repetition_penalty"}


@dataclass(frozen=True)
class Answer:
    """Text, tokens as the server counts them (None: it does not say) and the model that it names."""

    text: str
    tokens: int | None
    model: str


def sent_params(params: dict, asked: dict) -> tuple[dict, list[str]]:
    """What goes to the server, by its names, and the asked parameters that this API does not have.

    `params`: all of them with the defaults of the model; `asked`: those that the job set.
    """
    sent = {theirs: params[ours] for ours, theirs in _USUAL.items()}
    sent |= {theirs: asked[ours] for ours, theirs in _EXTENSIONS.items() if ours in asked}
    return sent, [name for name in asked if name not in _USUAL and name not in _EXTENSIONS]


def ask_each(
    server: CaptionServer,
    images: list[np.ndarray],
    prompt: str,
    sent: dict,
    seeds: list[int],
    on_answer: Callable[[int], None] = lambda done: None,
) -> list[Answer | StudioFailure]:
    """Answers in the order of the uint8 images (height, width, 3); a failure stands in the place of its image.

    `on_answer` counts them; what it raises ends the whole.
    """
    headers = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    with (
        httpx.Client(base_url=server.url, headers=headers, timeout=TIMEOUT) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        jobs = [
            pool.submit(_ask, client, server, pixels, prompt, sent | {"seed": seed})
            for pixels, seed in zip(images, seeds, strict=True)
        ]
        answers = []
        try:
            for job in jobs:
                answers.append(job.result())
                on_answer(len(answers))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return answers


def _ask(client: httpx.Client, server: CaptionServer, pixels: np.ndarray, prompt: str, sent: dict):
    body = {"model": server.model, "messages": _messages(pixels, prompt), **sent}
    try:
        reply = client.post("chat/completions", json=body)
    except httpx.ConnectError:
        return StudioFailure("BACKEND_NOT_READY", backend=f"the caption server at {server.url}")
    except httpx.HTTPError as error:
        return StudioFailure("NETWORK", detail=f"The caption server did not answer: {type(error).__name__}.")
    if reply.status_code >= 400:
        detail = f"the caption server answered {reply.status_code}: {_reason(reply)}"
        return StudioFailure("JOB_FAILED", detail=detail)
    try:
        told = reply.json()
        text = told["choices"][0]["message"]["content"]
        tokens = (told.get("usage") or {}).get("completion_tokens")
        return Answer(text.strip(), tokens, told.get("model") or server.model)
    except (ValueError, LookupError, TypeError, AttributeError):
        return StudioFailure("JOB_FAILED", detail="the caption server's answer has no text")


def _messages(pixels: np.ndarray, prompt: str) -> list[dict]:
    link = "data:image/jpeg;base64," + to_base64(encode_image(pixels, "jpeg"))
    shown = {"type": "image_url", "image_url": {"url": link}}
    return [
        {"role": "system", "content": SYSTEM_TEXT},
        {"role": "user", "content": [{"type": "text", "text": prompt}, shown]},
    ]


def _reason(reply: httpx.Response) -> str:
    try:
        error = reply.json()["error"]
        return str(error["message"] if isinstance(error, dict) else error)[:300]
    except (ValueError, LookupError, TypeError):
        return reply.text[:300] or reply.reason_phrase
