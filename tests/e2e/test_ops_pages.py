"""An operator with a browser: the dashboard works under its policy, and what jobs carry stays text."""

import re

import pytest
from rq import Queue
from rq.registry import FailedJobRegistry
from rq.results import Result
from rq.serializers import JSONSerializer

from tests.e2e.conftest import PASSWORD
from tests.support.waiting import until
from worker.queue.connection import open_redis

PAYLOADS = "<img src=x onerror=window.taken=1><script>window.taken=1</script><svg onload=window.taken=1>"


@pytest.fixture
def queue(valkey_url):
    with open_redis(valkey_url) as connection:
        yield Queue("bulk", connection=connection, serializer=JSONSerializer)


@pytest.fixture
def page(chromium):
    context = chromium.new_context(http_credentials={"username": "ops", "password": PASSWORD})
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.refused = []
    page.on("console", lambda line: page.refused.append(line.text) if "Content Security" in line.text else None)
    yield page
    context.close()


def fail(queue, job, text):
    queue.remove(job)
    job.set_status("failed")
    FailedJobRegistry(queue=queue).add(job, ttl=600)
    Result.create_failure(job, 600, text)


def test_the_dashboard_asks_for_the_login(chromium, web):
    context = chromium.new_context()
    assert context.request.get(f"{web.url}/ops").status == 401
    context.close()


def test_the_dashboard_shows_the_queue_and_a_json_job(web, queue, page):
    queue.enqueue("worker.jobs.plan_mailing", 12, job_id="plan_mailing-12", meta={"window": "7"})
    page.goto(f"{web.url}/ops")
    page.get_by_role("link", name="Queues and jobs").click()
    page.get_by_role("cell", name="bulk", exact=True).wait_for()
    page.goto(f"{web.url}/ops/queues/0/view/jobs/bulk/queued/8/asc/1")
    page.get_by_role("link", name="plan_mailing-12").click()
    page.get_by_text("worker.jobs.plan_mailing(12)").wait_for()
    page.get_by_text('{"window": "7"}').wait_for()
    assert page.refused == []


@pytest.mark.parametrize("view", ["view/job/odd", "view/jobs/bulk/failed/8/asc/1"])
def test_markup_in_arguments_metadata_and_exceptions_stays_text(web, queue, page, view):
    job = queue.enqueue("worker.jobs.plan_mailing", PAYLOADS, job_id="odd", meta={"note": PAYLOADS})
    fail(queue, job, PAYLOADS)
    page.goto(f"{web.url}/ops/queues/0/{view}")
    page.locator(".exc_info").wait_for()
    assert page.locator(".exc_info").text_content() == PAYLOADS
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.taken") is None
    assert page.locator("img, svg").count() == 0


def test_a_queue_name_in_the_address_stays_text(web, queue, page):
    page.goto(f"{web.url}/ops/queues/0/view/jobs/');window.taken=1;('/queued/8/asc/1")
    # The name is written into what the page does when the pointer leaves this list.
    page.locator("#select-queue").evaluate("list => jQuery(list).val('').trigger('mouseleave')")
    assert page.evaluate("window.taken") is None


def test_a_failed_job_is_requeued_from_the_page(web, queue, page):
    job = queue.enqueue("worker.jobs.plan_mailing", 12, job_id="plan_mailing-12")
    fail(queue, job, "ValueError")
    page.goto(f"{web.url}/ops/queues/0/view/job/plan_mailing-12")
    page.get_by_role("button", name=re.compile("requeue", re.IGNORECASE)).click()
    until(lambda: queue.job_ids == ["plan_mailing-12"], what="the job back in its queue")
    assert page.get_by_role("button", name=re.compile("delete", re.IGNORECASE)).count() == 0
