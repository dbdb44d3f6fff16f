//! The way to the tenant: a proxy of the plan, of the environment, none; authorities of one's own; and what never goes through.
//!
//! The proxy of these tests takes CONNECT only, whatever the name, and leads to the simulated tenant. No name is looked up.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use tidegate::clock::Clock;
use tidegate::sim::{Options, Tenant, Transport, serve};

use super::bed::{Bed, Ended, Running, lock};
use super::plans;

/// A proxy that would lead to this port wants a login.
const STRICT: u16 = 1;

/// Names that exist nowhere.
const GRAPH: &str = "graph.contoso.invalid";
const LOGIN: &str = "login.contoso.invalid";

/// A proxy, and the heads of the requests that it saw.
struct Between {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Between {
    fn new(leads_to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let heads = Arc::clone(&seen);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let heads = Arc::clone(&heads);
                std::thread::spawn(move || connect(client, leads_to, &heads));
            }
        });
        Self { url, seen }
    }

    /// What was asked for since the last look.
    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.seen))
    }
}

fn connect(mut client: TcpStream, leads_to: SocketAddr, heads: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let no = match (head.starts_with("CONNECT "), leads_to.port()) {
        (false, _) => Some("405 Method Not Allowed"),
        (true, STRICT) if !head.to_lowercase().contains("proxy-authorization") => Some("407 Proxy Authentication Required"),
        _ => None,
    };
    lock(heads).push(head);
    if let Some(no) = no {
        let _ = client.write_all(format!("HTTP/1.1 {no}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
        return;
    }
    let Ok(mut server) = TcpStream::connect(leads_to) else { return };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut from, &mut to).map(|_| to.shutdown(std::net::Shutdown::Write)));
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(std::net::Shutdown::Write);
}

/// The tenant over TLS under those names; its certificate is written to `ca`.
fn tenant(runtime: &tokio::runtime::Runtime, ca: &Path) -> SocketAddr {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let names = [GRAPH, LOGIN].map(str::to_owned).to_vec();
    let transport = Transport::Tls { certificate: ca.to_owned(), names };
    let tenant = Arc::new(Mutex::new(Tenant::new(plans::orderly(40))));
    runtime.spawn(serve(listener, tenant, Options { clock: Clock::system(), transport }));
    address
}

/// `plan` with these lines in `[tenant]` and these variables.
fn ended(bed: &Bed, lines: &str, variables: &[(&str, &str)]) -> Ended {
    let text = plans::short(bed, "");
    let address = |key: &str, host: &str| format!("{key} = \"https://{host}\"");
    let text = text
        .replace(&format!("graph_url = \"{}\"", bed.url()), &format!("{}\n{lines}", address("graph_url", GRAPH)))
        .replace(&format!("login_url = \"{}\"", bed.url()), &address("login_url", LOGIN));
    bed.write("plan.toml", &text);
    let mut command = bed.command(&["plan"]);
    command.envs(variables.iter().copied());
    Running::new(command).ends()
}

#[test]
fn the_proxy_of_the_plan_wins_over_the_environments() {
    let bed = Bed::new(plans::orderly(20));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tenant = tenant(&runtime, &bed.path("ca.pem"));
    while !bed.path("ca.pem").exists() {
        std::thread::yield_now();
    }
    let (ours, theirs) = (Between::new(tenant), Between::new(tenant));
    let environment = [("HTTPS_PROXY", theirs.url.as_str())];
    let through = format!("proxy = \"{}\"\nca_file = \"ca.pem\"", ours.url);

    ended(&bed, &through, &environment).with(0);
    let seen = ours.seen();
    for name in [GRAPH, LOGIN] {
        assert!(seen.iter().any(|head| head.starts_with(&format!("CONNECT {name}:443 "))), "{seen:?}");
    }
    assert!(seen.iter().all(|head| !head.to_lowercase().contains("authorization")), "no token, no login: {seen:?}");
    assert_eq!(theirs.seen(), Vec::<String>::new());

    bed.write("login", "user:hunter2\n");
    ended(&bed, &format!("{through}\nproxy_login_file = \"login\""), &[]).with(0);
    let seen = ours.seen();
    assert!(seen.iter().all(|head| head.to_lowercase().contains("proxy-authorization: basic dxnlcjpodw50zxiy")), "{seen:?}");

    ended(&bed, "ca_file = \"ca.pem\"", &environment).with(0);
    assert!(!theirs.seen().is_empty() && ours.seen().is_empty(), "the environment's by default");

    let said = ended(&bed, "ca_file = \"ca.pem\"\nproxy = \"none\"", &environment).with(4);
    assert!(said.says().contains("login service did not answer"), "the names exist nowhere: {}", said.says());
    assert_eq!((theirs.seen().len(), ours.seen().len()), (0, 0), "`none` is none");

    let said = ended(&bed, &format!("proxy = \"{}\"", ours.url), &[]).with(4);
    assert!(said.says().contains("tenant.ca_file"), "an unknown authority: {}", said.says());
}

#[test]
fn a_proxy_that_wants_a_login_is_named_with_the_remedy() {
    let bed = Bed::new(plans::orderly(20));
    let strict = Between::new(SocketAddr::from(([127, 0, 0, 1], STRICT)));
    let said = ended(&bed, &format!("proxy = \"{}\"", strict.url), &[]).with(4);
    assert!(said.says().contains("tenant.proxy_login_file"), "{}", said.says());
    assert!(!strict.seen().is_empty());
}

#[test]
fn loopback_and_a_machines_identity_never_go_through_a_proxy() {
    let bed = Bed::new(plans::orderly(20));
    let nowhere = Between::new("127.0.0.1:1".parse().unwrap());
    let identity = format!("managed_identity = true\nmanaged_identity_url = \"{}\"", bed.url());
    for keys in ["secret_file = \"secret\"", &identity] {
        let text = plans::short(&bed, "").replace("secret_file = \"secret\"", keys);
        bed.write("plan.toml", &text.replace("[credentials]", &format!("proxy = \"{}\"\n[credentials]", nowhere.url)));
        bed.run(&["plan"]).with(0);
        bed.write("plan.toml", &text);
        let mut command = bed.command(&["plan"]);
        command.envs([("HTTP_PROXY", &nowhere.url), ("HTTPS_PROXY", &nowhere.url), ("ALL_PROXY", &nowhere.url)]);
        Running::new(command).ends().with(0);
    }
    assert_eq!(nowhere.seen(), Vec::<String>::new());
}

#[test]
fn a_password_in_the_proxys_address_is_refused_with_the_remedy() {
    let bed = Bed::new(plans::orderly(20));
    let said = ended(&bed, "proxy = \"http://user:hunter2@127.0.0.1:3128\"", &[]).with(3);
    assert!(said.log.contains("tenant.proxy_login_file") && !said.log.contains("hunter2"), "{}", said.log);
}
