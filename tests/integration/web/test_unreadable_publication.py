"""A publication.toml that is wrong just now, and a reader who wants to leave."""

import pytest

from tests.integration.web.conftest import SECRET
from tests.support.makers import NOW, make_subscriber
from tests.unit.test_sources import PUBLICATION
from worker.config import Settings
from worker.context import Context
from worker.store.engine import writing
from worker.store.subscribers import by_id
from worker.web.app import create_app

MILESTONE = f'{PUBLICATION}[[referral.milestones]]\nid = "hat"\nfriends = 1\nname = "A hat"\n'


@pytest.mark.parametrize(
    "written",
    [
        f'{MILESTONE}text = "x"\napproval = ["manual"]\n',
        f"{MILESTONE}text = 3\n",
        f'{MILESTONE}file = "\\u0000"\n',
        f'{MILESTONE}file = "{"x" * 300}"\n',
        f"{PUBLICATION}x = {'[' * 5_000}\n",
        "",
    ],
)
def test_a_reader_can_leave_all_the_same(tmp_path, sqlite_url, signer, written):
    (tmp_path / "content" / "rewards").mkdir(parents=True)
    (tmp_path / "content" / "publication.toml").write_text(written, encoding="utf-8")
    context = Context(Settings(project=tmp_path, database_url=sqlite_url, secret_key=SECRET))
    try:
        with writing(context.engine) as connection:
            reader = make_subscriber(connection)
        client = create_app(context, now=lambda: NOW).test_client()
        path = signer.unsubscribe_path(reader.id, 0)
        assert client.get(path).status_code == 200
        assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        with writing(context.engine) as connection:
            assert by_id(connection, reader.id).status == "unsubscribed"
        assert client.get(signer.friends_path(reader.id)).status_code == 200
        assert client.get("/subscribe").status_code == 200
    finally:
        context.engine.dispose()


def test_whatever_is_raised_while_it_is_read_a_reader_can_leave(context, client, signer, monkeypatch):
    def broken(_context):
        raise TypeError

    with writing(context.engine) as connection:
        reader = make_subscriber(connection)
    monkeypatch.setattr(type(context), "publication", property(broken))
    assert client.get(signer.unsubscribe_path(reader.id, 0)).status_code == 200
    assert client.get(signer.friends_path(reader.id)).status_code == 200
