//! The token goes to the tenant and nowhere else: real sockets, the real client, every read that follows links, and a trap.
//!
//! A false tenant answers everything with links, redirects and headers that lead to the trap, written in every way that has ever
//! fooled a parser. Nothing may arrive there: no token, no secret, no request at all.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use secrecy::SecretString;
use serde_json::{Value, json};
use tidegate::clock::{Clock, Pace};
use tidegate::enforcement::Enforcer;
use tidegate::engine::port::{Answer, Enforce, Tenant as _};
use tidegate::graph::Graph;
use tidegate::graph::endpoints::Endpoints;
use tidegate::graph::token::Credentials;
use tidegate::graph::wire::{Https, Way};
use tidegate::rollout::id::ObjectId;
use tidegate::rollout::observed::Target;
use tidegate::rollout::plan::Enforcement;
use tidegate::sim::{Fate, serve_answers};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

const ID: &str = "02bd9fd6-8f93-4758-87c3-1fb73740a315";

/// A listener that answers nothing and keeps what arrives.
#[derive(Clone)]
struct Trap {
    address: SocketAddr,
    caught: Arc<Mutex<Vec<String>>>,
}

impl Trap {
    async fn new(address: &str) -> Option<Self> {
        let listener = TcpListener::bind(address).await.ok()?;
        let trap = Self { address: listener.local_addr().ok()?, caught: Arc::default() };
        let caught = Arc::clone(&trap.caught);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut first = [0; 2048];
                let read = stream.read(&mut first).await.unwrap_or(0);
                caught.lock().unwrap().push(String::from_utf8_lossy(&first[..read]).into_owned());
            }
        });
        Some(trap)
    }
}

/// What the false tenant answers with; `{link}` is the lure.
#[derive(Clone, Copy, Debug)]
enum Lure {
    /// A page whose links lead away, and headers that do.
    Page,
    /// A redirect of this status.
    Redirect(u16),
    /// An error of this status with a Location.
    Error(u16),
    /// The token endpoint redirects.
    Login(u16),
    /// Listings are whole; where changes are to be followed leads away.
    DeltaLink,
    /// Listings are whole, and changes are to be followed at home; the second page of a round leads away.
    DeltaPage,
}

impl Lure {
    /// Whether only those meet it who follow changes.
    const fn is_of_changes(self) -> bool {
        matches!(self, Self::DeltaLink | Self::DeltaPage)
    }
}

type Bait = Arc<Mutex<(Lure, String)>>;

/// The false tenant's answer.
fn answer(bait: &Bait, request: &Request<Bytes>) -> Fate {
    let (lure, link) = bait.lock().unwrap().clone();
    let path = request.uri().path();
    let is_login = path.ends_with("/token");
    let is_round = path.ends_with("/users/delta") && !request.uri().query().unwrap_or_default().contains("latest");
    let next = (!lure.is_of_changes() || (matches!(lure, Lure::DeltaPage) && is_round)).then_some(&link);
    let home = || request.uri().authority().map(|home| format!("http://{home}/v1.0/users/delta?$deltatoken=home"));
    let delta = if matches!(lure, Lure::DeltaPage) { home() } else { Some(link.clone()) };
    let page = || {
        json!({
            "id": ID, "displayName": "g", "securityEnabled": true, "principalId": ID,
            "value": [{ "id": ID, "displayName": "g", "securityEnabled": true, "userPrincipalName": "a@b.example" }],
            "@odata.nextLink": next, "@odata.deltaLink": delta, "@odata.id": link, "@odata.context": link,
        })
    };
    let (status, body) = match lure {
        Lure::Login(status) if is_login => (status, String::new()),
        _ if is_login => {
            let granted = json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "precious", "resource": link });
            (200, granted.to_string())
        }
        Lure::Redirect(status) | Lure::Error(status) => (status, String::new()),
        _ if path.ends_with("/$batch") => {
            let asked: Value = serde_json::from_slice(request.body()).unwrap();
            let answers = asked["requests"].as_array().unwrap().iter();
            let answers =
                answers.map(|one| json!({ "id": one["id"], "status": 200, "headers": { "Location": link }, "body": page() }));
            (200, json!({ "responses": answers.collect::<Vec<_>>(), "@odata.nextLink": link }).to_string())
        }
        Lure::Page | Lure::Login(_) | Lure::DeltaLink | Lure::DeltaPage => (200, page().to_string()),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status.try_into().unwrap();
    let headers = [
        ("location", link.clone()),
        ("content-location", link.clone()),
        ("refresh", format!("0;url={link}")),
        ("link", format!("<{link}>; rel=\"next\"")),
        ("www-authenticate", format!("Bearer authorization_uri=\"{link}\"")),
        ("alt-svc", format!("h2=\"{link}\"")),
    ];
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(http::HeaderName::from_static(name), value);
        }
    }
    Fate::Answer(response)
}

/// Every way to write an address that leads to the trap, seen from a tenant at `home`.
fn links(trap: SocketAddr, home: SocketAddr) -> Vec<String> {
    let port = trap.port();
    let mut links = vec![
        format!("http://{trap}/v1.0/users"),
        format!("HTTP://{trap}/v1.0/users?$skiptoken=x"),
        format!("https://{trap}/v1.0/users"),
        format!("//{trap}/v1.0/users"),
        format!("\\\\{trap}/v1.0/users"),
        format!("http:\\\\{trap}\\v1.0\\users"),
        format!("http:/{trap}/v1.0/users"),
        format!("http:{trap}/v1.0/users"),
        format!("http:///{trap}/v1.0/users"),
        format!(" \thttp://{trap}/v1.0/users"),
        format!("ht\ntp://{trap}/v1.0/users"),
        format!("http://{home}@{trap}/v1.0/users"),
        format!("http://{home}\\@{trap}/v1.0/users"),
        format!("http://{home}%2F@{trap}/v1.0/users"),
        format!("http://{home}%40{trap}/v1.0/users"),
        format!("http://user:word@{trap}/v1.0/users"),
        format!("http://{trap}#@{home}/v1.0/users"),
        format!("http://{trap}?@{home}/v1.0/users"),
        format!("http://{trap}\\@{home}/v1.0/users"),
        format!("http://{trap}/@{home}/v1.0/users"),
        format!("http://localhost:{port}/v1.0/users"),
        format!("http://127.1:{port}/v1.0/users"),
        format!("http://2130706433:{port}/v1.0/users"),
        format!("http://0x7f000001:{port}/v1.0/users"),
        format!("http://017700000001:{port}/v1.0/users"),
        format!("http://①②⑦.0.0.1:{port}/v1.0/users"),
        format!("http://127。0。0。1:{port}/v1.0/users"),
        format!("http://[::ffff:127.0.0.1]:{port}/v1.0/users"),
        format!("http://[::1]:{port}/v1.0/users"),
        format!("http://127.0.0.1.:{port}/v1.0/users"),
        format!("http://127.0.0.1:0{port}/v1.0/users"),
        // Our own host under another name, another scheme, another path.
        format!("http://localhost:{}/v1.0/users", home.port()),
        format!("https://{home}/v1.0/users"),
        format!("http://{home}/v1.0/../elsewhere"),
        format!("http://{home}/elsewhere"),
        "file:///etc/passwd".to_owned(),
        format!("data:text/plain,http://{trap}/"),
    ];
    links.dedup();
    links
}

/// A read that follows links. Whoever adds one to the client adds a line here.
struct Follower {
    name: &'static str,
    read: for<'a> fn(&'a Graph, &'a Enforcer) -> Answer<'a, String>,
}

fn target() -> Target {
    Target::Group { group: ID.parse().unwrap(), policy: ID.parse().unwrap() }
}

/// What is asked is asked; whether there is a result matters to nobody here.
macro_rules! asks {
    ($graph:ident, $enforce:ident, $ask:expr) => {
        |$graph, $enforce| {
            let _ = ($graph, $enforce);
            Box::pin(async move { format!("{:?}", $ask.await.map(drop)) })
        }
    };
}

const CHANGES: &str = "changes of the directory";

const FOLLOWERS: [Follower; 10] = [
    Follower { name: "the directory and roles", read: asks!(graph, _enforce, graph.directory()) },
    Follower {
        name: CHANGES,
        read: |graph, _| {
            Box::pin(async move {
                // The first reading asks for no link, the second is given one, and the third follows it.
                for _ in 0..2 {
                    let _ = graph.directory().await;
                }
                format!("{:?}", graph.directory().await.map(drop))
            })
        },
    },
    Follower { name: "people by a filter", read: asks!(graph, _enforce, graph.filtered_people("x eq 1")) },
    Follower { name: "groups by name and their people", read: asks!(graph, _enforce, graph.group_people("g")) },
    Follower { name: "a group's people", read: asks!(graph, _enforce, graph.group_people(ID)) },
    Follower { name: "the registration report", read: asks!(graph, _enforce, graph.registration()) },
    Follower { name: "the sign-in log", read: asks!(graph, _enforce, graph.sign_ins("2027-01-01T00:00:00Z".parse().unwrap())) },
    Follower { name: "the group's members", read: asks!(_graph, enforce, enforce.members(target(), &[])) },
    Follower {
        name: "people in an envelope",
        read: |graph, _| {
            Box::pin(async move {
                let people: Vec<ObjectId> = (1..=40).map(ObjectId::from_bits).collect();
                format!("{:?}", graph.people_now(&people).await.map(drop))
            })
        },
    },
    Follower {
        name: "policies by name, and the policy",
        read: |_, enforce| {
            Box::pin(async move {
                let (group, policy) = (ID.to_owned(), "g".to_owned());
                let wanted = Enforcement::ConditionalAccess { group, policy, manage_policy: false, leaves: None };
                let found = enforce.resolve(&wanted).await.map(drop);
                let safety = enforce.safety(target(), &wanted, &[]).await.map(drop);
                format!("{found:?} {safety:?}")
            })
        },
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_is_sent_to_no_other_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = listener.local_addr().unwrap();
    let bait: Bait = Arc::new(Mutex::new((Lure::Page, String::new())));
    let seen: Arc<Mutex<Vec<(String, String, bool)>>> = Arc::default();
    let (lure, heard) = (Arc::clone(&bait), Arc::clone(&seen));
    let server = tokio::spawn(serve_answers(
        listener,
        Arc::new(move |request| {
            let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
            let token = request.headers().get("authorization").is_some_and(|value| value == "Bearer precious");
            heard.lock().unwrap().push((host, request.uri().path().to_owned(), token));
            answer(&lure, request)
        }),
    ));
    let mut traps = Vec::new();
    for address in ["127.0.0.1:0", "127.0.0.2:0", "[::1]:0"] {
        traps.extend(Trap::new(address).await);
    }
    assert!(!traps.is_empty());

    let root = format!("http://{home}");
    let endpoints = Endpoints::new(&root, &root, "contoso.example").unwrap();
    let client = || {
        let wire = Arc::new(Https::new(&Way::default()).unwrap());
        let clock = Clock::paced("2027-01-18T08:00:00Z".parse().unwrap(), Pace::Max);
        let credentials = Credentials::Secret {
            client_id: "6f6f6f6f-0000-4000-8000-000000000001".to_owned(),
            secret: Arc::new(|| Ok(SecretString::from("word"))),
        };
        Graph::new(wire, clock, endpoints.clone(), credentials, "contoso.example")
    };
    let mut asked = 0;
    for trap in &traps {
        let kinds = [Lure::Page, Lure::DeltaLink, Lure::DeltaPage];
        let mut lures: Vec<(Lure, String)> =
            links(trap.address, home).into_iter().flat_map(|link| kinds.map(|kind| (kind, link.clone()))).collect();
        let away = format!("http://{}/v1.0/users", trap.address);
        lures.extend([301, 302, 303, 307, 308, 300].map(|status| (Lure::Redirect(status), away.clone())));
        lures.extend([401, 410, 429, 503].map(|status| (Lure::Error(status), away.clone())));
        lures.extend([302, 307, 308, 401].map(|status| (Lure::Login(status), away.clone())));
        for (lure, link) in lures {
            *bait.lock().unwrap() = (lure, link.clone());
            let graph = client();
            let enforce = Enforcer::new(graph.clone());
            for follower in FOLLOWERS.iter().filter(|follower| !lure.is_of_changes() || follower.name == CHANGES) {
                let before = seen.lock().unwrap().len();
                let outcome = (follower.read)(&graph, &enforce).await;
                assert!(seen.lock().unwrap().len() > before, "{}: nothing was asked: {outcome}", follower.name);
                let caught = trap.caught.lock().unwrap().clone();
                assert!(caught.is_empty(), "{} followed {lure:?} {link}: {caught:?}", follower.name);
                let rounds = seen.lock().unwrap()[before..].iter().filter(|(_, path, _)| path.ends_with("/users/delta")).count();
                assert!(!matches!(lure, Lure::DeltaPage) || rounds >= 2, "the round was begun");
                asked += 1;
            }
        }
    }
    for (host, path, _) in seen.lock().unwrap().iter() {
        assert_eq!(*host, home.to_string(), "another name of the same place was asked for {path}");
        assert!(path.starts_with("/v1.0/") || path.starts_with("/beta/") || path.ends_with("/token"), "{path}");
    }
    assert!(seen.lock().unwrap().iter().filter(|(.., token)| *token).count() > 500, "the token goes to the tenant");
    // A link that leads home is followed, and the traps do catch.
    *bait.lock().unwrap() = (Lure::Page, format!("{root}/v1.0/users?$skiptoken=home"));
    let graph = client();
    let before = seen.lock().unwrap().len();
    let _ = graph.filtered_people("x eq 1").await;
    assert!(seen.lock().unwrap().len() >= before + 3, "token, page, next page");
    for trap in &traps {
        tokio::io::AsyncWriteExt::write_all(&mut tokio::net::TcpStream::connect(trap.address).await.unwrap(), b"x")
            .await
            .unwrap();
        while trap.caught.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    }
    println!("{asked} reads, {} traps, nothing caught", traps.len());
    server.abort();
}
