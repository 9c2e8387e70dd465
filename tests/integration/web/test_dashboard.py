"""rq-dashboard below /ops/queues: behind the login, actions by POST from our own pages only, JSON jobs shown."""

import base64

import pytest
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from tests.support.ledger import planned_mailing
from tests.support.makers import make_subscribers
from worker.store.engine import writing
from worker.store.installation import fence
from worker.web.app import create_app
from worker.web.dashboard import mend

XSS = "<img src=x onerror=alert(1)>"


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


LOGIN = basic("ops", "pässword")
OURS = LOGIN | {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def context(make_context, sqlite_url, valkey_url):
    context = make_context(sqlite_url, redis_url=valkey_url, ops_password="pässword")
    yield context
    context.queue.redis.close()


@pytest.fixture
def queue(context):
    return Queue("bulk", connection=context.queue.redis, serializer=JSONSerializer)


@pytest.fixture
def job(queue):
    return queue.enqueue("worker.jobs.submit_batches", 12, job_id="submit_batches-12", meta={"note": XSS})


@pytest.fixture
def failed(queue, job):
    queue.remove(job)
    job.set_status("failed")
    FailedJobRegistry(queue=queue).add(job, ttl=600, exc_string=XSS)
    return job


PATHS = [
    "/ops",
    "/ops/queues/",
    "/ops/queues/static/css/main.css",
    "/ops/queues/0/data/queues.json",
    "/ops/queues/0/view/job/submit_batches-12",
    "/ops/nothing/here",
]


@pytest.mark.parametrize("path", PATHS)
def test_nothing_below_ops_is_shown_without_the_login(client, path):
    assert client.get(path).status_code == 401
    assert client.get(path).headers["WWW-Authenticate"].startswith("Basic ")
    assert client.get(path, headers=basic("ops", "wrong")).status_code == 401
    assert client.get(path, headers=basic("root", "pässword")).status_code == 401
    assert client.get(path, headers={"Authorization": "Basic %%%"}).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer pässword"}).status_code == 401


@pytest.mark.parametrize("path", PATHS)
def test_without_a_password_everything_stays_closed_and_says_why(make_context, sqlite_url, valkey_url, path):
    client = create_app(make_context(sqlite_url, redis_url=valkey_url)).test_client()
    answer = client.get(path, headers=basic("ops", ""))
    assert answer.status_code == 503
    assert "OPS_PASSWORD" in answer.text


@pytest.mark.parametrize("path", ["/ops", "/ops/queues/", "/ops/queues/0/view/workers", "/ops/queues/0/view/jobs"])
def test_the_pages_render(client, job, path):
    answer = client.get(path, headers=LOGIN)
    assert answer.status_code == 200
    assert "<html" in answer.text


def test_a_json_job_shows_its_call_and_metadata(client, job):
    shown = client.get("/ops/queues/0/data/job/submit_batches-12.json", headers=LOGIN).json
    assert shown["description"] == "worker.jobs.submit_batches(12)"
    assert XSS in shown["metadata"]
    listed = client.get("/ops/queues/0/data/jobs/bulk/queued/8/asc/1.json", headers=LOGIN).json
    assert [one["id"] for one in listed["jobs"]] == ["submit_batches-12"]


@pytest.mark.parametrize("path", ["view/job/none", "data/job/none.json"])
def test_a_missing_job_is_a_404(client, path):
    assert client.get(f"/ops/queues/0/{path}", headers=LOGIN).status_code == 404


def test_a_failed_json_job_is_requeued_whole(client, queue, failed):
    assert client.post(f"/ops/queues/job/{failed.id}/requeue", headers=OURS).json == {"status": "OK"}
    again = Job.fetch(failed.id, connection=queue.connection, serializer=JSONSerializer)
    assert (again.args, again.meta) == ([12], {"note": XSS})
    assert queue.job_ids == [failed.id]


def test_all_failed_jobs_are_requeued_by_post_and_never_by_get(client, queue, failed):
    for method in ("GET", "HEAD"):
        assert client.open("/ops/queues/requeue/bulk", method=method, headers=OURS).status_code == 405
    assert queue.job_ids == []
    assert client.post("/ops/queues/requeue/bulk", headers=OURS).json == {"status": "OK", "count": 1}
    assert queue.job_ids == [failed.id]


def test_requeueing_what_did_not_fail_is_a_conflict(client, job):
    assert client.post(f"/ops/queues/job/{job.id}/requeue", headers=OURS).status_code == 409


@pytest.mark.parametrize(
    "origin",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_an_action_from_elsewhere_is_refused_even_with_the_login(client, queue, failed, origin):
    assert client.post("/ops/queues/requeue/bulk", headers=LOGIN | origin).status_code == 403
    assert queue.job_ids == []


@pytest.mark.parametrize("origin", ["http://localhost", "http://127.0.0.1:8025"])
def test_an_action_with_our_origin_is_taken(client, failed, origin):
    assert client.post("/ops/queues/requeue/bulk", headers=LOGIN | {"Origin": origin}).status_code == 200


@pytest.mark.parametrize("path", ["job/submit_batches-12/delete", "queue/bulk/queued/empty"])
def test_nothing_can_be_deleted(client, queue, job, path):
    client.post(f"/ops/queues/{path}", headers=OURS)
    assert queue.job_ids == [job.id]


def test_scripts_run_by_a_nonce_that_is_new_each_time(client, job):
    seen = set()
    for _ in range(2):
        answer = client.get("/ops/queues/0/view/job/submit_batches-12", headers=LOGIN)
        policy = answer.headers["Content-Security-Policy"]
        nonce = policy.partition("'nonce-")[2].partition("'")[0]
        assert answer.text.count("<script") == answer.text.count(f'<script nonce="{nonce}"') > 4
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
        seen.add(nonce)
    assert len(seen) == 2


def test_a_queue_name_from_the_address_cannot_leave_its_string(client):
    page = client.get("/ops/queues/0/view/jobs/');alert(1);('/queued/8/asc/1", headers=LOGIN).text
    assert "alert(1);('" not in page.replace("\\u0027", "")
    assert "');alert" not in page


def test_mending_leaves_no_raw_value():
    source = "<script name=x>a <%= d.name %> <%= $('<div/>').text(d.exc_info).html() %> '{{ queue.name }}'</script>"
    assert mend(source) == (
        '<script nonce="{{ csp_nonce() }}" name=x>a <%- d.name %> <%- d.exc_info %> {{ queue.name|tojson }}</script>'
    )


def test_without_a_queue_there_is_no_dashboard_but_a_page_that_says_so(make_context, sqlite_url):
    client = create_app(make_context(sqlite_url, ops_password="pässword")).test_client()
    assert client.get("/ops/queues/", headers=LOGIN).status_code == 404
    assert "REDIS_URL" in client.get("/ops", headers=LOGIN).text


def test_the_overview_counts_deliveries_by_state_and_shows_a_fence(context, client):
    with writing(context.engine) as connection:
        make_subscribers(connection, 3)
    planned_mailing(context.engine, key="issue:one")
    page = client.get("/ops", headers=LOGIN).text
    assert page.count('<td class="number">3</td>') == 2  # the audience, and all of it pending
    assert 'role="alert"' not in page
    with writing(context.engine) as connection:
        fence(connection, "The database is an old copy <1>.")
    assert "The database is an old copy &lt;1&gt;." in client.get("/ops", headers=LOGIN).text
