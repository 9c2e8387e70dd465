"""A reader's own page of friends and rewards: their count, what comes next, what was earned, their link to pass on.

Known by the link alone. It shows no address and nobody's name but, to themself, what their own link's page says.
"""

from __future__ import annotations

from functools import partial

from flask import abort, request, send_file
from flask.typing import ResponseReturnValue

from worker.domain.calendar import wall_time
from worker.domain.milestone import ReferralRules, RewardState
from worker.domain.subscriber import first_name
from worker.render.links import Purpose, referral_path
from worker.render.merge import shown_name
from worker.render.sharing import share_links
from worker.sources.referrals import reward_file
from worker.store.engine import writing
from worker.store.referrers import note_network, set_named
from worker.usecases.look_at_friends import Friends, look_at_friends
from worker.web.site import Site
from worker.web.subscribe import seen_network


def show(site: Site, token: str) -> ResponseReturnValue:
    """The page. Opening it writes nothing: scanners open links."""
    return _page(site, token, _look(site, token))


def choose(site: Site, token: str) -> ResponseReturnValue:
    """Whether their first name may stand on their link's page."""
    friends = _look(site, token)
    if friends is None:
        return _page(site, token, None)
    with writing(site.context.engine) as connection:
        set_named(connection, friends.reader.id, request.form.get("named") == "yes", site.now())
        note_network(connection, friends.reader.id, seen_network(site), site.now())
    return _page(site, token, _look(site, token), saved=True)


def fetch(site: Site, token: str, milestone_id: str) -> ResponseReturnValue:
    """The file that a milestone brought them; 404 for what they have not reached."""
    friends = _look(site, token)
    file = next(
        (
            one.reward.file
            for one in (friends.rewards if friends is not None else ())
            if one.milestone_id == milestone_id and one.state is RewardState.GRANTED
        ),
        "",
    )
    path = reward_file(site.context.settings.project, file) if file else None
    if path is None:
        abort(404)
    return send_file(path.resolve(), as_attachment=True, download_name=path.name)


def _look(site: Site, token: str) -> Friends | None:
    ids = site.read(token, Purpose.FRIENDS)
    return look_at_friends(site.context.engine, ids.subscriber_id, _rules(site))


def _rules(site: Site) -> ReferralRules:
    """The publication's; none where it is being edited into something unreadable just now."""
    try:
        return site.context.publication.referral
    except Exception:  # site.masthead has said so in the log
        return ReferralRules()


def _page(site: Site, token: str, friends: Friends | None, *, saved: bool = False) -> ResponseReturnValue:
    if friends is None:
        return site.page("friends.html", 404, friends=None)
    masthead = site.masthead
    link = site.context.settings.base_url.rstrip("/") + referral_path(friends.reader.referral_code)
    return site.page(
        "friends.html",
        friends=friends,
        token=token,
        link=link,
        share=share_links(masthead.name, masthead.description, link),
        first_name=shown_name(first_name(friends.reader.name)),
        on_the_wall=partial(wall_time, zone=masthead.zone),
        granted=RewardState.GRANTED,
        saved=saved,
    )
