"""The route table: every address this process answers, on one page. rq-dashboard adds its own below /ops/queues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask.typing import ResponseReturnValue

from worker.web import (
    apply,
    confirm,
    friends,
    health,
    home,
    launch_hook,
    leave,
    manage,
    mute,
    ops,
    recommend,
    subscribe,
    webhook,
)

View = Callable[..., ResponseReturnValue]


@dataclass(frozen=True, slots=True)
class Route:
    """A rule, its methods (HEAD comes with GET) and the view; a view takes the Site and what is in the rule."""

    name: str
    methods: tuple[str, ...]
    rule: str
    view: View


ROUTES: tuple[Route, ...] = (
    # SendGrid
    Route("events", ("POST",), "/webhooks/sendgrid", webhook.receive),
    # the author's shop or form
    Route("conversion", ("POST",), "/hooks/launches/<launch_id>", launch_hook.receive),
    # a reader, known by the link alone
    Route("leave_page", ("GET",), "/u/<token>", leave.ask),
    Route("leave", ("POST",), "/u/<token>", leave.leave),
    Route("undo_page", ("GET",), "/b/<token>", leave.ask_undo),
    Route("undo", ("POST",), "/b/<token>", leave.undo),
    Route("manage", ("GET",), "/m/<token>", manage.show),
    Route("choose", ("POST",), "/m/<token>", manage.choose),
    Route("confirm_page", ("GET",), "/c/<token>", confirm.ask),
    Route("confirm", ("POST",), "/c/<token>", confirm.press),
    Route("friends_page", ("GET",), "/f/<token>", friends.show),
    Route("friends", ("POST",), "/f/<token>", friends.choose),
    Route("reward_file", ("GET",), "/f/<token>/<milestone_id>", friends.fetch),
    Route("apply_page", ("GET",), "/a/<token>", apply.ask),
    Route("apply", ("POST",), "/a/<token>", apply.apply),
    Route("mute_page", ("GET",), "/n/<token>", mute.ask),
    Route("mute", ("POST",), "/n/<token>", mute.mute),
    # anybody
    Route("home", ("GET",), "/", home.show),
    Route("subscribe_page", ("GET",), "/subscribe", subscribe.ask),
    Route("subscribe", ("POST",), "/subscribe", subscribe.subscribe),
    Route("recommend", ("GET",), "/r/<code>", recommend.show),
    # a machine that watches this one
    Route("healthz", ("GET",), "/healthz", health.alive),
    Route("readyz", ("GET",), "/readyz", health.ready),
    # an operator, behind the login in worker/web/login.py
    Route("ops", ("GET",), "/ops", ops.show),
)
