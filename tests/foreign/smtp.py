"""Notices as a foreign mail server takes them: structure, headers, the calendar part; hostile names begin no header."""

import email
import email.policy
import logging
import pathlib
import socket
import subprocess
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

USER, PASSWORD = b"tidegate", b"open sesame 4711"
OPERATOR = "mfa-team@elsewhere.example"
HEADERS = {
    "from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type",
    "x-tidegate-instant", "x-tidegate-notice",
}


class Mailroom:
    """Takes every mail but those to one address, which it does not know."""

    def __init__(self):
        self.mails, self.refused, self.logins = [], None, 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address != OPERATOR and self.refused in (None, address):
            self.refused = address
            return "550 5.1.1 <%s>: no such mailbox" % address
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        return "250 2.0.0 taken"

    def authenticate(self, server, session, envelope, mechanism, data):
        good = (data.login, data.password) == (USER, PASSWORD)
        self.logins += good
        return AuthResult(success=good)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check(sender, receivers, content):
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert not mail.defects, mail.defects
    names = [name.lower() for name in mail.keys()]
    # The server adds one of its own.
    names = [name for name in names if name not in ("x-peer", "x-mailfrom", "x-rcptto")]
    assert sorted(names) == sorted(HEADERS), sorted(names)
    assert [mail["to"]] == receivers and mail["from"] == sender, (mail["to"], receivers)
    assert mail["date"].datetime is not None and mail["auto-submitted"] == "auto-generated"
    assert mail["message-id"] == "<%s@%s>" % (mail["x-tidegate-notice"], sender.split("@")[1])
    assert mail.get_content_type() == "multipart/mixed"
    texts, calendar = mail.iter_parts()
    assert texts.get_content_type() == "multipart/alternative", texts.get_content_type()
    kinds = [part.get_content_type() for part in texts.iter_parts()]
    assert kinds[0] == "text/plain" and kinds[1:] in ([], ["text/html"]), kinds
    text = texts.get_body(("plain",)).get_content()
    instant = mail["x-tidegate-instant"]
    assert instant.endswith("Z") and instant[:4] in text and mail["subject"].strip(), text
    assert calendar.get_content_type() == "text/calendar" and calendar.get_param("method") == "PUBLISH"
    assert calendar.get_filename() == "mfa.ics"
    entry = calendar.get_content().replace("\r\n ", "").replace("\n ", "")
    assert entry.startswith("BEGIN:VCALENDAR") and "ORGANIZER:mailto:%s" % sender.split("@")[0] in entry
    assert "DTSTART:" + instant.replace("-", "").replace(":", "") in entry, entry
    return mail["message-id"]


def check_memo(sender, receivers, content):
    """A mail to operators: no notice, no calendar file, and the first thing it says is what to do."""
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert not mail.defects, mail.defects
    assert receivers == [OPERATOR] and mail["to"] == OPERATOR and mail["from"] == sender, (receivers, mail["to"])
    assert "x-tidegate-instant" not in mail and "x-tidegate-notice" not in mail and mail["subject"].startswith("MFA rollout of ")
    text, page = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "user1" not in text and "<script" not in page and "<a " not in page, text
    return mail["x-tidegate-memo"], mail["subject"]


def main(program, plan):
    # The server warns of logins without TLS, which loopback is for.
    logging.disable(logging.CRITICAL)
    plan, room, port = pathlib.Path(plan), Mailroom(), free_port()
    (plan.parent / "smtp-password").write_bytes(PASSWORD + b"\n")
    (plan.parent / "smtp-password").chmod(0o600)
    lines = [
        "", "[notices.smtp]", 'host = "127.0.0.1"', 'tls = "none"', "port = %d" % port, 'user = "%s"' % USER.decode(),
        'password_file = "smtp-password"', "per_minute = 100000", "", "[reports]", 'to = ["%s"]' % OPERATOR, "",
    ]
    plan.write_text(plan.read_text() + "\n".join(lines))
    controller = Controller(
        room, hostname="127.0.0.1", port=port, authenticator=room.authenticate, auth_required=True, auth_require_tls=False,
    )
    controller.start()
    try:
        # Nobody of the simulated tenant is told through it, so nobody registers: it may end at a gate.
        run = subprocess.run(
            [program, "-c", str(plan), "run", "--pace", "max", "--until-done"], capture_output=True, text=True, timeout=200,
        )
    finally:
        controller.stop()
    assert run.returncode in (0, 5), (run.returncode, run.stderr[-2000:])
    assert PASSWORD.decode() not in run.stdout + run.stderr, "the password is in the log"
    assert len(room.mails) > 5 and room.logins > 0, (len(room.mails), run.stderr[-2000:])
    memos = [check_memo(*mail) for mail in room.mails if b"\r\nx-tidegate-memo:" in mail[2].lower()]
    assert len(set(memos)) == len(memos) and any("the week to" in subject for _, subject in memos), memos
    room.mails = [mail for mail in room.mails if b"\r\nx-tidegate-memo:" not in mail[2].lower()]
    ids = [check(*mail) for mail in room.mails]
    assert len(set(ids)) == len(ids), "a notice came twice"
    assert all(room.refused not in receivers for _, receivers, _ in room.mails)
    journal = "".join(file.read_text() for file in sorted((plan.parent / "state" / "journal").glob("*.log")))
    assert "the mail server refuses the address: 550 5.1.1" in journal and room.refused not in journal
    assert OPERATOR not in journal, "an operator's address is in the journal"
    print("%d mails, one address refused, %d mails to operators, %d logins" % (len(ids), len(memos), room.logins))


main(*sys.argv[1:])
