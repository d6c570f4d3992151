"""Uses a server through OpenAI's own library, as a program written for OpenAI does, and checks what it gets.

`all URL KEY ENGLISH SPANISH LETTER` tries everything; `retry URL KEY ENGLISH` gives up waiting again and again. The
texts come out as one JSON object on the last line; whether they are right is for the caller to say.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from openai import (
    APIError,
    AuthenticationError,
    BadRequestError,
    DefaultHttpxClient,
    NotFoundError,
    OpenAI,
)


def validated(answer):
    """The library reads leniently; its own models tell whether everything that is required is there."""
    type(answer).model_validate(answer.to_dict())
    return answer


def fails(kind, ask):
    try:
        ask()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


def models(client, url):
    names = [model.id for model in client.models.list()]
    assert names[:2] == ["whisper-1", "base"], names
    assert client.models.retrieve("base").object == "model"
    missing = fails(NotFoundError, lambda: client.models.retrieve("gpt-4o"))
    assert missing.code == "model_not_found" and missing.request_id.startswith("req_"), missing
    stranger = OpenAI(base_url=url, api_key="sk-unknown")
    refused = fails(AuthenticationError, stranger.models.list)
    assert refused.code == "invalid_api_key", refused.code


def plain(client, english):
    raw = client.audio.transcriptions.with_raw_response.create(file=english, model="whisper-1")
    assert raw.headers["x-escriba-job"]
    answer = validated(raw.parse())
    assert answer.usage.type == "duration" and 15.9 < answer.usage.seconds < 16.2, answer.usage
    assert [language.code for language in answer.languages] == ["en"]
    return answer.text


def in_format(client, english, name):
    answer = client.audio.transcriptions.create(file=english, model="base", response_format=name)
    assert isinstance(answer, str)
    return answer


def verbose(client, english):
    answer = validated(
        client.audio.transcriptions.create(
            file=english,
            model="base",
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
    )
    assert answer.language == "english" and 15.9 < answer.duration < 16.2, answer
    for segment in answer.segments:
        assert segment.tokens and 0 <= segment.temperature <= 1 and segment.compression_ratio > 0, segment
        assert segment.seek / 100 <= segment.start <= segment.end and segment.avg_logprob < 0, segment
    assert " ".join(word.word for word in answer.words) == answer.text
    assert all(word.start <= word.end <= answer.duration for word in answer.words)
    words_only = client.audio.transcriptions.create(
        file=english, model="base", response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert words_only.segments is None and len(words_only.words) == len(answer.words)
    return answer.text


def with_options(client, english):
    answer = validated(
        client.audio.transcriptions.create(
            file=english,
            model="whisper-1",
            languages=["en", "es"],
            keywords=["Escriba"],
            prompt="A short talk.",
            temperature=0,
            include=["logprobs"],
            chunking_strategy={"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 200},
        )
    )
    assert all(logprob.logprob <= 0 for logprob in answer.logprobs)
    assert all(bytes(map(int, logprob.bytes)).decode() == logprob.token for logprob in answer.logprobs)
    return " ".join(logprob.token for logprob in answer.logprobs)


def diarized(client, english):
    answer = validated(
        client.audio.transcriptions.create(
            file=english, model="base", response_format="diarized_json", chunking_strategy="auto"
        )
    )
    assert {segment.speaker for segment in answer.segments} == {"A"}
    return answer.text


def streamed(client, english):
    events = client.audio.transcriptions.create(file=english, model="whisper-1", stream=True)
    *deltas, done = events
    assert all(event.type == "transcript.text.delta" for event in deltas)
    assert done.type == "transcript.text.done" and done.text == "".join(event.delta for event in deltas)
    speakers = client.audio.transcriptions.create(
        file=english, model="base", response_format="diarized_json", stream=True
    )
    segments = [validated(event) for event in speakers if event.type == "transcript.text.segment"]
    assert segments and {segment.speaker for segment in segments} == {"A"}
    return done.text


def translated(client, spanish):
    answer = validated(
        client.audio.translations.create(file=spanish, model="whisper-1", response_format="verbose_json")
    )
    assert answer.language == "english" and answer.text and answer.segments
    return client.audio.translations.create(file=spanish, model="whisper-1").text


def refused(client, english, letter):
    bad = fails(BadRequestError, lambda: client.audio.transcriptions.create(file=letter, model="base"))
    assert (bad.code, bad.param) == ("media_unrecognized", "file"), bad
    assert bad.response.headers["x-escriba-job"]
    wrong = fails(
        BadRequestError,
        lambda: client.audio.transcriptions.create(file=english, model="base", response_format="html"),
    )
    assert wrong.param == "response_format", wrong
    fails(NotFoundError, lambda: client.audio.transcriptions.create(file=english, model="gpt-transcribe"))
    half_way = client.audio.transcriptions.create(file=letter, model="base", stream=True)
    error = fails(APIError, lambda: list(half_way))
    assert error.code == "media_unrecognized", error


def everything(url, key, english, spanish, letter):
    english, spanish, letter = Path(english), Path(spanish), Path(letter)
    client = OpenAI(base_url=url, api_key=key)
    models(client, url)
    texts = {}
    with ThreadPoolExecutor(4) as at_once:
        rendered = {name: at_once.submit(in_format, client, english, name) for name in ["text", "srt", "vtt"]}
        texts["json"] = plain(client, english)
        texts.update({name: answer.result() for name, answer in rendered.items()})
    texts["verbose_json"] = verbose(client, english)
    texts["logprobs"] = with_options(client, english)
    texts["diarized_json"] = diarized(client, english)
    texts["stream"] = streamed(client, english)
    texts["translation"] = translated(client, spanish)
    refused(client, english, letter)
    return texts


def retried(url, key, english):
    """Each try waits two seconds; which it is, the library says in a header."""

    def tell(request):
        if request.headers.get("x-stainless-retry-count") != "0":
            print("again", flush=True)

    http = DefaultHttpxClient(event_hooks={"request": [tell]})
    client = OpenAI(base_url=url, api_key=key, timeout=2, max_retries=100, http_client=http)
    with open(english, "rb") as recording:
        return {"json": client.audio.transcriptions.create(file=recording, model="whisper-1").text}


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    print(json.dumps({"all": everything, "retry": retried}[command](*arguments)))
