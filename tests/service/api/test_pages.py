from peft_sp.service import facts
from peft_sp.service.api.pages import SHARED


def test_the_page_finds_facts_colours_and_shared_modules(service):
    assert service.get("/facts.json").text == facts.facts_json()
    assert service.get("/palette.css").text == facts.palette()
    assert service.get("/palette.css").headers["Content-Type"].startswith("text/css")
    table = service.get("/shared/table.js")
    assert table.content == (SHARED / "table.js").read_bytes()
    assert table.headers["Content-Type"].startswith("text/javascript")


def test_the_page_is_asked_for_again_and_had_again_only_where_it_changed(service):
    first = service.get("/shared/table.js")
    assert first.headers["Cache-Control"] == "no-cache"
    headers = {"If-None-Match": first.headers["ETag"]}
    assert service.client.get("/shared/table.js", headers=headers).status_code == 304


def test_files_beside_those_of_the_page_are_not_given(service):
    for path in ("/..%2fsettings.py", "/shared/..%2fpage.py", "/%2e%2e/app.py", "//etc/passwd"):
        assert service.client.get(path).status_code == 404
