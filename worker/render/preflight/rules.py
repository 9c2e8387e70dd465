"""Every rule of the preflight, by subject. A new one is a function with `@rule` in the module of its subject, and a line here."""

from __future__ import annotations

from worker.render.preflight import (
    audience,
    dates,
    footer,
    gate,
    headline,
    images,
    links,
    page,
    raised,
    sheets,
    silence,
    size,
    steps,
    tags,
    wording,
)
from worker.render.preflight.findings import Rule

#: By subject, in the order of docs/preflight.md.
SUBJECTS: dict[str, tuple[Rule, ...]] = {
    "What the renderer refuses": raised.RAISED,
    "Subject and preview": (
        headline.subject_is_there,
        headline.subject_fits_a_phone,
        headline.subject_does_not_shout,
        headline.preview_is_there,
        headline.preview_fits_an_inbox,
        headline.preview_says_something_new,
    ),
    "Audience and paid parts": (
        audience.audience_is_known,
        audience.audience_and_parts_agree,
        audience.promised_part_is_there,
        gate.paid_words_stay_paid,
    ),
    "Links": (
        links.addresses_are_full,
        links.anchors_exist,
        links.addresses_are_encrypted,
        links.links_have_words,
        links.links_say_where_they_lead,
        links.links_are_not_shortened,
    ),
    "Pictures": (
        images.images_have_words,
        images.words_are_no_file_name,
        images.images_are_on_the_web,
        images.images_are_drawn_everywhere,
        images.images_are_not_too_large,
        images.images_have_a_width,
    ),
    "Words": (
        tags.no_tag_is_left_over,
        wording.nothing_is_to_come,
        wording.nothing_is_said_to_be_attached,
        wording.nothing_sounds_like_spam,
        wording.copyright_is_of_this_year,
        wording.nothing_is_html,
        wording.letter_has_a_readable_length,
    ),
    "Dates": (
        dates.issue_is_not_long_past,
        dates.launch_is_open,
        dates.launch_opens_before_it_closes,
        dates.what_comes_is_to_come,
    ),
    "Launches": (
        steps.launch_links_stand_in_a_launch,
        steps.readers_can_apply,
        steps.launch_of_the_step_is_open,
        steps.dates_of_a_step_are_to_come,
    ),
    "Law and mailbox providers": (footer.postal_address_is_shown, footer.leaving_is_possible),
    "Size": (size.html_stays_whole, size.styles_stay_whole, size.lines_are_short_enough),
    "The finished page": (
        page.language_is_told,
        page.page_has_a_title,
        page.headings_step_down,
        page.tables_say_what_they_are,
        page.nothing_is_active,
        page.nothing_leaks,
        page.no_apos_entity,
        page.everything_is_printable,
        page.charset_is_safe,
        page.conditional_comments_pair,
        page.page_is_narrow,
        page.preheader_comes_first,
        page.ids_are_unique,
        page.buttons_are_large_enough,
    ),
    "Styles": (sheets.styles_hold_no_trap, sheets.styles_are_our_own, sheets.dark_mode_is_meant),
    "The preflight itself": (silence.silenced_rules_are_rules,),
}

RULES: dict[str, Rule] = {one.name: one for rules in SUBJECTS.values() for one in rules}
