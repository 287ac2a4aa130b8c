"""Stores of jobs for tests, and jobs to put into them."""

from peft_sp.service.job import Submission, Upload
from peft_sp.service.jobs import JobStore
from peft_sp.service.settings import ServiceSettings

PROTEINS = (
    ">OmpA outer membrane protein A\nMKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN\n"
    ">thrA\nMRVLKFGGTSVANAERFLRVADILESNARQGQVATVLSAPAKITNHLV\n"
)


class Clock:
    """A time that a test decides."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


def store_in(folder, clock=None, **options):
    settings = ServiceSettings(folder / "service", **{"free_disk": 0, **options})
    return JobStore(settings, clock) if clock else JobStore(settings)


def submit(store, client="somebody", fasta=PROTEINS, name="proteins.faa", **options):
    staged = store.staging()
    (staged / "1.fasta").write_text(fasta)
    uploads = (Upload(name, staged / "1.fasta"),)
    return store.submit(staged, Submission(client, uploads, **options))
