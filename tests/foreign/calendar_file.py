"""Reads the calendar file that the tests of the program pin, and says what a calendar would show."""

import datetime
import sys

from icalendar import Calendar

raw = open(sys.argv[1], "rb").read()
lines = raw.split(b"\r\n")
assert lines.pop() == b"" and not any(b"\n" in line or b"\r" in line or len(line) > 75 for line in lines), "lines"

calendar = Calendar.from_ical(raw)
(event,) = calendar.walk("VEVENT")
broken = [*calendar.errors, *event.errors]
assert not broken, broken
assert (calendar["VERSION"], calendar["METHOD"]) == ("2.0", "PUBLISH"), calendar
utc = datetime.timezone.utc
assert event.decoded("DTSTART") == datetime.datetime(2027, 1, 11, 8, tzinfo=utc), event
assert event.decoded("DTEND") - event.decoded("DTSTART") == datetime.timedelta(minutes=15), event
assert event.decoded("DTSTAMP") == datetime.datetime(2026, 12, 12, 7, 30, 5, tzinfo=utc), event
assert (event["UID"], event["SEQUENCE"]) == ("6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", 12), event
assert event["ORGANIZER"] == "mailto:it-security@contoso.example", event
assert event["SUMMARY"] == "Ihre Anmeldung braucht ab 11. Januar 2027 einen zweiten Schritt", event
expected = (
    "Guten Tag Zoë; Müller, \\ Söhne,\n\n"
    "ab 11. Januar 2027, 09:00 Uhr (Europe/Berlin, UTC+01:00) braucht Ihr Konto MFA."
)
assert event["DESCRIPTION"] == expected, event["DESCRIPTION"]
print("the calendar file is read as it was written")

# The helpdesk's calendar, where one was made: an entry for each date, each with a UID of its own.
if len(sys.argv) > 2:
    raw = open(sys.argv[2], "rb").read()
    assert not any(len(line) > 75 or b"\n" in line for line in raw.split(b"\r\n")), "lines"
    helpdesk = Calendar.from_ical(raw)
    events = helpdesk.walk("VEVENT")
    assert events and not helpdesk.errors and not any(event.errors for event in events), helpdesk.errors
    assert len({str(event["UID"]) for event in events}) == len(events), "a UID stands for one date"
    starts = [event.decoded("DTSTART") for event in events]
    assert starts == sorted(starts) and all(not start.utcoffset() for start in starts), starts
    assert all(event["SUMMARY"].startswith("MFA, ") for event in events), events
    print(f"the helpdesk's calendar has {len(events)} dates")
