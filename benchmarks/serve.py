"""A server under load, killed in the middle; and a large job beside the command.

    python benchmarks/serve.py --jobs 2000 --clients 8 --fasta PROTEOME... --proteins 20000

Clients send small jobs over loopback, each the next when its last one is done. After a third of
the jobs the workers get SIGKILL, after two thirds the server and its workers at once, and the
server is started again. Then every job that was accepted must be done, and its table must have
each of its proteins once and be that of the command. The large job and the command take turns.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from tests.support.commands import PEFT_SP
from tests.support.server import Server

from peft_sp.inference.run import RunOptions, predict_run
from peft_sp.io.fasta import read_fasta

POLL = 0.1
"""Seconds between two looks at a job."""


class Client:
    """One that a proxy tells apart from others by its address."""

    def __init__(self, server: Server, number: int) -> None:
        self._server, self._address = server, f"10.0.0.{number + 1}"
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        """The body of an answer. Raises OSError, HTTPException or RuntimeError."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._server.port, timeout=60
            )
        headers = {"X-Forwarded-For": self._address} | ({"Content-Type": kind} if kind else {})
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except BaseException:
            self._connection.close()
            self._connection = None
            raise
        if answer.status >= 400:
            raise RuntimeError(f"{answer.status} {content[:200]!r}")
        return content

    def keep_asking(
        self, method: str, path: str, body: bytes | None = None, kind: str = ""
    ) -> bytes:
        """The same, where the server may be away for a while."""
        while True:
            try:
                return self.ask(method, path, body, kind)
            except (OSError, http.client.HTTPException):
                time.sleep(POLL)

    def wait_for(self, url: str, answers: list[float] | None = None) -> dict[str, Any]:
        """The job of a URL when it is over; answers: gets the seconds that each answer took."""
        while True:
            begin = time.monotonic()
            job: dict[str, Any] = json.loads(self.keep_asking("GET", url))
            if answers is not None:
                answers.append(time.monotonic() - begin)
            if job["state"] in ("done", "failed", "cancelled"):
                return job
            time.sleep(POLL)


def texts(paths: list[Path]) -> Iterator[tuple[str, str]]:
    """Real proteins over and over, under new ids."""
    proteins = [protein for path in paths for protein in read_fasta(path)]
    for number, protein in enumerate(cycle(proteins)):
        yield f"p{number}", f">p{number} {protein.header}\n{protein.sequence}\n"


def small_jobs(arguments: argparse.Namespace, folder: Path) -> None:
    """Clients with small jobs, and two kills."""
    stream = texts(arguments.fasta)
    inputs = [list(islice(stream, arguments.size)) for _ in range(arguments.jobs)]
    server = Server(
        folder / "jobs", "--proxy-headers", "--workers", str(arguments.workers), "--max-jobs", "50"
    )
    server.start()
    lock = threading.Lock()
    left = list(enumerate(inputs))[::-1]
    sent: dict[int, list[str]] = {number: [] for number in range(arguments.jobs)}
    accepted, asked, waited = [], [], []
    away: list[tuple[float, float]] = []

    def be_a_client(number: int) -> None:
        client = Client(server, number)
        while True:
            with lock:
                if not left:
                    return
                job, content = left.pop()
            text = "".join(record for _, record in content)
            body = json.dumps({"fasta": text, "organism": "other"}).encode()
            begin = time.monotonic()
            url = json.loads(client.keep_asking("POST", "/api/v1/jobs", body, "application/json"))[
                "url"
            ]
            answered = time.monotonic()
            sent[job].append(url)
            client.wait_for(url)
            with lock:
                accepted.append((job, url))
                asked.append((begin, answered - begin))
                waited.append((begin, time.monotonic() - begin))

    threads = [threading.Thread(target=be_a_client, args=(n,)) for n in range(arguments.clients)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for share, whole in ((1 / 3, False), (2 / 3, True)):
        while len(accepted) < share * arguments.jobs:
            time.sleep(0.05)
        killed = time.monotonic()
        server.kill(server=whole)
        if whole:
            server.start()
        away.append((killed, time.monotonic()))
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - begin
    lost = check(server, accepted, inputs, folder)
    server.stop()
    report(arguments, seconds, accepted, lost, asked, waited)


def check(
    server: Server,
    accepted: list[tuple[int, str]],
    inputs: list[list[tuple[str, str]]],
    folder: Path,
) -> list[str]:
    """What is wrong with the jobs: that are not done, or whose table is not that of the command."""
    everything = folder / "all.faa"
    everything.write_text("".join(record for content in inputs for _, record in content))
    predict_run(everything, folder / "command", RunOptions(organism="other"))
    head, *rows = (folder / "command" / "predictions.tsv").read_text().splitlines()
    expected = {row.split("\t")[0]: decided(head, row) for row in rows}
    client, wrong = Client(server, 0), []
    for number, url in accepted:
        job = json.loads(client.ask("GET", url))
        if job["state"] != "done":
            wrong.append(f"{url}: {job['state']}")
            continue
        head, *rows = client.ask("GET", f"{url}/results/predictions.tsv").decode().splitlines()
        if [row.split("\t")[0] for row in rows] != [name for name, _ in inputs[number]]:
            wrong.append(f"{url}: other proteins")
        elif any(decided(head, row) != expected[row.split("\t")[0]] for row in rows):
            wrong.append(f"{url}: other predictions")
    return wrong


def decided(head: str, row: str) -> tuple[str, str]:
    """Type and cleavage site in a row of the table."""
    columns = dict(zip(head.split("\t"), row.split("\t"), strict=True))
    return columns["type"], columns["cleavage_site"]


def report(
    arguments: argparse.Namespace,
    seconds: float,
    accepted: list[tuple[int, str]],
    wrong: list[str],
    asked: list[tuple[float, float]],
    waited: list[tuple[float, float]],
) -> None:
    """Print what was measured."""
    print(
        f"{arguments.clients} clients, {arguments.jobs:,} jobs of {arguments.size} proteins, "
        f"{arguments.workers} worker(s): {seconds:,.0f} s, {arguments.jobs / seconds:.1f} jobs/s"
    )
    print("workers killed after a third, server and workers after two thirds of the jobs")
    print("| | p50 | p95 | longest |\n|---|--:|--:|--:|")
    for what, times in (("until a job is accepted", asked), ("until it is done", waited)):
        sorted_times = sorted(own for _, own in times)
        middle, late = (sorted_times[int(share * len(times))] for share in (0.5, 0.95))
        print(f"| {what} | {middle:.3f} s | {late:.3f} s | {sorted_times[-1]:.3f} s |")
    print(f"accepted {len(accepted):,}, lost or wrong {len(wrong)}")
    for line in wrong[:20]:
        print(f"  {line}")


def large_job(arguments: argparse.Namespace, folder: Path) -> None:
    """A large file through the server and by the command, by turns."""
    fasta = folder / "large.faa"
    stream = texts(arguments.fasta)
    fasta.write_text("".join(record for _, record in islice(stream, arguments.proteins)))
    server = Server(folder / "large-jobs")
    server.start()
    took: dict[str, list[float]] = {"command": [], "server": []}
    answers: list[float] = []
    for number in range(arguments.repeat):
        out = folder / "out"
        begin = time.monotonic()
        subprocess.run(
            [*PEFT_SP, "predict", str(fasta), "-o", str(out), "--summary", "--fasta"],
            check=True,
            capture_output=True,
        )
        took["command"].append(time.monotonic() - begin)
        begin = time.monotonic()
        body, kind = form(fasta)
        client = Client(server, number)  # the server has closed a connection that was idle
        url = json.loads(client.ask("POST", "/api/v1/jobs", body, kind))["url"]
        job = client.wait_for(url, answers)
        assert job["state"] == "done", job
        table = client.ask("GET", f"{url}/results/predictions.tsv")
        took["server"].append(time.monotonic() - begin)
        assert table == (out / "predictions.tsv").read_bytes()
        shutil.rmtree(out)
    server.stop()
    medians = {name: statistics.median(times) for name, times in took.items()}
    print(f"\n{arguments.proteins:,} proteins, median of {arguments.repeat}:")
    for name, times in took.items():
        rounded = ", ".join(f"{own:.1f}" for own in times)
        print(f"| {name} | {medians[name]:.1f} s | {rounded} |")
    print(f"server / command: {medians['server'] / medians['command']:.2f}")
    middle, late = (sorted(answers)[int(share * len(answers))] for share in (0.5, 0.95))
    print(f"meanwhile the server answers in {middle:.3f} s (p50), {late:.3f} s (p95)")


def form(fasta: Path) -> tuple[bytes, str]:
    """A file as a browser sends it, and the type of that."""
    mark = "a-boundary-that-no-protein-has"
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="organism"\r\n\r\nother\r\n',
        f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="large.faa"\r\n\r\n',
    ]
    body = "".join(parts).encode() + fasta.read_bytes() + f"\r\n--{mark}--\r\n".encode()
    return body, f"multipart/form-data; boundary={mark}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--fasta", type=Path, nargs="+", default=[Path("examples/ecoli_300.faa")])
    parser.add_argument("--jobs", type=int, default=200, help="0: none")
    parser.add_argument("--size", type=int, default=20, help="proteins of a small job")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--proteins", type=int, default=20_000, help="of the large job; 0: none")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.jobs:
            small_jobs(arguments, Path(folder))
        if arguments.proteins:
            large_job(arguments, Path(folder))


if __name__ == "__main__":
    main()
