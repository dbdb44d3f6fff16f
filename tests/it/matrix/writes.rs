//! Binds and mails: refusals that mean nothing, that mean one of twenty, and answers that are not true.

use tidegate::sim::{Change, Deed, ENFORCED_GROUP, Misfortune, When};

use super::row::{ALWAYS, BIND, EVERYONE, MAIL, PILOT, Row, TOLD, change, done, error, fault, later, row, status, with_body};
use super::stage::people;

const ALREADY: &str = "One or more added object references already exist for the following modified properties: 'members'.";
const MISSING: &str = "Resource 'x' does not exist or one of its queried reference-property objects are not present.";
const FRESH: &str = "The source resource object or one of the objects being referenced do not exist.";
const SYNCED: &str = "Unable to update the specified properties for on-premises mastered Directory Sync objects.";

pub(super) fn rows() -> Vec<Row> {
    let people = people();
    let (one, other) = (people.pilot, people.everyone);
    let bad = |message: &str| error(400, "Request_BadRequest", message);
    let gone = |message: &str| error(404, "Request_ResourceNotFound", message);
    let put = |person| Change::AddMember { group: ENFORCED_GROUP.to_owned(), person };
    vec![
        row("400: already a member, though no listing shows it, once").at(PILOT, fault(BIND, 1, bad(ALREADY))),
        row("400: already members, though no listing shows it, for a while").at(PILOT, fault(BIND, 12, bad(ALREADY))),
        row("400: somebody was put in by hand just before the write").when(When::Write(1), change(put(one.to_string()))),
        row("400: all of twenty are refused for one who was put in by hand").when(When::Write(4), change(put(other.to_string()))),
        row("404: all of twenty are refused for one who was deleted")
            .when(When::Write(4), change(Change::DeleteUser(other.to_string())))
            .but(other, "left"),
        row("404: a replica does not know a fresh object, once").at(PILOT, fault(BIND, 1, gone(MISSING))),
        row("404: a replica does not know fresh objects, for a while").at(PILOT, fault(BIND, 30, gone(MISSING))),
        row("400: a replica does not know a fresh object").at(PILOT, fault(BIND, 2, bad(FRESH))),
        row("400 without a message").at(PILOT, fault(BIND, 1, with_body(400, ""))),
        row("400: the group is synchronised, once").at(PILOT, fault(BIND, 1, bad(SYNCED))),
        row("400: the group is synchronised, for good").at(PILOT, fault(BIND, ALWAYS, bad(SYNCED))).held("the tenant refused"),
        row("403 to a bind, though reads work")
            .at(PILOT, fault(BIND, 3, error(403, "", "You do not have the required permissions"))),
        row("403 to every bind, though reads work")
            .at(PILOT, fault(BIND, ALWAYS, error(403, "Authorization_RequestDenied", "")))
            .held("GroupMember.ReadWrite.All"),
        row("405 to a bind").at(PILOT, fault(BIND, 2, status(405))),
        row("412 to a bind").at(PILOT, fault(BIND, 2, status(412))),
        row("423 to a bind").at(PILOT, fault(BIND, 2, status(423))),
        row("424 to a bind alone").at(PILOT, fault(BIND, 2, status(424))),
        row("501 to a bind").at(PILOT, fault(BIND, 2, status(501))),
        row("509 to a bind").at(PILOT, fault(BIND, 2, status(509))),
        row("a bind is answered 200 and not done").at(PILOT, fault(BIND, 2, with_body(200, "{}"))),
        row("a bind is answered 200 and done").at(PILOT, done(BIND, 2, with_body(200, "{}"))),
        row("a bind is answered 202 and done later").at(PILOT, done(BIND, 1, with_body(202, ""))),
        row("a bind lands and is answered 400").at(PILOT, done(BIND, 1, bad(""))),
        row("a bind lands and is answered 404").at(PILOT, done(BIND, 1, gone(MISSING))),
        row("a bind lands and is answered 403").at(PILOT, done(BIND, 1, status(403))),
        row("a bind lands and is answered 429").at(PILOT, done(BIND, 1, status(429))),
        row("a bind lands and is answered 409").at(PILOT, done(BIND, 1, status(409))),
        row("every bind of a day lands and is answered 504").at(EVERYONE, done(BIND, 3, status(504))),
        row("every other bind is answered 503 and not done")
            .at(EVERYONE, fault(BIND, 1, status(503)))
            .at(EVERYONE, later(BIND, 1, 1, status(503)))
            .at(EVERYONE, later(BIND, 1, 1, status(503))),
        row("the mail service refuses the address, once").at(TOLD, fault(MAIL, 1, error(400, "ErrorInvalidRecipients", ""))),
        row("the mailbox may not be used, for a while")
            .at(TOLD, fault(MAIL, 9, error(403, "ErrorAccessDenied", "Access to OData is disabled."))),
        row("the mailbox has sent too much").at(TOLD, fault(MAIL, 9, error(400, "ErrorExceededMessageLimit", ""))),
        row("the mailbox is not there, for a while").at(TOLD, fault(MAIL, 5, error(404, "ErrorInvalidUser", ""))),
        row("mails are over the concurrency of the mailbox")
            .at(TOLD, fault(MAIL, 6, error(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit."))),
        row("every mail is answered 503 for twenty minutes")
            .at(TOLD, fault(MAIL, ALWAYS, status(503)))
            .at("2027-01-15T08:20:00Z", Deed::EndFaults),
        row("every mail is answered 504 for twenty minutes, and taken")
            .at(TOLD, done(MAIL, ALWAYS, status(504)))
            .at("2027-01-15T08:20:00Z", Deed::EndFaults),
        row("a mail is taken and answered 204").at(TOLD, done(MAIL, 2, with_body(204, ""))),
        row("a mail is taken and answered 500").at(TOLD, done(MAIL, 2, status(500))),
        row("a mail is taken and nobody hears of it").at(TOLD, done(MAIL, 2, Misfortune::Lost)),
    ]
}
