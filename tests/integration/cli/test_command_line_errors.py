"""What a person does wrong ends in a sentence with its fix and the right exit code, never in a traceback."""

import socket

import pytest

from tests.support.sending import SAMPLE
from worker.embedded.supervisor import free_port

COMMANDS = {
    "new": ("A title",),
    "render": (SAMPLE, "--out", "/dev/null/out"),
    "check": (),
    "status": (),
    "deliveries": (SAMPLE,),
    "pause": (SAMPLE,),
    "resume": (SAMPLE,),
    "cancel": (SAMPLE,),
    "diff": (SAMPLE,),
    "correct": (SAMPLE,),
    "test": (SAMPLE, "--to", "me@example.com"),
    "send": (SAMPLE,),
    "migrate": (),
    "run": (),
    "clock": (),
    "web": (),
}
NEED_DATABASE = sorted(set(COMMANDS) - {"new"})
EVERY = sorted({*COMMANDS, "demo", "work", "mailroom", "subscribers"})


def test_the_list_of_commands_is_shown_with_no_words_at_all(broadsheet):
    ended = broadsheet()
    assert ended.code == 2
    assert all(f"\n  {name} " in ended.out + ended.err for name in EVERY)


@pytest.mark.parametrize("name", [*EVERY, "subscribers import", "subscribers export"])
def test_every_command_explains_itself(broadsheet, name):
    ended = broadsheet(*name.split(), "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: broadsheet {name}")
    assert max(len(line) for line in ended.out.splitlines()) <= 80


@pytest.mark.parametrize(
    "words", [("nonsense",), ("status", "--nonsense"), ("render", SAMPLE), ("demo", "--subscribers", "0")]
)
def test_a_command_written_wrongly_ends_with_two(broadsheet, words):
    ended = broadsheet(*words)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_folder_without_content_is_named_with_the_fix(broadsheet, tmp_path, name):
    ended = broadsheet(name, *COMMANDS[name], "--project", tmp_path / "nowhere")
    assert ended.code == 2
    assert "nowhere has no folder content/" in ended.err
    assert "fix: give the project's folder with --project DIR" in ended.err


def test_a_demo_of_a_folder_without_texts_says_what_it_copies(broadsheet, tmp_path):
    ended = broadsheet("demo", "--project", tmp_path, "--keep", tmp_path / "kept")
    assert (ended.code, "has no folder content/" in ended.err) == (2, True)
    assert not (tmp_path / "kept").exists()


def test_a_demo_does_not_mix_into_a_folder_that_holds_something(broadsheet, project):
    before = sorted(project.rglob("*"))
    ended = broadsheet("demo", "--project", project, "--keep", project)
    assert (ended.code, "is not an empty folder" in ended.err) == (2, True)
    assert broadsheet("demo", "--project", project, "--keep", project / ".env").code == 2
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["render", "status", "send", "check", "test", "deliveries", "pause", "resume", "cancel", "diff", "correct"]
)
def test_an_unknown_slug_is_answered_with_those_there_are(on, name):
    words = {"render": ("--out", "x"), "test": ("--to", "me@example.com")}.get(name, ())
    ended = on(name, "no-such-letter", *words)
    assert ended.code == 2
    assert "there is no issue 'no-such-letter'" in ended.err
    assert SAMPLE in ended.err


@pytest.mark.parametrize("name", NEED_DATABASE)
def test_a_file_that_is_no_database_is_said_to_be_none(on, tmp_path, name):
    (tmp_path / "letter.txt").write_text("Dear reader, this is a letter and not a database.\n" * 50)
    ended = on(name, *COMMANDS[name], env={"DATABASE_URL": f"sqlite:///{tmp_path}/letter.txt"})
    assert ended.code == 1
    assert "file is not a database" in ended.err
    assert "fix:" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize("name", NEED_DATABASE)
def test_an_unreachable_server_is_said_to_be_away_and_the_password_stays_secret(on, name):
    url = f"postgresql://author:very-secret-word@127.0.0.1:{free_port()}/letters?connect_timeout=2"
    ended = on(name, *COMMANDS[name], env={"DATABASE_URL": url})
    assert ended.code == 1
    assert "the database does not answer" in ended.err
    assert "DATABASE_URL" in ended.err
    assert "very-secret-word" not in ended.err


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("rubbish", "must be sqlite:///path or postgresql://"),
        ("postgresql://u:very-secret-word@host:port/x", "must be sqlite:///path or postgresql://"),
        ("mysql://u:very-secret-word@127.0.0.1/x", "mysql is not supported"),
        ("sqlite:////dev/null/broadsheet.db", "the folder /dev/null cannot be made"),
        ("sqlite:////proc/broadsheet.db", "unable to open database file"),
    ],
)
def test_a_database_url_of_no_use_is_explained(on, url, says):
    ended = on("status", env={"DATABASE_URL": url})
    assert ended.code in (1, 2)
    assert says in ended.err
    assert "very-secret-word" not in ended.err


def test_every_wrong_setting_is_named_at_once(on):
    ended = on("status", env={"BATCH_SIZE": "5000", "LOG_LEVEL": "loud", "BASE_URL": "letters"})
    assert ended.code == 2
    assert all(name in ended.err for name in ("BATCH_SIZE", "LOG_LEVEL", "BASE_URL", ".env.example"))


@pytest.mark.parametrize("name", ["run", "work"])
def test_a_missing_key_is_asked_for_by_its_name(broadsheet, project, name):
    (project / ".env").write_text("")
    words = ("bulk",) if name == "work" else ()
    ended = broadsheet(name, *words, "--project", project)
    assert ended.code == 2
    assert "SENDGRID_API_KEY: is not set" in ended.err
    assert "SECRET_KEY: is not set" in ended.err


@pytest.mark.parametrize("name", ["send", "check", "render", "test"])
def test_broken_toml_is_named_with_its_line(on, project, name):
    path = project / "content" / "publication.toml"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], "this is = = no toml", *lines[3:]]))
    ended = on(name, SAMPLE, *{"render": ("--out", "x"), "test": ("--to", "me@example.com")}.get(name, ()))
    if name == "test":  # it renders later, in the worker; the text alone is read now
        assert ended.code in (0, 1)
        return
    assert ended.code == 1
    assert "content/publication.toml:4" in ended.err
    assert "fix:" in ended.err


@pytest.mark.parametrize("name", ["send", "check", "render", "test"])
def test_broken_front_matter_is_named_with_its_line(on, project, name):
    (path,) = (project / "content" / "issues").glob(f"*{SAMPLE}.md")
    path.write_text(path.read_text().replace("audience: everyone", "audience: [everyone"))
    ended = on(name, SAMPLE, *{"render": ("--out", "x"), "test": ("--to", "me@example.com")}.get(name, ()))
    assert ended.code == 1
    assert f"{path.name}:" in ended.err
    assert "fix:" in ended.err


def test_a_folder_that_cannot_be_written_is_named(on, tmp_path):
    (tmp_path / "file").write_text("")
    ended = on("render", SAMPLE, "--out", tmp_path / "file")
    assert (ended.code, f"{tmp_path}/file" in ended.err) == (1, True)
    assert on("render", SAMPLE, "--out", "/proc/nowhere").code == 1


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2020-01-01 07:00", "has passed"),
        ("never o'clock", "is no time"),
        ("someday 07:00", "is no day"),
        ("25:99", "is no time"),
    ],
)
def test_an_hour_that_cannot_be_is_refused_before_anything_else(on, readers, at, says):
    ended = on("send", SAMPLE, "--yes", "--at", at)
    assert ended.code == 2
    assert says in ended.err
    assert on("status", "--json").json == []


def test_a_segment_nobody_wrote_is_refused_with_those_there_are(on, readers):
    ended = on("send", SAMPLE, "--yes", "--segment", "nonsense")
    assert ended.code in (1, 2)
    assert all(word in ended.err for word in ("nonsense", "producers", "everyone"))
    assert on("status", "--json").json == []


def test_nothing_is_sent_to_nobody(on):
    ended = on("send", SAMPLE, "--yes")
    assert (ended.code, "nobody would get it" in ended.err) == (1, True)
    assert on("status", "--json").json == []


@pytest.mark.parametrize("address", ["nonsense", "two@@example.com", ""])
def test_a_test_to_no_address_is_refused(on, address):
    assert on("test", SAMPLE, "--to", address).code == 2


def test_a_test_to_somebody_who_left_is_refused(on, context):
    from tests.support.makers import make_suppression
    from worker.store.engine import writing

    with writing(context.engine) as connection:
        make_suppression(connection, "gone@example.com", "unsubscribed")
    ended = on("test", SAMPLE, "--to", "gone@example.com")
    assert (ended.code, "suppressed" in ended.err) == (2, True)


def test_a_queue_that_is_away_delays_and_loses_nothing(on, readers, work, context):
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        url = f"redis://:very-secret-word@127.0.0.1:{taken.getsockname()[1]}/0"
        ended = on("send", SAMPLE, "--yes", env={"REDIS_URL": url})
    assert ended.code == 0
    assert "No queue can be reached now. Nothing is lost" in ended.err
    assert "very-secret-word" not in ended.out + ended.err
    (seen,) = on("status", "--json").json
    assert seen["status"] == "scheduled"
    work(seen["id"])
    assert on("status", SAMPLE, "--json").json["submitted"] == 12


def test_a_redis_url_of_no_use_is_named(on, readers):
    ended = on("send", SAMPLE, "--yes", env={"REDIS_URL": "http://very-secret-word@host"})
    assert ended.code == 2
    assert "REDIS_URL: must be" in ended.err
    assert "very-secret-word" not in ended.err


def test_an_import_of_no_file_says_so(on, tmp_path):
    ended = on("subscribers", "import", tmp_path / "none.csv")
    assert (ended.code, "there is no file" in ended.err) == (2, True)


def test_an_import_names_its_bad_rows_and_keeps_the_good_ones(on, tmp_path):
    (tmp_path / "list.csv").write_text("email,name\nada@example.com,Ada\nnonsense,Nobody\nnoor@example.com,Noor\n")
    ended = on("subscribers", "import", tmp_path / "list.csv")
    assert ended.code == 1
    assert "added 2" in ended.out
    assert "list.csv:3:" in ended.err
    again = on("subscribers", "import", tmp_path / "list.csv", "--json")
    assert (again.json["added"], again.json["counts"]["unchanged"]) == ([], 2)
    assert again.json["refused"] == [{"line": 3, "address": "nonsense", "reason": again.json["refused"][0]["reason"]}]
