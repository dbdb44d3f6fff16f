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
