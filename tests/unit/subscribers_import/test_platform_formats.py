"""Each platform's export, by its own columns: who may be mailed, who may not, and what else comes along."""

from datetime import UTC, datetime

import pytest

from tests.support.importing import read
from worker.domain.subscriber import Plan
from worker.errors import SourceError
from worker.usecases.import_rows import RefusedRow, SetAsideRow

SUBSTACK_LIST = "email,active_subscription,expiry,email_disabled,prefer_digests,created_at"
SUBSTACK_NEWER = "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at"
SUBSTACK_PAID = "email,expiry,email_disabled,prefer_digests,stripe_connected_customer_id,type"
SUBSTACK_DASHBOARD = (
    "user_name,user_email_address,country,state,subscription_type,subscription_created_at,subscription_expires_at,"
    "first_payment_at,last_subscribed_at,unsubscribed_at,subscription_interval,total_revenue"
)
GHOST = (
    "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers"
)
MAILCHIMP = (
    "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,"
    "GMTOFF,DSTOFF,TIMEZONE,CC,REGION,{},LEID,EUID,NOTES,TAGS"
)
MAILCHIMP_ROW = (
    '{},Ada,Moreno,2,"2021-03-04 05:06:07",192.0.2.1,"2021-03-04 05:09:00",192.0.2.2,38.7,-9.1,0,1,Europe/Lisbon,PT,11,'
    '{},101,abc,,"""Book club"",""Early, very early"""'
)
BEEHIIV = (
    "email,First Name,Last Name,status,tier,created_at,stripe_customer_id,Gold Tier,unsubscribed_at,"
    "Subscription Date (Substack),Favourite colour"
)
BUTTONDOWN = (
    "id,secondary_id,email,notes,subscriber_type,referrer_url,utm_source,utm_medium,utm_campaign,creation_date,ip_address,"
    "subscription_date,unsubscription_date,tags,metadata"
)
LISTMONK = "uuid,email,name,attributes,status,created_at,updated_at"


def rows_of(*lines, **given):
    form, rows = read(*lines, **given)
    return form.format, rows


def stands(row):
    """The status, or the reason not to mail; `skipped` and `refused` for what nobody is made of."""
    if isinstance(row, SetAsideRow):
        return "skipped"
    return "refused" if isinstance(row, RefusedRow) else (row.reason or row.status)


@pytest.mark.parametrize(
    ("cells", "stood", "plan"),
    [
        ("a@example.com,false,,false,false,2024-01-15T10:00:00.000Z", "confirmed", Plan.FREE),
        ("a@example.com,true,2027-01-15T10:00:00.000Z,false,false,2024-01-15T10:00:00.000Z", "confirmed", Plan.PAID),
        ("a@example.com,false,,true,false,2024-01-15", "unsubscribed", Plan.FREE),
        ("a@example.com, TRUE ,, True ,false,2024-01-15", "unsubscribed", Plan.PAID),
        ("a@example.com,false,,,false,2024-01-15", "pending", Plan.FREE),
        ("x1@deletion-request.substack.com,false,,false,false,2024-01-15", "skipped", None),
        ("a@example.com,false,,perhaps,false,2024-01-15", "refused", None),
    ],
)
def test_substack_s_list_says_who_may_be_mailed_the_other_way_round(cells, stood, plan):
    name, [row] = rows_of(SUBSTACK_LIST, cells)
    assert (name, stands(row)) == ("substack", stood)
    if plan is not None:
        assert row.plan is plan


def test_substack_s_newer_list_is_known_too():
    name, [free, paid] = rows_of(
        SUBSTACK_NEWER,
        "a@example.com,false,,other,false,2025-01-01,",
        "b@example.com,true,2027-02-01T00:00:00.000Z,yearly,false,2025-01-01,2025-02-01",
    )
    assert (name, free.plan, paid.plan, paid.plan_ends_at.year) == ("substack", Plan.FREE, Plan.PAID, 2027)


@pytest.mark.parametrize(
    ("cells", "plan", "source", "tags"),
    [
        ("a@example.com,,false,false,,free", Plan.FREE, "", set()),
        ("a@example.com,2027-01-01,false,false,cus_a1,paid", Plan.PAID, "stripe", set()),
        ("a@example.com,2027-01-01,false,false,,paid", Plan.FREE, "", {"substack-group"}),
        ("a@example.com,2027-01-01,false,false,,comp", Plan.PAID, "comped", set()),
        ("a@example.com,2027-01-01,false,false,,gift", Plan.PAID, "gifted", set()),
        ("a@example.com,2027-01-01,false,false,,ios_app", Plan.PAID, "", {"substack-ios"}),
        ("a@example.com,,false,false,,ios_app", Plan.FREE, "", {"substack-ios"}),
    ],
)
def test_substack_s_paid_file_says_where_a_plan_comes_from(cells, plan, source, tags):
    name, [row] = rows_of(SUBSTACK_PAID, cells)
    assert (name, row.plan, row.plan_source, row.tags) == ("substack", plan, source, tags)
    assert (row.plan_ends_at is not None) == (plan is Plan.PAID)
    assert row.status == "confirmed"


def test_substack_s_paid_file_with_an_unknown_type_is_refused_by_line():
    _name, [row] = rows_of(SUBSTACK_PAID, "a@example.com,,false,false,,founder")
    assert (row.line, stands(row)) == (2, "refused")
    assert '"founder"' in row.reason


def test_substack_s_dashboard_writes_values_for_people():
    _name, [row, gone, back] = rows_of(
        SUBSTACK_DASHBOARD,
        'Ada Moreno,a@example.com,United Kingdom,,Yearly paid,"Jan 5, 2024","Jan 5, 2027",,,,Yearly,"$1,050.00"',
        "Bo,b@example.com,PT,,Free,2024-01-05,,,,2025-03-01,,$0.00",
        "Cy,c@example.com,PT,,Comp,2024-01-05,2027-01-01,,2025-04-01,2025-03-01,,$0.00",
    )
    assert (row.name, row.plan, row.country, row.plan_ends_at.year) == ("Ada Moreno", Plan.PAID, "", 2027)
    assert (stands(row), stands(gone), stands(back)) == ("confirmed", "unsubscribed", "confirmed")
    assert (gone.left_at.month, back.plan_source, gone.country) == (3, "comped", "PT")


@pytest.mark.parametrize(
    ("cells", "stood", "plan", "source"),
    [
        ("1,a@example.com,Ada,,true,false,,2024-01-05T09:30:00.000Z,,,", "confirmed", Plan.FREE, ""),
        ("1,a@example.com,Ada,,false,false,,2024-01-05T09:30:00.000Z,,,", "unsubscribed", Plan.FREE, ""),
        ("1,a@example.com,Ada,, FALSE ,false,,2024-01-05T09:30:00.000Z,,,", "unsubscribed", Plan.FREE, ""),
        ("1,a@example.com,Ada,,,false,,2024-01-05T09:30:00.000Z,,,", "pending", Plan.FREE, ""),
        ("1,a@example.com,Ada,,true,true,,2024-01-05T09:30:00.000Z,,,Gold", "confirmed", Plan.PAID, "comped"),
        ("1,a@example.com,Ada,,true,false,cus_a,2024-01-05T09:30:00.000Z,,,Gold", "confirmed", Plan.PAID, "stripe"),
        ("1,a@example.com,Ada,,true,false,cus_a,2024-01-05T09:30:00.000Z,,,", "confirmed", Plan.FREE, ""),
        ("1,a@example.com,Ada,,true,false,,2024-01-05T09:30:00.000Z,2025-01-01T00:00:00.000Z,,", "skipped", None, ""),
        ("1,a@example.com,Ada,,subscribed,false,,2024-01-05T09:30:00.000Z,,,", "refused", None, ""),
    ],
)
def test_ghost_s_members_are_subscribed_only_where_it_says_true(cells, stood, plan, source):
    name, [row] = rows_of(GHOST, cells)
    assert (name, stands(row)) == ("ghost", stood)
    if plan is not None:
        assert (row.plan, row.plan_source) == (plan, source)


def test_ghost_s_labels_date_and_stripe_id_come_along():
    _name, [row] = rows_of(
        GHOST, '1,a@example.com,Ada,x,true,false,cus_a,2024-01-05T09:30:00.000Z,,"Book club, early",Gold'
    )
    assert (row.tags, row.stripe_id) == ({"Book club", "early"}, "cus_a")
    assert row.joined_at == datetime(2024, 1, 5, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("file", "column", "cell", "stood"),
    [
        ("members.csv", "LAST_CHANGED", "2022-01-01 00:00:00", "confirmed"),
        (
            "members.csv",
            "UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER",
            '"2022-01-01 00:00:00",Hello,7,"NORMAL (no longer want to receive these emails)",',
            "unsubscribed",
        ),
        (
            "members.csv",
            "UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER",
            '"2022-01-01 00:00:00",Hello,7,"SPAM (the emails are spam)",',
            "complained",
        ),
        (
            "members.csv",
            "CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID",
            '"2022-01-01 00:00:00",Hello,7',
            "bounced",
        ),
        ("members.csv", "CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID", ",,", "bounced"),
        ("cleaned_members_export_3f2a.csv", "LAST_CHANGED", "2022-01-01 00:00:00", "bounced"),
        ("unsubscribed_members_export_3f2a.csv", "LAST_CHANGED", "2022-01-01 00:00:00", "unsubscribed"),
    ],
)
def test_mailchimp_s_three_files_are_told_apart(file, column, cell, stood):
    name, [row] = rows_of(MAILCHIMP.format(column), MAILCHIMP_ROW.format("a@example.com", cell), name=file)
    assert (name, stands(row)) == ("mailchimp", stood)
    assert row.tags == {"Book club", "Early, very early"}
    assert (row.name, row.zone, row.country) == ("Ada Moreno", "Europe/Lisbon", "PT")
    assert (
        row.consent
        == "Mailchimp: opted in 2021-03-04 05:06:07 from 192.0.2.1, confirmed 2021-03-04 05:09:00 from 192.0.2.2"
    )
    if stood != "confirmed" and "2022" in cell and not file.startswith(("cleaned", "unsub")):
        assert row.left_at == datetime(2022, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "word", ["Deine E-Mail Adresse", "Adresse e-mail", "Correo electrónico", "Votre courriel", "Something"]
)
def test_mailchimp_s_column_of_addresses_may_be_named_in_any_language(word):
    header = MAILCHIMP.format("CLEAN_TIME").replace("Email Address", word).replace("First Name", "Vorname")
    name, [row] = rows_of(header, MAILCHIMP_ROW.format("a@example.com", "2022-01-01 00:00:00"))
    assert (name, row.address, stands(row)) == ("mailchimp", "a@example.com", "bounced")


def test_mailchimp_s_people_who_never_opted_in_are_not_imported():
    with pytest.raises(SourceError, match="never opted in"):
        read(MAILCHIMP.format("LAST_CHANGED"), name="nonsubscribed_members_export_3f2a.csv")


@pytest.mark.parametrize(
    ("status", "left", "stood"),
    [
        ("active", "", "confirmed"),
        (" Active", "", "confirmed"),
        ("inactive", "", "unsubscribed"),
        ("INACTIVE", "2025-02-03 10:23:10 UTC", "unsubscribed"),
        ("pending", "", "pending"),
        ("validating", "", "pending"),
        ("needs_attention", "", "pending"),
        ("invalid", "", "invalid"),
        ("", "", "pending"),
        ("", "2025-02-03 10:23:10 UTC", "unsubscribed"),
        ("active", "2025-02-03 10:23:10 UTC", "refused"),
        ("sleeping", "", "refused"),
    ],
)
def test_beehiiv_s_inactive_is_never_read_as_active(status, left, stood):
    name, [row] = rows_of(BEEHIIV, f"a@example.com,Ada,Moreno,{status},free,2023-03-24 10:23:10 UTC,,No,{left},,blue")
    assert (name, stands(row)) == ("beehiiv", stood)
    if stood == "unsubscribed" and left:
        assert row.left_at == datetime(2025, 2, 3, 10, 23, 10, tzinfo=UTC)


def test_beehiiv_s_tiers_stripe_id_and_older_date_come_along():
    _name, [paid, given, free] = rows_of(
        BEEHIIV,
        "a@example.com,Ada,Moreno,active,premium,2023-03-24 10:23:10 UTC,cus_a,Yes,,2021-02-03 00:00:00 UTC,blue",
        "b@example.com,Bo,,active,premium,1679653390,,No,,,",
        "c@example.com,Cy,,active,free,2023-03-24 10:23:10 UTC,cus_c,No,,,",
    )
    assert (paid.plan, paid.plan_source, paid.stripe_id, paid.tags) == (Plan.PAID, "stripe", "cus_a", {"gold tier"})
    assert paid.joined_at == datetime(2021, 2, 3, tzinfo=UTC)
    assert (given.plan, given.plan_source, given.joined_at.year) == (Plan.PAID, "comped", 2023)
    assert (free.plan, free.stripe_id) == (Plan.FREE, "cus_c")


@pytest.mark.parametrize(
    ("kind", "stood", "plan", "tags"),
    [
        ("regular", "confirmed", Plan.FREE, set()),
        ("premium", "confirmed", Plan.PAID, set()),
        ("gifted", "confirmed", Plan.PAID, set()),
        ("churning", "confirmed", Plan.FREE, {"buttondown-churning"}),
        ("past_due", "confirmed", Plan.FREE, {"buttondown-past-due"}),
        ("trialed", "confirmed", Plan.FREE, {"buttondown-trialed"}),
        ("unactivated", "pending", Plan.FREE, set()),
        ("Unsubscribed ", "unsubscribed", Plan.FREE, set()),
        ("undeliverable", "bounced", Plan.FREE, set()),
        ("complained", "complained", Plan.FREE, set()),
        ("removed", "manual", Plan.FREE, set()),
        ("spammy", "manual", Plan.FREE, set()),
        ("", "pending", None, set()),
        ("mystery", "refused", None, set()),
    ],
)
def test_buttondown_s_types_are_consent_and_plan_at_once(kind, stood, plan, tags):
    name, [row] = rows_of(BUTTONDOWN, f"1,1,a@example.com,,{kind},,,,,2024-01-05,,,,,{{}}")
    assert (name, stands(row)) == ("buttondown", stood)
    if stood != "refused":
        assert (row.plan, row.tags) == (plan, tags)


def test_buttondown_s_tags_dates_metadata_and_referrer_come_along():
    _name, [row, other, contradiction] = rows_of(
        BUTTONDOWN,
        "1,1,a@example.com,,regular,https://example.org/page,,,,01/31/2024,192.0.2.7,02/01/2024,,"
        "\"Book club;Early, very early\",\"{'first_name': 'Zoë', 'last_name': 'Ngata', 'staff': 'true'}\"",
        "2,2,b@example.com,,unsubscribed,,pod,audio,june,2024-01-05,,2024-01-06,2024-03-04,,\"__import__('os').getcwd()\"",
        "3,3,c@example.com,,regular,,,,,2024-01-05,,,2024-03-04,,",
    )
    assert (row.name, row.tags) == ("Zoë Ngata", {"Book club", "Early, very early"})
    assert (row.joined_at, row.referrer) == (datetime(2024, 2, 1, tzinfo=UTC), "https://example.org/page")
    assert row.consent == "Buttondown: signed up 01/31/2024 from 192.0.2.7"
    assert (other.name, other.referrer, other.left_at.month) == ("", "utm: pod/audio/june", 3)
    assert stands(contradiction) == "refused"


@pytest.mark.parametrize(
    "metadata", ["{" * 3_000, "{'name': " + "(" * 500, "{'name': 1}", "{1: {2: [3]}}", "{'a': b'x'}", "[]"]
)
def test_buttondown_s_metadata_is_never_run_and_never_stops_a_row(metadata):
    _name, [row] = rows_of(BUTTONDOWN, f'1,1,a@example.com,,regular,,,,,2024-01-05,,,,,"{metadata}"')
    assert (row.address, row.name) == ("a@example.com", "")


@pytest.mark.parametrize(
    "header",
    [
        "email_address,first_name,state,created_at,tags",
        "Email,First Name,Status,Created At,Tags",
        "id,first_name,email,state,created_at,tags",
    ],
)
@pytest.mark.parametrize(
    ("word", "stood"),
    [
        ("active", "confirmed"),
        ("Inactive", "pending"),
        ("unconfirmed", "pending"),
        ("cancelled", "unsubscribed"),
        ("bounced", "bounced"),
        ("complained", "complained"),
        ("", "pending"),
        ("cold", "refused"),
    ],
)
def test_kit_s_states_are_known_under_each_header_it_may_have(header, word, stood):
    cells = {
        "email": "a@example.com",
        "first": "Ada",
        "state": word,
        "created": "2023-01-27T11:43:55Z",
        "tags": '"VIP,club"',
        "id": "1",
    }
    order = [
        next(key for key in cells if name.lower().startswith(key) or (key == "state" and name == "Status"))
        for name in header.split(",")
    ]
    name, [row] = rows_of(header, ",".join(cells[key] for key in order))
    assert (name, stands(row)) == ("kit", stood)
    if stood != "refused":
        assert (row.name, row.tags, row.joined_at.year) == ("Ada", {"VIP", "club"}, 2023)


@pytest.mark.parametrize(
    ("word", "stood"),
    [("enabled", "pending"), ("disabled", "manual"), (" Blocklisted", "manual"), ("", "pending"), ("x", "refused")],
)
def test_listmonk_s_enabled_is_no_consent(word, stood):
    row_text = f'6f1c,a@example.com,Ada,"{{""country"": ""PT""}}",{word},2024-01-05 09:30:00.123456 +0000 UTC,2024-01-05 09:30:00 +0000 UTC'
    name, [row] = rows_of(LISTMONK, row_text)
    assert (name, stands(row)) == ("listmonk", stood)
    if stood != "refused":
        assert (row.unsaid, row.country) == (stood == "pending", "PT")
        assert row.joined_at == datetime(2024, 1, 5, 9, 30, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "header", [SUBSTACK_LIST, SUBSTACK_PAID, GHOST, BEEHIIV, BUTTONDOWN, LISTMONK, MAILCHIMP.format("CLEAN_TIME")]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_header_is_known_in_capitals_quoted_padded_and_reordered(header, delimiter):
    names = header.split(",")
    plain = read(header)[0].format
    for written in (
        names,
        names[::-1],
        [f'"{name.upper()}"' for name in names],
        [f"\xa0{name} " for name in names],
        [*names, ""],
    ):
        form, rows = read(delimiter.join(written))
        assert (form.format, form.delimiter, rows) == (plain, delimiter, [])


@pytest.mark.parametrize("header", [SUBSTACK_LIST, GHOST, BEEHIIV, BUTTONDOWN])
def test_a_column_that_is_there_twice_is_named(header):
    with pytest.raises(SourceError, match="email is there twice"):
        read(f"{header},Email")


def test_a_blank_where_consent_should_be_is_pending_and_counted_as_unsaid():
    rows = [
        rows_of(SUBSTACK_LIST, "a@example.com,false,,,false,2024-01-15")[1][0],
        rows_of(GHOST, "1,a@example.com,Ada,,,false,,2024-01-05T09:30:00.000Z,,,")[1][0],
        rows_of(BEEHIIV, "a@example.com,Ada,Moreno,,free,2023-03-24 10:23:10 UTC,,No,,,blue")[1][0],
        rows_of(BUTTONDOWN, "1,1,a@example.com,,,,,,,2024-01-05,,,,,{}")[1][0],
        rows_of("email_address,first_name,state,created_at", "a@example.com,Ada,,2024-01-05")[1][0],
    ]
    assert [(stands(row), row.unsaid) for row in rows] == [("pending", True)] * 5
