"""Reads every mail of a folder as a mail program would, and says what is odd in it."""

import email
import email.message
import email.policy
import html.parser
import pathlib
import re
import sys

TAGS = set("html head meta style title body div table tr td h1 h2 p ol ul li strong em br".split())
VOID = {"meta", "br"}
ATTRIBUTES = set("lang dir charset name content class style role width cellpadding cellspacing border align".split())


class Page(html.parser.HTMLParser):
    """Keeps the texts, and insists on tags that are known, and closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.seen = [], [], []

    def handle_starttag(self, tag, attributes):
        assert tag in TAGS, tag
        self.seen.append((tag, dict(attributes)))
        for name, value in attributes:
            assert name in ATTRIBUTES, (tag, name)
            assert "url(" not in (value or "") and "javascript:" not in (value or ""), (tag, name, value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            assert "url(" not in data and "@import" not in data, data
        elif data.strip():
            self.texts.append(data)

    def handle_comment(self, data):
        raise AssertionError(data)


def words(text):
    return re.findall(r"\w+", text)


def check(folder, name):
    page_text = (folder / f"{name}.html").read_text("utf-8")
    head, text = (folder / f"{name}.txt").read_text("utf-8").split("\n\n", 1)
    subject = head.removeprefix("Subject: ")
    assert "\n" not in subject and subject, subject

    # As a mail: what is put in comes out, and nothing beside it.
    mail = email.message.EmailMessage(policy=email.policy.SMTP)
    mail["Subject"], mail["From"], mail["To"] = subject, "it@contoso.com", "ann@contoso.com"
    mail.set_content(text)
    mail.add_alternative(page_text, subtype="html")
    read = email.message_from_bytes(mail.as_bytes(), policy=email.policy.SMTP)
    # A long subject is folded by this library, and the folds are spaces.
    assert not read.defects and read["Subject"].split() == subject.split(), (read.defects, read["Subject"])
    assert sorted(read.keys()) == ["Content-Type", "From", "MIME-Version", "Subject", "To"], read.keys()
    plain, rich = read.get_body(("plain",)), read.get_body(("html",))
    assert plain.get_content().split() == text.split()
    assert rich.get_content().split() == page_text.split()

    # As a page.
    page = Page()
    page.feed(page_text)
    page.close()
    assert not page.open, page.open
    tags = [tag for tag, _ in page.seen]
    assert tags.count("h1") == 1 and tags.count("title") == 1, tags
    language = next(attributes["lang"] for tag, attributes in page.seen if tag == "html")
    assert name.startswith(f"{language}-"), language
    assert page.texts[:2] == [subject, subject], page.texts[:2]
    shown = " ".join(page.texts[2:])
    # The numbers of lists are the page's own.
    plain_words = words(re.sub(r"(?m)^\d+\. ", "", text))
    assert words(shown) == plain_words, set(words(shown)) ^ set(plain_words)
    links = set(re.findall(r"https?://[^\s<,]+", shown)) - {"https://help.contoso.com/mfa"}
    assert all(link.startswith("https://intranet.contoso.com/mfa") for link in links), links
    assert len(page_text) < 20_000, len(page_text)


folder = pathlib.Path(sys.argv[1])
names = sorted(path.stem for path in folder.glob("*.html"))
assert len(names) == 20, names
for name in names:
    try:
        check(folder, name)
    except AssertionError as error:
        raise SystemExit(f"{name}: {error!r}") from error
print(f"{len(names)} mails are read as they were written")
