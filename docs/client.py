"""Predict signal peptides with a PEFT-SP server: python client.py proteins.faa > predictions.tsv

Needs Python 3.9 or newer and nothing else. The address of the server, and its token if it wants
one, stand in PEFT_SP_SERVER and PEFT_SP_TOKEN.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path


class Server:
    """A PEFT-SP server.

    server = Server("http://127.0.0.1:8000")
    job = server.submit("proteins.faa", organism="eukarya")
    done = server.wait(job)
    print(done["counts"])
    open("predictions.tsv", "wb").write(server.results(job, "tsv").read())
    """

    def __init__(self, address="http://127.0.0.1:8000", token=None):
        self.address, self.token = address.rstrip("/"), token

    def submit(self, path, **options):
        """Send a FASTA file, also a large one; the id of its job.

        options: organism ("auto", "eukarya" or "other"), model, compare, skip_invalid ("true").
        """
        boundary = uuid.uuid4().hex
        head = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in options.items()
        )
        name = Path(path).name.replace('"', "%22")
        file = f'name="files"; filename="{name}"'
        head += f"--{boundary}\r\nContent-Disposition: form-data; {file}\r\n\r\n"
        tail = f"\r\n--{boundary}--\r\n"

        def body():
            yield head.encode()
            with open(path, "rb") as file:
                yield from iter(lambda: file.read(1 << 16), b"")
            yield tail.encode()

        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head.encode()) + Path(path).stat().st_size + len(tail)),
        }
        return json.load(self._answer("jobs", body, headers))["id"]

    def wait(self, job, report=None):
        """Wait until a job is over; the job. report: called with it now and then."""
        while True:
            found = json.load(self._answer(f"jobs/{job}"))
            if report:
                report(found)
            if found["state"] == "done":
                return found
            if found["state"] in ("failed", "cancelled"):
                error = found["error"] or {"message": found["state"]}
                raise RuntimeError(error["message"])
            time.sleep(1)

    def results(self, job, format="tsv"):
        """The results as a file that can be read: "tsv", "gff3" or "zip"."""
        return self._answer(f"jobs/{job}/results?format={format}")

    def predict(self, sequences, organism="auto"):
        """Predictions of a few (id, sequence) pairs, at once."""
        content = [{"id": id, "sequence": sequence} for id, sequence in sequences]
        body = json.dumps({"sequences": content, "organism": organism}).encode()
        headers = {"Content-Type": "application/json"}
        return json.load(self._answer("predict", lambda: body, headers))["predictions"]

    def _answer(self, path, body=lambda: None, headers=None):
        headers = dict(headers or {})
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        while True:
            url = f"{self.address}/api/v1/{path}"
            try:
                return urllib.request.urlopen(urllib.request.Request(url, body(), headers))
            except urllib.error.HTTPError as error:
                wait = error.headers.get("Retry-After")
                if wait is None:
                    raise RuntimeError(json.load(error)["error"]["message"]) from None
                time.sleep(int(wait))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    address = os.environ.get("PEFT_SP_SERVER", "http://127.0.0.1:8000")
    server = Server(address, os.environ.get("PEFT_SP_TOKEN"))
    try:
        job = server.submit(sys.argv[1])
        server.wait(job)
        sys.stdout.buffer.write(server.results(job).read())
    except (OSError, RuntimeError) as error:
        sys.exit(f"error: {error}")
