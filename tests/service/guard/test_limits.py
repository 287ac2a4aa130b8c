import asyncio

import pytest
from fastapi import HTTPException

from peft_sp.service.guard.limits import LimitedBodies, Places, identity
from peft_sp.service.job import LimitError
from peft_sp.service.settings import ServiceSettings


@pytest.mark.parametrize(
    ("address", "forwarded", "proxied", "who"),
    [
        ("192.0.2.7", [], False, "192.0.2.7"),
        ("192.0.2.7", ["198.51.100.1"], False, "192.0.2.7"),
        ("10.0.0.1", ["198.51.100.1"], True, "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], True, "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1:4711"], True, "198.51.100.1"),
        ("10.0.0.1", [], True, "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", [], False, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", [], False, "2001:db8:1:2::/64"),
        ("10.0.0.1", ["[2001:db8:1:2::1]:4711"], True, "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", [], False, "192.0.2.7"),
        ("10.0.0.1", ["<script>"], True, "unknown"),
    ],
)
def test_a_client_is_its_address_or_its_network(tmp_path, address, forwarded, proxied, who):
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"type": "http", "client": (address, 1), "headers": headers}
    assert identity(scope, ServiceSettings(tmp_path, proxy_headers=proxied)) == who


def test_places_are_limited_for_each_and_for_all():
    places = Places("uploads", 3, 2)
    with places.taken("a"), places.taken("a"):
        with pytest.raises(LimitError, match="you have too many uploads") as own, places.taken("a"):
            pass
        with places.taken("b"):
            with pytest.raises(LimitError, match="too many uploads are") as all_, places.taken("c"):
                pass
            assert len(places) == 3
    assert (own.value.everyone, all_.value.everyone) == (False, True)
    assert len(places) == 0
    with places.taken("a"):
        assert len(places) == 1


async def read_through(settings, headers, pieces, wait=0.0, path="/api/v1/jobs"):
    """The bytes of a body that an application gets, or the status that it fails with."""
    left = list(pieces)

    async def receive():
        await asyncio.sleep(wait)
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    read = bytearray()

    async def app(scope, receive, send):
        more = True
        while more:
            message = await receive()
            read.extend(message["body"])
            more = message["more_body"]

    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    try:
        await LimitedBodies(app, settings)(scope, receive, None)
    except HTTPException as error:
        return error.status_code, len(pieces) - len(left)
    return read


@pytest.mark.parametrize(
    ("kind", "pieces", "expected"),
    [
        (b"application/json", [b"x" * 1000], b"x" * 1000),
        (b"application/json", [b"x" * 600, b"x" * 401, b"x"], (413, 2)),
        (b"multipart/form-data; boundary=x", [b"x" * 1_000_500, b"x" * 4500], b"x" * 1_005_000),
        (b"multipart/form-data; boundary=x", [b"x" * 1_000_500, b"x" * 4501, b"x"], (413, 2)),
    ],
)
def test_a_body_is_cut_off_where_it_is_too_large(tmp_path, kind, pieces, expected):
    settings = ServiceSettings(tmp_path, max_bytes=5000, max_text_bytes=1000)
    headers = [(b"content-type", kind)]
    assert asyncio.run(read_through(settings, headers, pieces)) == expected


def test_only_a_job_may_be_a_large_form(tmp_path):
    settings = ServiceSettings(tmp_path, max_bytes=5000, max_text_bytes=1000)
    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    found = read_through(settings, headers, [b"x" * 1001], path="/api/v1/predict")
    assert asyncio.run(found) == (413, 1)


def test_a_body_that_is_announced_too_large_is_not_read(tmp_path):
    settings = ServiceSettings(tmp_path, max_text_bytes=1000)
    headers = [(b"content-length", b"1001")]
    assert asyncio.run(read_through(settings, headers, [b"x" * 10])) == (413, 0)


def test_a_body_that_comes_slowly_is_given_up(tmp_path):
    settings = ServiceSettings(tmp_path, body_seconds=0.05)
    assert asyncio.run(read_through(settings, [], [b"x"], wait=0.2)) == (408, 0)
    pieces = [b"x"] * 20  # never silent for long, and yet no end
    status, given = asyncio.run(read_through(settings, [], pieces, wait=0.02))
    assert status == 408
    assert given < 10
