"""Valid mail send requests to mutate: `request(subject=...)` leaves a field out, `row(3, to=[])` is one block."""

NOW = 1_800_000_000.0


def row(number=0, **changes):
    whole = {
        "to": [{"email": f"reader{number}@example.com"}],
        "substitutions": {"-nm_t-": "Zoë", "-nm_h-": "Zo&euml;"},
        "custom_args": {"bs_delivery": str(number)},
        "headers": {"List-Unsubscribe": f"<https://letters.example.com/u/{number}>"},
    }
    return changed(whole, changes)


def request(rows=3, **changes):
    """A valid request; a change to `...` leaves the field out."""
    whole = {
        "personalizations": [row(number) for number in range(rows)],
        "from": {"email": "letters@example.com", "name": "Letters"},
        "subject": "Hello -nm_t-",
        "content": [
            {"type": "text/plain", "value": "Hello -nm_t-"},
            {"type": "text/html", "value": "<p>Hello -nm_h-</p>"},
        ],
        "custom_args": {"bs_submission": "abc"},
        "headers": {"List-Id": "<letters.example.com>"},
        "categories": ["letters"],
        "tracking_settings": {"click_tracking": {"enable": False, "enable_text": False}},
    }
    return changed(whole, changes)


def changed(whole, changes):
    whole.update({key.removesuffix("_"): value for key, value in changes.items()})
    return {key: value for key, value in whole.items() if value is not ...}
