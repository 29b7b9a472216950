"""One call to an OpenAI-compatible endpoint: retries, rate limit, and what its errors mean."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lucida.bench.models.base import Unavailable
from lucida.bench.models.wire import body
from lucida.media.errors import InputError

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

    from lucida.bench.models import ModelOptions


class RateLimit:
    """Spaces calls so that no more than ``per_minute`` begin in a minute; None never waits."""

    def __init__(self, per_minute: float | None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when the next call may begin."""
        if not self._gap:
            return
        with self._lock:
            now = time.monotonic()
            begin = max(now, self._next)
            self._next = begin + self._gap
        time.sleep(max(0.0, begin - now))


class Chat:
    """A chat endpoint. Threads may share it.

    Args:
        target: ``http://host:port/v1#name``.

    Raises:
        InputError: no URL, or no model name after ``#``.
    """

    def __init__(self, target: str, options: ModelOptions) -> None:
        import openai
        from openai.types.chat import ChatCompletion

        url, _, name = target.rpartition("#")
        if not url.startswith(("http://", "https://")) or not name:
            raise InputError(f"endpoint {target!r}: want http://host:port/v1#model-name")
        self.url, self.name, self.options = url.rstrip("/"), name, options
        key = options.key or os.environ.get("OPENAI_API_KEY") or "none"
        self._limit = RateLimit(options.rate)
        self._openai, self._kind = openai, ChatCompletion
        # The client retries dropped connections, 408, 409, 429 and 5xx with growing pauses, and obeys Retry-After.
        self._client: Any = openai.OpenAI(
            base_url=self.url, api_key=key, max_retries=options.retries, timeout=options.timeout
        )

    def complete(
        self, messages: bytes | Sequence[Mapping[str, Any]], *, max_tokens: int, **more: Any
    ) -> ChatCompletion:
        """The endpoint's completion object.

        Args:
            messages: the chat, or its JSON.
            more: further fields of the request.

        Raises:
            Unavailable: it cannot be reached, is overloaded, or refuses the key or the model's name.
            InputError: it refuses this request.
        """
        self._limit.wait()
        error_types = self._openai
        settings = {
            "model": self.name, "max_tokens": max_tokens, "temperature": self.options.temperature,
            "seed": self.options.seed, **more,
        }  # fmt: skip
        try:
            # Posted as bytes: the client's typed method would walk every part of the messages first.
            return self._client.post("/chat/completions", content=body(messages, settings), cast_to=self._kind)
        except (error_types.APIConnectionError, error_types.InternalServerError, error_types.RateLimitError) as error:
            raise Unavailable(f"{self.url}: {_line(error)}") from error
        except (error_types.AuthenticationError, error_types.PermissionDeniedError, error_types.NotFoundError) as error:
            raise Unavailable(f"{self.url} (model {self.name!r}): {_line(error)}") from error
        except error_types.APIError as error:
            raise InputError(f"{self.url}: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
