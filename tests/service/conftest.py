import pytest

from tests.support.service import serve


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    """A service with the default options, for tests that leave nothing behind."""
    with serve(tmp_path_factory.mktemp("service"), max_jobs=1000) as served:
        yield served


@pytest.fixture(scope="session")
def done(service):
    """The URL of a job of two proteins that is done, one of which has a signal peptide."""
    return service.done(organism="other")
