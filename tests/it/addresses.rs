//! The allow-list under a rain of addresses: whatever it admits goes to the configured host, scheme and port, parsed as it will be sent.

use bytes::Bytes;
use http::Request;
use tidegate::graph::endpoints::Endpoints;
use url::Url;

/// A small generator: the same addresses every time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.throw(from.len())]
    }
}

const ROOTS: [&str; 6] = [
    "https://graph.microsoft.com",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
    "http://127.0.0.1:8901/tenant-a",
    "http://[::1]:8901",
    "http://localhost:8901",
];

const EVIL: [&str; 14] = [
    "evil.example",
    "EVIL.example",
    "evil.example.",
    "127.0.0.2",
    "[::2]",
    "[::ffff:127.0.0.1]",
    "0x7f.2",
    "evil\u{3002}example",
    "xn--grph-0na.microsoft.com",
    "gr\u{e4}ph.microsoft.com",
    "graph.microsoft.com.evil.example",
    "evilgraph.microsoft.com",
    "%65vil.example",
    "",
];

const SCHEMES: [&str; 12] =
    ["https", "http", "HTTPS", "hTTp", "ftp", "file", "ws", "", "https\t", "ht\ntps", "javascript", "blob:https"];
const SLASHES: [&str; 9] = ["://", ":/", ":", ":\\\\", ":///", "://\t", ":/\\", "//", "\\\\"];
const BEFORE_HOST: [&str; 12] = ["", "", "", "", "user@", "user:word@", "@", ":@", "%40", "a\\@", "a/@", "a#@"];
const AFTER_HOST: [&str; 22] = [
    "", "", "", "", ".", "..", ":443", ":80", ":8901", ":0443", ":", ":99999", ":-1", "%00", "%2e", "%2F", "%40", "\\", "#", "?",
    ";", "\u{ad}",
];
const PATHS: [&str; 20] = [
    "/v1.0/users",
    "/v1.0/users?$skiptoken=a",
    "/beta/users",
    "/tenant-a/v1.0/users",
    "/v1.0/../admin",
    "/v1.0/%2e%2e/admin",
    "/v1.0/.%2e/.%2e/",
    "/v1.0\\..\\admin",
    "//v1.0/users",
    "/v1.0//evil.example/",
    "\\v1.0\\users",
    "/v1.0/users#fragment",
    "/v1.0/@evil.example",
    "/v1.0/users?next=http://evil.example/",
    "/v1.0/users\t",
    "/v1.0/\u{0}",
    "/v2.0/users",
    "v1.0/users",
    "",
    "/v1.0/ä?ö=ü",
];
const NOISE: [&str; 18] =
    ["\t", "\n", "\r", " ", "\\", "/", "@", ":", "#", "?", "%", "%00", ".", "\u{ff0e}", "\u{2100}", "\u{200d}", "[", "]"];

/// An address: pieces in the right order, then noise at random places.
fn address(dice: &mut Dice, root: &Url) -> String {
    let own = root.host_str().unwrap().to_owned();
    let port = root.port().map(|port| format!(":{port}")).unwrap_or_default();
    let cased: String = own.chars().enumerate().map(|(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c }).collect();
    let evil = dice.pick(&EVIL);
    let host = match dice.throw(9) {
        0..=2 => format!("{own}{port}"),
        3 => format!("{cased}{port}"),
        4 => format!("{own}{port}@{evil}"),
        5 => format!("{evil}@{own}{port}"),
        6 => format!("{own}.{evil}"),
        7 => own.clone(),
        _ => evil.to_owned(),
    };
    let scheme = if dice.throw(2) == 0 { root.scheme() } else { dice.pick(&SCHEMES) };
    let slashes = if dice.throw(2) == 0 { "://" } else { dice.pick(&SLASHES) };
    let path = if dice.throw(3) == 0 {
        format!("{}/v1.0/users", root.path().trim_end_matches('/'))
    } else {
        dice.pick(&PATHS).to_owned()
    };
    let mut text = format!("{scheme}{slashes}{}{host}{}{path}", dice.pick(&BEFORE_HOST), dice.pick(&AFTER_HOST));
    for _ in 0..dice.throw(3) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        text.insert_str(places[dice.throw(places.len())], dice.pick(&NOISE));
    }
    text
}

/// Where a simple reading of the rules for `http` and `https` finds the host: after any slashes, up to the first thing that ends it.
fn authority(text: &str) -> Option<String> {
    let text: String = text.trim_matches(|c: char| c <= ' ').chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
    let (_, rest) = text.split_once(':')?;
    let rest = rest.trim_start_matches(['/', '\\']);
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    Some(rest[..end].to_lowercase())
}

/// Where the request would go: as the transport builds it, and as the client reads that.
fn goes_to(url: &Url) -> Option<(String, String, u16)> {
    let request = Request::get(url.as_str()).body(Bytes::new()).ok()?;
    let (uri_host, uri_port) = (request.uri().host()?.to_owned(), request.uri().port_u16());
    let request = reqwest::Request::try_from(request).ok()?;
    let sent = request.url();
    assert!(sent.username().is_empty() && sent.password().is_none(), "{sent}");
    assert_eq!((sent.host_str(), sent.port()), (Some(uri_host.as_str()), uri_port), "both readings agree: {sent}");
    Some((sent.scheme().to_owned(), sent.host_str()?.to_owned(), sent.port_or_known_default()?))
}

#[test]
fn whatever_is_admitted_goes_to_the_configured_place() {
    let mut dice = Dice(7);
    let (mut tried, mut admitted) = (0, 0);
    for root in ROOTS {
        let endpoints = Endpoints::new(root, root, "t").unwrap();
        let home = Url::parse(root).unwrap();
        let place = (home.scheme().to_owned(), home.host_str().unwrap().to_owned(), home.port_or_known_default().unwrap());
        let below = home.path().trim_end_matches('/').to_owned();
        for _ in 0..20_000 {
            let text = address(&mut dice, &home);
            tried += 1;
            let Ok(url) = endpoints.admits(&text) else { continue };
            admitted += 1;
            assert_eq!(goes_to(&url).as_ref(), Some(&place), "{text:?}");
            let path = url.path().strip_prefix(&below).unwrap();
            assert!(path.starts_with("/v1.0/") || path.starts_with("/beta/"), "{text:?}");
            if let Some(authority) = authority(&text).filter(|_| home.scheme() == "https") {
                let known = [place.1.clone(), format!("{}:443", place.1), format!("{}:0443", place.1), format!("{}:", place.1)];
                let plain = authority.trim_start_matches([':', '@']).replace(['\u{ad}', '\u{200d}'], "");
                assert!(known.contains(&plain), "{text:?}: {authority}");
            }
        }
    }
    println!("{tried} addresses, {admitted} admitted");
    assert!(admitted > 1_000, "{admitted} of {tried}");
}

proptest::proptest! {
    #[test]
    fn no_text_at_all_leads_elsewhere(text in "\\PC{0,60}", front in 0_usize..4) {
        let root = "https://graph.microsoft.com";
        let endpoints = Endpoints::new(root, root, "t").unwrap();
        let text = match front {
            0 => text,
            1 => format!("{root}{text}"),
            2 => format!("{root}/v1.0/{text}"),
            _ => format!("https://{text}{root}/v1.0/"),
        };
        if let Ok(url) = endpoints.admits(&text)
            && let Some((scheme, host, port)) = goes_to(&url)
        {
            proptest::prop_assert_eq!((scheme.as_str(), host.as_str(), port), ("https", "graph.microsoft.com", 443));
        }
    }
}
