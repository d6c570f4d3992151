"""Runs the engine and its peer in turns on the same recordings and prints what came of it as a table."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import jiwer
import numpy
from faster_whisper import decode_audio
from whisper_normalizer.english import EnglishTextNormalizer

RATE = 16_000
CASES = ("long", "short", "half", "two")
TITLES = {
    "long": "long form: one recording",
    "short": "short clips, one by one",
    "half": "half silence",
    "two": "two long recordings at once",
}


def write_wav(path: pathlib.Path, samples: numpy.ndarray) -> None:
    import wave

    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((samples * 32_767).clip(-32_768, 32_767).astype("<i2").tobytes())


def join(clips: list, gap_seconds: float) -> numpy.ndarray:
    gap = numpy.zeros(int(gap_seconds * RATE), dtype=numpy.float32)
    return numpy.concatenate([part for clip in clips for part in (clip, gap)])


def half_silent(clips: list) -> numpy.ndarray:
    """Each clip is followed by silence of its own length."""
    return numpy.concatenate([part for clip in clips for part in (clip, numpy.zeros_like(clip))])


def last_json(command: list) -> dict:
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode()
    return json.loads(output.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--audio", required=True, type=pathlib.Path)
    parser.add_argument("--models", required=True)
    parser.add_argument("--peer-model", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    arguments = parser.parse_args()

    arguments.audio = arguments.audio.resolve()
    entries = json.loads((arguments.audio / "manifest.json").read_text())
    entries = [entry for entry in entries if entry["file"].startswith("en/LJ")]
    if not entries:
        sys.exit(f"{arguments.audio} has no recordings of LJ Speech")
    files = [str(arguments.audio / entry["file"]) for entry in entries]
    reference = " ".join(entry["transcript"] for entry in entries)
    clips = [decode_audio(file) for file in files]
    normal = EnglishTextNormalizer()

    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        write_wav(place / "long.wav", join(clips, 0.4))
        write_wav(place / "half.wav", half_silent(clips))
        recordings = {
            "long": [str(place / "long.wav")],
            "short": files,
            "half": [str(place / "half.wav")],
            "two": [str(place / "long.wav")] * 2,
        }
        contenders = {
            "escriba": [
                "cargo", "bench", "--quiet", "--locked", "-p", "escriba-transcriber", "--bench", "speech", "--",
                "--models-dir", arguments.models, "--model", arguments.model, "--weights", arguments.weights,
                "--language", "en",
            ],
            "peer": [sys.executable, "dev/bench_peer.py", "--model", arguments.peer_model],
            "peer with its VAD": [sys.executable, "dev/bench_peer.py", "--model", arguments.peer_model, "--vad"],
        }
        print("| case | contender | times as fast as the peer | WER % | peak MB |")
        print("|---|---|---|---|---|")
        for case in arguments.cases:
            jobs = "2" if case == "two" else "1"
            names = [name for name in contenders if name != "peer with its VAD" or case == "half"]
            runs = {name: [] for name in names}
            for _ in range(arguments.runs):
                for name in names:
                    runs[name].append(last_json([*contenders[name], "--jobs", jobs, *recordings[case]]))
            ratios = {
                name: statistics.median(
                    peer["seconds"] / own["seconds"] for own, peer in zip(runs[name], runs["peer"])
                )
                for name in names
            }
            for name in names:
                text = " ".join(recording["text"] for recording in runs[name][0]["recordings"])
                spoken = " ".join([reference] * (2 if case == "two" else 1))
                wer = 100 * jiwer.wer(normal(spoken), normal(text))
                peak = max(run["peak_mb"] for run in runs[name])
                print(f"| {TITLES[case]} | {name} | {ratios[name]:.2f} | {wer:.2f} | {peak} |", flush=True)


main()
