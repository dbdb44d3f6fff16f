//! `notices preview` from outside: without a tenant, for a person of the tenant, and as a test mail that promises nobody anything.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use super::bed::Bed;
use super::plans;

/// Somebody of the tenant who has a mail address.
const SOMEBODY: &str = "it-security@contoso.example";

#[test]
fn a_notice_is_shown_and_written_without_a_tenant() {
    let bed = Bed::new(plans::orderly(40));
    plans::short(&bed, "");
    // From here on nobody answers.
    bed.watch(|_, request| panic!("{request:?} was asked"));
    let shown = bed.run(&["notices", "preview", "--kind", "reminder", "--language", "de-AT"]).with(0).out;
    assert!(shown.starts_with("Subject: Erinnerung: Ihre Anmeldung braucht ab 11. Januar 2027"), "{shown}");
    assert!(shown.contains("Guten Tag Robin Example,") && shown.contains("https://help.contoso.example"), "{shown}");

    bed.run(&["notices", "preview", "--to", "letter.html"]).with(0);
    let page = std::fs::read_to_string(bed.path("letter.html")).unwrap();
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">") && page.contains("Hello Robin Example,"), "{page}");
    assert!(bed.run(&["notices", "preview", "--to", "letter.doc"]).with(2).says().contains(".html or .txt"));
    assert!(bed.run(&["notices", "preview", "--kind", "bill"]).with(2).log.contains("expected one of announcement, reminder"));

    assert!(bed.run(&["notices", "preview", "--all", "all"]).with(0).out.contains("40 files"));
    let withdrawn = std::fs::read_to_string(bed.path("all").join("en-withdrawn.txt")).unwrap();
    assert!(withdrawn.contains("does not hold any more"), "{withdrawn}");

    let json = bed.run(&["--json", "notices", "preview", "--kind", "ready"]).with(0).out;
    let letter: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&letter["kind"], &letter["language"]), (&"ready".into(), &"en".into()));
}

#[test]
fn a_plan_with_a_bad_text_shows_nothing() {
    let bed = Bed::new(plans::orderly(40));
    let plan = plans::short(&bed, "").replace("renotice = \"1d\"", "renotice = \"1d\"\ntemplates = \"texts\"");
    bed.write("plan.toml", &plan);
    std::fs::create_dir(bed.path("texts")).unwrap();
    bed.write("texts/fr.toml", "subject = \"s\"\nbody = \"\"\"\n{{ date }}\n<b>{{ helpdesk }}</b>\n\"\"\"\n");
    for command in [&["check"][..], &["notices", "preview"], &["plan"]] {
        let says = bed.run(command).with(3).log;
        assert!(says.contains("fr.toml:4:1: body: holds HTML: `<b>`"), "{command:?}: {says}");
    }
}

#[test]
fn a_person_of_the_tenant_is_greeted_by_their_name() {
    let bed = Bed::new(plans::orderly(40));
    plans::short(&bed, "");
    let shown = bed.run(&["notices", "preview", "--person", SOMEBODY]).with(0).out;
    assert!(shown.starts_with("Subject: ") && !shown.contains("Robin Example"), "{shown}");
    assert!(bed.run(&["notices", "preview", "--person", "nobody@contoso.example"]).with(1).says().contains("nobody is called"));
    assert!(bed.tenant().mails().is_empty(), "nobody was promised anything");
}

#[test]
fn a_test_mail_goes_to_the_plans_own_addresses_only_and_promises_nothing() {
    let bed = Bed::new(plans::orderly(40));
    let plan = plans::short(&bed, "");
    let refused = bed.run(&["notices", "preview", "--mail", SOMEBODY]).with(2).log;
    assert!(refused.contains("add it to `notices.test_to`"), "{refused}");

    bed.write("plan.toml", &plan.replace("renotice = \"1d\"", &format!("renotice = \"1d\"\ntest_to = [\"{SOMEBODY}\"]")));
    let said = bed.run(&["notices", "preview", "--mail", "IT-Security@contoso.example", "--kind", "started"]).with(0).out;
    assert!(said.contains("has taken a test of the `started`"), "{said}");
    assert!(bed.tenant().mails().is_empty() && bed.tenant().violations().is_empty(), "nobody was promised anything");
}

/// A mail server for one mail; what was said to it.
fn mail_server() -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut write = stream.try_clone().unwrap();
        write.write_all(b"220 ready\r\n").unwrap();
        let (mut said, mut in_mail) = (String::new(), false);
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            said.push_str(&line);
            said.push('\n');
            let answer = match line.as_str() {
                "." => "250 fine\r\n",
                _ if in_mail => "",
                "DATA" => "354 go on\r\n",
                "QUIT" => "221 bye\r\n",
                _ => "250 fine\r\n",
            };
            in_mail = answer.starts_with("354") || in_mail && line != ".";
            write.write_all(answer.as_bytes()).unwrap();
        }
        said
    });
    (port, served)
}

#[test]
fn a_test_mail_goes_the_way_of_the_notices() {
    let bed = Bed::new(plans::orderly(40));
    let plan = plans::short(&bed, "").replace("renotice = \"1d\"", &format!("renotice = \"1d\"\ntest_to = [\"{SOMEBODY}\"]"));
    let (port, served) = mail_server();
    bed.write("plan.toml", &format!("{plan}\n[notices.smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n"));
    // No tenant is needed for it.
    bed.watch(|_, request| panic!("{request:?} was asked"));
    bed.run(&["notices", "preview", "--mail", SOMEBODY]).with(0);
    let said = served.join().unwrap();
    for part in ["RCPT TO:<it-security@contoso.example>", "x-tidegate-test: true", "Message-ID: <test-"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("x-tidegate-instant") && !said.contains("x-tidegate-notice"), "{said}");
    // Where nobody listens any more, it is not sent.
    assert!(bed.run(&["notices", "preview", "--mail", SOMEBODY]).with(4).says().contains("the mail server 127.0.0.1"));
}
